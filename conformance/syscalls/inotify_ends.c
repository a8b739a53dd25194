/* inotify: files removed while open, unmounted file systems, overflow, merging, flags, several instances and processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int fd;
static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void from(int fd, const char *what) {
  static char buf[8192];
  unsigned last = 0;
  printf("%s:", what);
  for (long n; (n = read(fd, buf, sizeof buf)) > 0;)
    for (char *at = buf; at < buf + n;) {
      struct inotify_event *e = (void *)at;
      printf(" %d/%x%s%s", e->wd, e->mask, e->len ? "/" : "", e->len ? e->name : "");
      if (e->cookie) printf(e->cookie == last ? "=" : "+"), last = e->cookie;
      at += sizeof *e + e->len;
    }
  printf("\n");
}
static void events(const char *what) { from(fd, what); }

int main(void) {
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  mkdir("m", 0755);
  mount("none", "m", "tmpfs", 0, 0);
  chdir("m");
  mkdir("d", 0755);
  fd = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(fd, "d", IN_ALL_EVENTS);
  int f = open("d/file", O_CREAT | O_RDWR, 0644);
  int w = inotify_add_watch(fd, "d/file", IN_ALL_EVENTS);
  events("create");
  unlink("d/file");
  events("unlink while open");
  write(f, "x", 1);
  fchmod(f, 0600);
  events("write, chmod");
  int copy = dup(f);
  close(f);
  events("one descriptor");
  close(copy);
  events("the last descriptor");
  say("watch gone", inotify_rm_watch(fd, w));
  /* A mapping keeps it, too. */
  f = open("d/mapped", O_CREAT | O_RDWR, 0644);
  ftruncate(f, 4096);
  char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
  inotify_add_watch(fd, "d/mapped", IN_DELETE_SELF);
  close(f);
  unlink("d/mapped");
  events("mapped");
  munmap(map, 4096);
  events("unmapped");
  /* Not told of names that are gone. */
  mkdir("x", 0755);
  inotify_add_watch(fd, "x", IN_ALL_EVENTS | IN_EXCL_UNLINK);
  f = open("x/file", O_CREAT | O_RDWR, 0644);
  unlink("x/file");
  write(f, "x", 1);
  close(f);
  events("EXCL_UNLINK");
  /* A directory that is somebody's. */
  mkdir("own", 0755);
  inotify_add_watch(fd, "own", IN_ALL_EVENTS);
  f = open("own", O_RDONLY | O_DIRECTORY);
  rmdir("own");
  events("rmdir while open");
  close(f);
  events("closed");
  /* Replaced by rename. */
  close(open("d/a", O_CREAT | O_WRONLY, 0600));
  f = open("d/b", O_CREAT | O_WRONLY, 0600);
  inotify_add_watch(fd, "d/b", IN_ALL_EVENTS);
  inotify_add_watch(fd, "d/a", IN_ALL_EVENTS);
  events("two files");
  rename("d/a", "d/b");
  events("replaced while open");
  close(f);
  events("closed");
  close(open("d/a", O_CREAT | O_WRONLY, 0600));
  events("again");
  syscall(SYS_renameat2, AT_FDCWD, "d/a", AT_FDCWD, "d/b", 2);
  events("exchange");
  /* Attributes. */
  struct timespec times[2] = {{1, 0}, {2, 0}};
  utimensat(AT_FDCWD, "d/a", times, 0);
  chown("d/a", 5, 5);
  setxattr("d/a", "trusted.x", "1", 1, 0);
  removexattr("d/a", "trusted.x");
  events("attributes");
  chmod("d", 0700);
  events("of the directory");
  link("d/a", "d/l");
  unlink("d/l");
  events("link and unlink");
  symlink("a", "d/s");
  inotify_add_watch(fd, "d/s", IN_ALL_EVENTS | IN_DONT_FOLLOW);
  unlink("d/s");
  events("a symbolic link");
  truncate("d/a", 100);
  events("truncate");
  /* Merging looks at the last one only. */
  int other = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(other, "d", IN_MODIFY | IN_ATTRIB);
  f = open("d/a", O_RDWR);
  for (int i = 0; i < 3; i++) write(f, "x", 1);
  fchmod(f, 0644);
  for (int i = 0; i < 3; i++) write(f, "x", 1);
  from(other, "merged");
  close(f);
  close(other);
  events("and all");
  /* From another process; a reader that waits. */
  fcntl(fd, F_SETFL, 0);
  fflush(stdout);
  if (fork() == 0) {
    usleep(20000);
    mkdir("d/late", 0755);
    _exit(0);
  }
  struct pollfd p = {fd, POLLIN, 0};
  say("poll", poll(&p, 1, 5000));
  wait(0);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  events("late");
  chdir("d/late");
  int l = open(".", O_RDONLY);
  fchdir(l);
  close(l);
  chdir("../..");
  events("directories are opened");
  /* Overflow. */
  other = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(other, "d", IN_CREATE | IN_DELETE);
  for (int i = 0; i < 9000; i++) {
    close(open("d/over", O_CREAT | O_WRONLY, 0600));
    unlink("d/over");
  }
  long count = 0, over = 0, after = 0;
  static char buf[65536];
  for (long n; (n = read(other, buf, sizeof buf)) > 0;)
    for (char *at = buf; at < buf + n;) {
      struct inotify_event *e = (void *)at;
      if (e->mask & IN_Q_OVERFLOW) over++, printf("overflow wd %d len %d\n", e->wd, e->len);
      else if (over) after++;
      else count++;
      at += sizeof *e + e->len;
    }
  printf("%ld events, %ld overflow, %ld after\n", count, over, after);
  close(other);
  for (long n; (n = read(fd, buf, sizeof buf)) > 0;) {}
  /* The file system goes. */
  mkdir("inner", 0755);
  mount("none", "inner", "tmpfs", 0, 0);
  close(open("inner/file", O_CREAT | O_WRONLY, 0600));
  inotify_add_watch(fd, "inner", IN_OPEN);
  inotify_add_watch(fd, "inner/file", IN_OPEN | IN_ONESHOT);
  say("umount", umount("inner"));
  static char sorted[16][16];
  int n = 0;
  long got = read(fd, buf, sizeof buf);
  for (char *at = buf; at < buf + got; at += sizeof(struct inotify_event)) sprintf(sorted[n++], "%x", ((struct inotify_event *)at)->mask);
  qsort(sorted, n, 16, (int (*)(const void *, const void *))strcmp);
  for (int i = 0; i < n; i++) puts(sorted[i]);
  chdir("..");
  close(fd);
  say("umount", umount("m"));
  return 0;
}
