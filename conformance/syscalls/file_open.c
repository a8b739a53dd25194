/* open, openat, openat2, creat, close, dup, fcntl, close_range: flags, descriptors and errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
/* Descriptors are closed again, so that each is the lowest free one. */
static void opens(const char *what, int fd) {
  say(what, fd);
  if (fd >= 0) close(fd);
}

struct how { unsigned long long flags, mode, resolve; };
static int openat2_(int dir, const char *path, unsigned long long flags, unsigned long long mode, unsigned long long resolve) {
  struct how how = {flags, mode, resolve};
  return syscall(437, dir, path, &how, sizeof how);
}

int main(void) {
  umask(022);
  opens("missing", open("nothing", O_RDONLY));
  opens("create", open("file", O_WRONLY | O_CREAT, 0666));
  opens("exclusive", open("file", O_WRONLY | O_CREAT | O_EXCL, 0666));
  struct stat st;
  stat("file", &st);
  printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
  opens("create in nothing", open("nothing/file", O_WRONLY | O_CREAT, 0666));
  opens("file as directory", open("file/x", O_RDONLY));
  opens("file with slash", open("file/", O_RDONLY));
  opens("new with slash", open("new/", O_WRONLY | O_CREAT, 0666));
  opens("O_DIRECTORY on file", open("file", O_RDONLY | O_DIRECTORY));
  mkdir("dir", 0755);
  opens("directory", open("dir", O_RDONLY));
  opens("directory to write", open("dir", O_RDWR));
  opens("directory created", open("dir", O_RDONLY | O_CREAT, 0600));
  opens("empty path", open("", O_RDONLY));
  opens("bad pointer", open((char *)8, O_RDONLY));
  char name[300];
  memset(name, 'n', 299);
  name[299] = 0;
  opens("long name", open(name, O_RDONLY));
  char *path = malloc(5000);
  for (int i = 0; i < 4998; i += 2) memcpy(path + i, "./", 2);
  path[4998] = 0;
  opens("long path", open(path, O_RDONLY));
  symlink("file", "link");
  symlink("self", "self");
  symlink("gone", "dangling");
  opens("link", open("link", O_RDONLY));
  opens("O_NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW));
  opens("O_PATH|O_NOFOLLOW", open("link", O_PATH | O_NOFOLLOW));
  opens("self", open("self", O_RDONLY));
  opens("dangling exclusive", open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600));
  opens("dangling", open("dangling", O_WRONLY | O_CREAT, 0600));
  say("made by dangling", access("gone", F_OK));
  opens("creat", creat("made", 0640));
  stat("made", &st);
  printf("mode %o\n", st.st_mode);

  int dir = open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  printf("cloexec %d\n", fcntl(dir, F_GETFD));
  opens("openat", openat(dir, "inner", O_RDWR | O_CREAT, 0600));
  opens("openat ..", openat(dir, "../file", O_RDONLY));
  opens("openat bad fd", openat(99, "file", O_RDONLY));
  opens("openat bad fd, absolute", openat(99, "/", O_RDONLY));
  int file = open("file", O_RDWR | O_APPEND | O_NONBLOCK);
  opens("openat on a file", openat(file, "x", O_RDONLY));
  printf("flags %o\n", fcntl(file, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  say("F_SETFL", fcntl(file, F_SETFL, O_NONBLOCK | O_WRONLY));
  printf("flags %o\n", fcntl(file, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));

  opens("openat2", openat2_(AT_FDCWD, "file", O_RDONLY, 0, 0));
  opens("openat2 unknown flag", openat2_(AT_FDCWD, "file", 1ull << 40, 0, 0));
  opens("openat2 mode without O_CREAT", openat2_(AT_FDCWD, "file", O_RDONLY, 0600, 0));
  opens("openat2 unknown resolve", openat2_(AT_FDCWD, "file", O_RDONLY, 0, 1ull << 20));
  opens("RESOLVE_BENEATH ..", openat2_(dir, "../file", O_RDONLY, 0, 8));
  opens("RESOLVE_BENEATH", openat2_(dir, "inner", O_RDONLY, 0, 8));
  opens("RESOLVE_BENEATH absolute", openat2_(dir, "/inner", O_RDONLY, 0, 8));
  opens("RESOLVE_IN_ROOT", openat2_(dir, "/../../inner", O_RDONLY, 0, 16));
  opens("RESOLVE_NO_SYMLINKS", openat2_(AT_FDCWD, "link", O_RDONLY, 0, 4));
  struct how big[3] = {{O_RDONLY, 0, 0}, {0}, {0}};
  opens("openat2 larger", syscall(437, AT_FDCWD, "file", big, sizeof big));
  big[1].mode = 1;
  opens("openat2 larger, used", syscall(437, AT_FDCWD, "file", big, sizeof big));
  opens("openat2 smaller", syscall(437, AT_FDCWD, "file", big, 16));

  say("dup", dup(file));
  say("dup2 to 20", dup2(file, 20));
  say("dup2 to itself", dup2(file, file));
  say("dup2 of nothing", dup2(50, 3));
  say("dup2 to -1", dup2(file, -1));
  say("dup3 to itself", dup3(file, file, 0));
  say("dup3", dup3(file, 21, O_CLOEXEC));
  printf("cloexec %d\n", fcntl(21, F_GETFD));
  say("F_DUPFD", fcntl(file, F_DUPFD, 10));
  say("F_DUPFD again", fcntl(file, F_DUPFD, 10));
  say("F_DUPFD_CLOEXEC", fcntl(file, F_DUPFD_CLOEXEC, 20));
  say("F_DUPFD negative", fcntl(file, F_DUPFD, -1));
  printf("one position: %ld", (long)write(20, "abc", 3));
  printf(" %ld\n", (long)lseek(10, 0, SEEK_CUR));
  say("close", close(20));
  say("close again", close(20));
  say("close_range", syscall(436, 10, 30, 0));
  say("closed", fcntl(21, F_GETFD));
  say("close_range backwards", syscall(436, 10, 9, 0));
  say("close_range cloexec", syscall(436, 5, 5, 4));
  printf("cloexec %d\n", fcntl(5, F_GETFD));
  int place = open("file", O_PATH);
  say("read of O_PATH", read(place, name, 1));
  say("fchmod of O_PATH", syscall(SYS_fchmod, place, 0600));
  say("fstat of O_PATH", fstat(place, &st));
  printf("flags of O_PATH %o\n", fcntl(place, F_GETFL) & 07777777777);
  opens("openat of O_PATH file", openat(place, "", O_RDONLY));
  int unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
  printf("O_TMPFILE %s\n", unnamed >= 0 && write(unnamed, "x", 1) == 1 ? "ok" : strerror(errno));
  fstat(unnamed, &st);
  printf("links %ld\n", (long)st.st_nlink);
  opens("O_TMPFILE read-only", open(".", O_TMPFILE | O_RDONLY, 0600));
  return 0;
}
