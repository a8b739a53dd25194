// Packets in pipes (O_DIRECT), sizes, tee and splice.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#define R(what, x) do { errno=0; long r_=(x); printf("%s: %ld %s\n", what, r_<0?-1:r_, r_<0?strerror(errno):""); } while(0)

static char buf[200000];

static void get(int fd, long n) {
  memset(buf, 0, sizeof buf);
  errno = 0;
  long r = read(fd, buf, n);
  printf("read %ld: %ld \"%.12s\" %s\n", n, r, r > 0?buf:"", r < 0?strerror(errno):"");
}

static void events(int r, int w) {
  struct pollfd p[2] = {{r, POLLIN, 0}, {w, POLLOUT, 0}};
  poll(p, 2, 0);
  int n = 0;
  ioctl(r, FIONREAD, &n);
  printf("readable %d writable %d bytes %d\n", p[0].revents == POLLIN, p[1].revents == POLLOUT, n);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  int p[2];
  R("pipe2", pipe2(p, O_DIRECT|O_NONBLOCK));
  printf("%x\n", fcntl(p[1], F_GETFL)&(O_DIRECT|O_NONBLOCK)?1:0);
  R("write", write(p[1], "hello", 5));
  R("write", write(p[1], "world!", 6));
  R("nothing", write(p[1], "", 0));
  events(p[0], p[1]);
  get(p[0], 100);
  get(p[0], 3);
  events(p[0], p[1]);
  get(p[0], 100);
  int n = 0;
  while (write(p[1], "x", 1) == 1) n++;
  printf("packets %d\n", n);
  events(p[0], p[1]);
  get(p[0], 10);
  events(p[0], p[1]);
  R("plain into a full one", (fcntl(p[1], F_SETFL, O_NONBLOCK), write(p[1], "plain", 5)));
  R("plain", write(p[1], "more", 4));
  for (int i = 0; i < 15; i++) read(p[0], buf, 10);
  get(p[0], 100);
  get(p[0], 100);
  R("plain", write(p[1], "abc", 3));
  fcntl(p[1], F_SETFL, O_NONBLOCK|O_DIRECT);
  R("packet", write(p[1], "def", 3));
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  R("plain", write(p[1], "ghi", 3));
  get(p[0], 2);
  get(p[0], 2);
  get(p[0], 100);
  get(p[0], 100);
  fcntl(p[1], F_SETFL, O_NONBLOCK|O_DIRECT);
  memset(buf, 'L', sizeof buf);
  R("long", write(p[1], buf, 10000));
  events(p[0], p[1]);
  get(p[0], 100);
  get(p[0], 100000);
  get(p[0], 100000);
  memset(buf, 'M', sizeof buf);
  R("longer than the pipe", write(p[1], buf, 100000));
  R("capacity", fcntl(p[0], F_GETPIPE_SZ));
  R("smaller", fcntl(p[0], F_SETPIPE_SZ, 4096));
  R("larger", fcntl(p[0], F_SETPIPE_SZ, 131072));
  R("one more", write(p[1], "z", 1));
  for (int i = 0; i < 16; i++) read(p[0], buf, 5000);
  get(p[0], 100);
  R("page", fcntl(p[0], F_SETPIPE_SZ, 1));
  R("one", write(p[1], "1", 1));
  R("two", write(p[1], "2", 1));
  get(p[0], 9);
  fcntl(p[0], F_SETFL, 0);
  fcntl(p[1], F_SETFL, O_DIRECT);
  pid_t c = fork();
  if (!c) {
    close(p[0]);
    for (int i = 0; i < 20; i++) {
      sprintf(buf, "%0*d", i+1, i);
      write(p[1], buf, i+1);
    }
    _exit(0);
  }
  close(p[1]);
  long total = 0, count = 0, r;
  while ((r = read(p[0], buf, 4096)) > 0) total += r, count++;
  printf("%ld packets %ld bytes\n", count, total);
  waitpid(c, 0, 0);
  R("bad flag", pipe2(p, O_APPEND));
  R("pipe", pipe(p));
  R("size 0", fcntl(p[0], F_SETPIPE_SZ, 0));
  R("size -1", fcntl(p[0], F_SETPIPE_SZ, -1));
  R("size 5000", fcntl(p[0], F_SETPIPE_SZ, 5000));
  R("huge", fcntl(p[0], F_SETPIPE_SZ, 1u<<31));
  write(p[1], buf, 8192);
  R("too small", fcntl(p[0], F_SETPIPE_SZ, 4096));
  R("not a pipe", fcntl(open("/dev/null", 0), F_GETPIPE_SZ));
  int q[2];
  pipe(q);
  R("tee", tee(p[0], q[1], 5000, 0));
  R("tee itself", tee(p[0], p[1], 5000, 0));
  R("splice", splice(p[0], 0, q[1], 0, 100, 0));
  ioctl(q[0], FIONREAD, &n);
  printf("%d\n", n);
  ioctl(p[0], FIONREAD, &n);
  printf("%d\n", n);
  return 0;
}
