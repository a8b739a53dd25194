#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
// A file or link that only an O_PATH descriptor holds lives on without its name.
static void say(const char *what, long got) { printf("%s: %s\n", what, got < 0 ? strerror(errno) : "ok"); }
int main(int argc, char **argv) {
  if (argc > 1 && chdir(argv[1]) < 0) return 2;
  char path[64], text[100] = "";
  struct stat s;
  int fd = open("file", O_CREAT | O_RDWR | O_TRUNC, 0755);
  write(fd, "some text", 9);
  close(fd);
  int held = open("file", O_PATH);
  say("unlink", unlink("file"));
  for (int i = 0; i < 20; i++) {
    snprintf(path, sizeof path, "other%d", i);
    fd = open(path, O_CREAT | O_RDWR, 0644);
    write(fd, "other bytes", 11);
    close(fd);
  }
  say("fstat", fstat(held, &s));
  printf("%ld bytes, %d links, %o\n", (long)s.st_size, (int)s.st_nlink, s.st_mode);
  snprintf(path, sizeof path, "/proc/self/fd/%d", held);
  fd = open(path, O_RDWR);
  say("open", fd);
  printf("%ld %s\n", (long)read(fd, text, sizeof text), text);
  say("write", pwrite(fd, "more text, ", 11, 5));
  close(fd);
  fd = open(path, O_RDONLY);
  printf("%ld %s\n", (long)read(fd, text, sizeof text), text);
  close(fd);
  say("link", linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
  close(held);
  char target[] = "a target that is too long to lie in the inode itself of any file system that there is, really";
  symlink(target, "link");
  held = open("link", O_PATH | O_NOFOLLOW);
  say("unlink", unlink("link"));
  memset(text, 0, sizeof text);
  symlink("another target, which may have come where the first one was, if it was given back too early", "new");
  printf("%ld %s\n", (long)readlinkat(held, "", text, sizeof text - 1), text);
  close(held);
  unlink("new");
  for (int i = 0; i < 20; i++) {
    snprintf(path, sizeof path, "other%d", i);
    unlink(path);
  }
  return 0;
}
