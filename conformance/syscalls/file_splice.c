/* splice, tee, vmsplice: what moves and what does not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}

static void partial(void) {
  // What the other side does not take stays in the pipe.
  int pair[2], big[2];
  char page[4096];
  memset(page, 'p', sizeof page);
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
  pipe(big);
  fcntl(big[1], F_SETPIPE_SZ, 1 << 20);
  fcntl(big[0], F_SETFL, O_NONBLOCK);
  long in = 0, out = 0, n;
  for (int i = 0; i < 256; i++) in += write(big[1], page, sizeof page);
  for (int tries = 0; out < in && tries < 10000; tries++) {
    splice(big[0], 0, pair[0], 0, 1 << 20, SPLICE_F_NONBLOCK);
    while ((n = read(pair[1], page, sizeof page)) > 0) out += n;
  }
  printf("%ld of %ld\n", out, in);
}

int main(void) {
  char buf[100] = {0};
  int one[2], two[2];
  signal(SIGPIPE, SIG_IGN);
  pipe(one);
  pipe(two);
  int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
  write(fd, "0123456789", 10);
  loff_t at = 2;
  say("file to pipe", splice(fd, &at, one[1], 0, 5, 0));
  printf("offset %ld\n", (long)at);
  lseek(fd, 0, SEEK_SET);
  say("own position", splice(fd, 0, one[1], 0, 2, 0));
  printf("position %ld\n", (long)lseek(fd, 0, SEEK_CUR));
  say("tee", tee(one[0], two[1], 100, 0));
  say("pipe to pipe", splice(one[0], 0, two[1], 0, 3, 0));
  say("read", read(two[0], buf, sizeof buf));
  printf("%s\n", buf);
  at = 20;
  say("pipe to file", splice(one[0], 0, fd, &at, 100, 0));
  printf("offset %ld\n", (long)at);
  memset(buf, 0, sizeof buf);
  say("pread", pread(fd, buf, 100, 20));
  printf("%s\n", buf);
  say("empty, not waiting", splice(one[0], 0, fd, 0, 10, SPLICE_F_NONBLOCK));
  say("tee empty", tee(one[0], two[1], 10, SPLICE_F_NONBLOCK));
  say("end of the file", splice(fd, &(loff_t){1000}, one[1], 0, 10, 0));
  say("no pipe", splice(fd, 0, fd, 0, 10, 0));
  say("offset of a pipe", splice(one[0], &at, fd, 0, 10, 0));
  say("to itself", splice(one[0], 0, one[1], 0, 10, 0));
  say("tee to itself", tee(one[0], one[1], 10, 0));
  say("unknown flag", splice(fd, 0, one[1], 0, 10, 64));
  say("bad fd", splice(99, 0, one[1], 0, 10, 0));
  say("wrong end", splice(fd, 0, one[0], 0, 10, 0));
  struct iovec in[2] = {{"abc", 3}, {"defg", 4}};
  say("vmsplice", vmsplice(one[1], in, 2, 0));
  struct iovec out[1] = {{buf, 7}};
  say("vmsplice out", vmsplice(one[0], out, 1, 0));
  printf("%.7s\n", buf);
  say("vmsplice of a file", vmsplice(fd, in, 2, 0));
  static char big[1 << 17] __attribute__((aligned(4096)));
  struct iovec much = {big, sizeof big};
  say("vmsplice of more than there is room for", vmsplice(one[1], &much, 1, 0));
  say("vmsplice into a full pipe", vmsplice(one[1], &much, 1, SPLICE_F_NONBLOCK));
  say("read it", read(one[0], big, sizeof big));
  int event = eventfd(0, 0);
  say("into an eventfd", splice(one[0], 0, event, 0, 8, 0));
  int process = syscall(SYS_pidfd_open, getpid(), 0);
  say("into a pidfd", splice(one[0], 0, process, 0, 8, 0));
  say("from an eventfd", splice(event, 0, one[1], 0, 8, 0));
  close(one[1]);
  say("no writer", splice(one[0], 0, fd, 0, 10, 0));
  close(two[0]);
  say("no reader", splice(fd, &(loff_t){0}, two[1], 0, 10, 0));
  partial();
  return 0;
}
