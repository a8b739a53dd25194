/* fcntl record locks, OFD locks and flock between processes; waiting, deadlock, release on close and exit. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t parent;
static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
  fflush(stdout);
}
static int lock(int fd, int command, int type, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, command, &l);
}
static void test(const char *what, int fd, int command, int type, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  if (fcntl(fd, command, &l) < 0) { say(what, -1); return; }
  printf("%s: type %d", what, l.l_type);
  if (l.l_type != F_UNLCK)
    printf(" start %ld length %ld pid %s", (long)l.l_start, (long)l.l_len, l.l_pid == parent ? "parent" : l.l_pid == -1 ? "-1" : "other");
  printf("\n");
  fflush(stdout);
}
static int child(void (*body)(int), int fd) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    body(fd);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  return status;
}
static void look(int fd) {
  test("child sees", fd, F_GETLK, F_WRLCK, 0, 0);
  test("child sees behind", fd, F_GETLK, F_WRLCK, 200, 0);
  say("child read lock", lock(fd, F_SETLK, F_RDLCK, 0, 10));
  say("child write lock", lock(fd, F_SETLK, F_WRLCK, 0, 10));
  say("child elsewhere", lock(fd, F_SETLK, F_WRLCK, 300, 10));
}
/* Which lock is shown, where several are in the way, and what became one. */
static void scan(int fd) {
  for (long at = 0; at < 60; at += 10) {
    char what[32];
    snprintf(what, sizeof what, "from %ld", at);
    test(what, fd, F_GETLK, F_WRLCK, at, 0);
  }
}
static void whole(int fd) {
  int own = open("file", O_RDWR);
  say("child flock shared", flock(own, LOCK_SH | LOCK_NB));
  say("child flock exclusive", flock(own, LOCK_EX | LOCK_NB));
  say("child flock on the parent's", flock(fd, LOCK_EX | LOCK_NB));
}
static void nothing(int signal) {}

int main(void) {
  parent = getpid();
  int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
  write(fd, "0123456789", 10);
  say("write lock", lock(fd, F_SETLK, F_WRLCK, 0, 100));
  child(look, fd);
  say("part to read", lock(fd, F_SETLK, F_RDLCK, 20, 10));
  test("own locks do not show", fd, F_GETLK, F_WRLCK, 0, 0);
  child(look, fd);
  say("unlock the middle", lock(fd, F_SETLK, F_UNLCK, 5, 50));
  child(look, fd);
  close(open("file", O_RDONLY));
  printf("closed another descriptor\n");
  child(look, fd);
  int readonly = open("file", O_RDONLY);
  say("write lock of a read-only", lock(readonly, F_SETLK, F_WRLCK, 0, 1));
  say("bad type", lock(fd, F_SETLK, 7, 0, 1));
  say("negative start", lock(fd, F_SETLK, F_WRLCK, -1, 1));
  say("backwards", lock(fd, F_SETLK, F_WRLCK, 10, -5));
  test("unlock in getlk", fd, F_GETLK, F_UNLCK, 0, 0);
  say("bad pointer", fcntl(fd, F_SETLK, 16L));
  lock(fd, F_SETLK, F_UNLCK, 0, 0);

  /* Waiting. */
  int to[2], from[2];
  pipe(to);
  pipe(from);
  lock(fd, F_SETLK, F_WRLCK, 0, 10);
  if (fork() == 0) {
    lock(fd, F_SETLK, F_WRLCK, 50, 10);
    write(from[1], "r", 1);
    int result = lock(fd, F_SETLKW, F_WRLCK, 0, 10);
    write(from[1], result == 0 ? "g" : "x", 1);
    _exit(0);
  }
  char c;
  read(from[0], &c, 1);
  usleep(100000);
  say("deadlock", lock(fd, F_SETLKW, F_WRLCK, 50, 10));
  lock(fd, F_SETLK, F_UNLCK, 0, 0);
  read(from[0], &c, 1);
  printf("the child got it: %c\n", c);
  wait(0);
  test("its exit gave it up", fd, F_GETLK, F_WRLCK, 0, 0);

  pid_t holder = fork();
  if (holder == 0) {
    lock(fd, F_SETLK, F_WRLCK, 0, 10);
    write(from[1], "r", 1);
    pause();
  }
  read(from[0], &c, 1);
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, 0);
  alarm(1);
  say("interrupted", lock(fd, F_SETLKW, F_WRLCK, 0, 10));
  kill(holder, SIGTERM);
  wait(0);

  say("flock", flock(fd, LOCK_EX));
  child(whole, fd);
  say("flock shared", flock(fd, LOCK_SH));
  child(whole, fd);
  int copy = dup(fd);
  say("unlock through a copy", flock(copy, LOCK_UN));
  child(whole, fd);
  say("bad operation", flock(fd, 0));
  say("flock bad fd", flock(99, LOCK_SH));

  int second = open("file", O_RDWR);
  say("OFD", lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5));
  say("OFD of another description", lock(second, F_OFD_SETLK, F_WRLCK, 0, 5));
  test("OFD test", second, F_OFD_GETLK, F_RDLCK, 0, 0);
  test("process test", second, F_GETLK, F_RDLCK, 0, 0);
  close(copy);
  close(fd);
  int third = open("file", O_RDWR);
  lock(third, F_SETLK, F_RDLCK, 30, 10);
  lock(third, F_SETLK, F_RDLCK, 10, 10);
  lock(third, F_SETLK, F_WRLCK, 50, 5);
  child(scan, third);
  lock(third, F_SETLK, F_RDLCK, 20, 10);
  child(scan, third);
  lock(third, F_SETLK, F_WRLCK, 15, 10);
  child(scan, third);
  lock(third, F_SETLK, F_UNLCK, 0, 0);

  say("OFD after close", lock(second, F_OFD_SETLK, F_WRLCK, 0, 5));
  return 0;
}
