/* inotify: which events come for what, in which order, with which names. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd;
static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void events(const char *what) {
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

int main(void) {
  mkdir("d", 0755);
  mkdir("e", 0755);
  fd = inotify_init1(IN_NONBLOCK);
  say("empty", read(fd, &(char[100]){0}, 100));
  int d = inotify_add_watch(fd, "d", IN_ALL_EVENTS), e = inotify_add_watch(fd, "e", IN_ALL_EVENTS);
  printf("%d %d\n", d, e);
  int f = open("d/file", O_CREAT | O_RDWR, 0644);
  events("create");
  write(f, "hello", 5);
  pwrite(f, "hello", 5, 0);
  pread(f, &(char[5]){0}, 5, 0);
  events("write twice, read");
  ftruncate(f, 2);
  fchmod(f, 0600);
  events("truncate, chmod");
  struct pollfd p = {fd, POLLIN, 0};
  printf("poll %d\n", poll(&p, 1, 0));
  close(f);
  printf("poll %d\n", poll(&p, 1, 0));
  int bytes = 0;
  ioctl(fd, FIONREAD, &bytes);
  printf("bytes %d\n", bytes);
  say("too small", read(fd, &(char[20]){0}, 20));
  events("close");
  close(open("d/file", O_RDONLY));
  close(open("d/file", O_WRONLY | O_TRUNC));
  events("open, open and cut");
  int w = inotify_add_watch(fd, "d/file", IN_ALL_EVENTS);
  printf("%d\n", w);
  chmod("d/file", 0644);
  events("chmod seen twice");
  rename("d/file", "d/other");
  events("rename");
  rename("d/other", "e/moved");
  events("rename across");
  link("e/moved", "d/link");
  events("link");
  unlink("e/moved");
  events("unlink of one");
  unlink("d/link");
  events("unlink of the last");
  say("removed watch", inotify_rm_watch(fd, w));
  mkdir("d/sub", 0755);
  rmdir("d/sub");
  events("mkdir, rmdir");
  symlink("x", "d/sym");
  mkfifo("d/fifo", 0600);
  unlink("d/sym");
  unlink("d/fifo");
  events("symlink, mkfifo, unlink");
  close(open("d/a", O_CREAT | O_WRONLY, 0600));
  close(open("d/b", O_CREAT | O_WRONLY, 0600));
  events("two files");
  w = inotify_add_watch(fd, "d/b", IN_ALL_EVENTS);
  rename("d/a", "d/b");
  events("rename over");
  say("same watch", inotify_add_watch(fd, "d", IN_CREATE));
  close(open("d/c", O_CREAT | O_WRONLY, 0600));
  events("only creation");
  say("add to the mask", inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_ADD));
  unlink("d/c");
  mkdir("d/sub", 0755);
  events("both");
  say("MASK_CREATE", inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_CREATE));
  say("ONLYDIR", inotify_add_watch(fd, "d/b", IN_OPEN | IN_ONLYDIR));
  say("missing", inotify_add_watch(fd, "none", IN_OPEN));
  say("no events", inotify_add_watch(fd, "d", 0));
  say("not inotify", inotify_add_watch(0, "d", IN_OPEN));
  say("bad fd", inotify_add_watch(99, "d", IN_OPEN));
  inotify_add_watch(fd, "e", IN_CREATE | IN_ONESHOT);
  close(open("e/1", O_CREAT | O_WRONLY, 0600));
  close(open("e/2", O_CREAT | O_WRONLY, 0600));
  events("one shot");
  say("rm", inotify_rm_watch(fd, d));
  events("ignored");
  rename("d/sub", "d/sub2");
  events("nothing");
  int s = inotify_add_watch(fd, "d/sub2", IN_ALL_EVENTS);
  rename("d/sub2", "d/sub3");
  rmdir("d/sub3");
  events("a directory itself");
  say("unknown flag", inotify_init1(1));
  return s < 0;
}
