/* mkdir, rmdir, getdents64, getdents, seekdir, getcwd, chdir, fchdir, chroot. */
#define _GNU_SOURCE
#include <dirent.h>
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
static int by_name(const void *a, const void *b) {
  return strcmp(*(char **)a, *(char **)b);
}
static void list(const char *path) {
  DIR *dir = opendir(path);
  char *names[1000];
  int count = 0;
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    names[count] = malloc(300);
    sprintf(names[count++], "%s:%d", entry->d_name, entry->d_type);
  }
  qsort(names, count, sizeof *names, by_name);
  printf("%s:", path);
  for (int i = 0; i < count; i++) printf(" %s", names[i]);
  printf("\n");
  if (dir) closedir(dir);
}
static void where(void) {
  static char home[4096], now[4096];
  if (!home[0]) { getcwd(home, sizeof home); return; }
  if (!getcwd(now, sizeof now)) say("getcwd", -1);
  else printf("in %s\n", strncmp(now, home, strlen(home)) ? now : now + strlen(home));
}

int main(void) {
  umask(022);
  where();
  say("mkdir", mkdir("top", 0777));
  say("mkdir again", mkdir("top", 0777));
  say("mkdir in nothing", mkdir("nothing/x", 0777));
  say("mkdir with slashes", mkdir("top/slash//", 0777));
  say("mkdir .", mkdir(".", 0777));
  say("mkdir /", mkdir("/", 0777));
  say("mkdir empty", mkdir("", 0777));
  struct stat st;
  mkdir("modes", 07777);
  stat("modes", &st);
  printf("mode %o\n", st.st_mode);
  chmod("modes", 02755);
  mkdir("modes/inner", 0700);
  stat("modes/inner", &st);
  printf("inherits %o\n", st.st_mode);
  close(open("top/file", O_CREAT | O_WRONLY, 0644));
  symlink("file", "top/link");
  mkfifo("top/fifo", 0600);
  list("top");
  list("top/slash");
  list("nothing");
  say("rmdir full", rmdir("top"));
  say("rmdir file", rmdir("top/file"));
  say("rmdir link", rmdir("top/link"));
  say("rmdir .", rmdir("top/."));
  say("rmdir ..", rmdir("top/slash/.."));
  say("rmdir missing", rmdir("top/none"));
  say("rmdir", rmdir("top/slash/"));
  say("unlink directory", unlink("modes"));
  say("unlinkat directory", unlinkat(AT_FDCWD, "modes/inner", AT_REMOVEDIR));
  say("unlinkat unknown flag", unlinkat(AT_FDCWD, "modes", 1));

  mkdir("many", 0755);
  char name[64];
  for (int i = 0; i < 500; i++) {
    sprintf(name, "many/entry-number-%d", i);
    close(open(name, O_CREAT | O_WRONLY, 0644));
  }
  int fd = open("many", O_RDONLY | O_DIRECTORY);
  char buf[1000];
  int seen = 0, calls = 0;
  for (long n; (n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0; calls++)
    for (long at = 0; at < n; at += *(unsigned short *)(buf + at + 16)) seen++;
  printf("seen %d in several calls %d\n", seen, calls > 5);
  say("at the end", syscall(SYS_getdents64, fd, buf, sizeof buf));
  say("rewind", lseek(fd, 0, SEEK_SET));
  say("too small", syscall(SYS_getdents64, fd, buf, 10));
  say("nowhere", syscall(SYS_getdents64, fd, 16L, 1000));
  seen = 0;
  for (long n; (n = syscall(SYS_getdents, fd, buf, sizeof buf)) > 0;)
    for (long at = 0; at < n; at += *(unsigned short *)(buf + at + 16)) {
      char type = buf[at + *(unsigned short *)(buf + at + 16) - 1];
      if (type == (buf[at + 18] == '.' ? DT_DIR : DT_REG)) seen++;
    }
  printf("seen %d\n", seen);
  int file = open("top/file", O_RDONLY);
  say("of a file", syscall(SYS_getdents64, file, buf, sizeof buf));
  say("bad fd", syscall(SYS_getdents64, 99, buf, sizeof buf));

  DIR *dir = opendir("many");
  for (int i = 0; i < 100; i++) readdir(dir);
  long place = telldir(dir);
  char after[300];
  strcpy(after, readdir(dir)->d_name);
  for (int i = 0; i < 50; i++) readdir(dir);
  seekdir(dir, place);
  printf("seekdir %s\n", strcmp(after, readdir(dir)->d_name) ? "elsewhere" : "back");
  rewinddir(dir);
  int removed = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (entry->d_name[0] == '.') continue;
    sprintf(name, "many/%s", entry->d_name);
    removed += unlink(name) == 0;
  }
  printf("removed %d while reading\n", removed);
  closedir(dir);
  say("rmdir", rmdir("many"));
  say("of a removed one", syscall(SYS_getdents64, fd, buf, sizeof buf));
  fstat(fd, &st);
  printf("links %ld\n", (long)st.st_nlink);

  say("chdir", chdir("top"));
  where();
  say("chdir file", chdir("file"));
  say("chdir missing", chdir("none"));
  say("chdir ..", chdir("../modes/"));
  where();
  say("getcwd small", syscall(SYS_getcwd, buf, 2L));
  say("getcwd nowhere", syscall(SYS_getcwd, 16L, 1000L));
  mkdir("../gone", 0755);
  chdir("../gone");
  rmdir("../gone");
  where();
  say("create in a removed one", open("x", O_CREAT | O_WRONLY, 0600));
  say("mkdir in a removed one", mkdir("x", 0700));
  say("open . of a removed one", open(".", O_RDONLY) < 0 ? -1 : 0);
  list(".");
  say(".. of a removed one", chdir(".."));
  where();
  int top = open("top", O_RDONLY);
  say("fchdir", fchdir(top));
  where();
  say("fchdir file", fchdir(file));
  say("fchdir bad fd", fchdir(99));
  mkdir("jail", 0755);
  say("chroot file", chroot("file"));
  say("chroot", chroot("jail"));
  say("stays", access("file", F_OK));
  chdir("/");
  printf("root has %d\n", access("/jail", F_OK) == 0);
  chdir("../../..");
  printf("cwd %s\n", getcwd(buf, sizeof buf));
  fchdir(top);
  printf("raw cwd %ld %.13s\n", syscall(SYS_getcwd, buf, sizeof buf) > 0, buf);
  return 0;
}
