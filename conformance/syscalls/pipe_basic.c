// Pipes, FIFOs, poll, select, epoll, eventfd, timerfd, signalfd.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static int events(int fd, int want) {
  struct pollfd p = {fd, want, 0};
  poll(&p, 1, 0);
  return p.revents;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGPIPE, SIG_IGN);
  int p[2], n;
  char buf[70000];
  CHECK(pipe(p) == 0);
  struct stat st;
  fstat(p[0], &st);
  CHECK(S_ISFIFO(st.st_mode));
  CHECK(lseek(p[0], 0, SEEK_SET) < 0 && errno == ESPIPE);
  CHECK(write(p[0], "x", 1) < 0 && errno == EBADF);
  CHECK(read(p[1], buf, 1) < 0 && errno == EBADF);
  printf("poll %x %x\n", events(p[0], POLLIN | POLLOUT), events(p[1], POLLIN | POLLOUT));
  CHECK(write(p[1], "hello", 5) == 5);
  printf("poll %x %x\n", events(p[0], POLLIN | POLLOUT), events(p[1], POLLIN | POLLOUT));
  CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 5);
  CHECK(read(p[0], buf, 3) == 3 && !memcmp(buf, "hel", 3));
  CHECK(read(p[0], buf, 30) == 2);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  CHECK(read(p[0], buf, 1) < 0 && errno == EAGAIN);
  CHECK(read(p[0], buf, 0) == 0);
  memset(buf, 'a', sizeof buf);
  printf("capacity %d\n", fcntl(p[1], F_GETPIPE_SZ));
  printf("big write %d\n", (int)write(p[1], buf, 70000));
  CHECK(write(p[1], buf, 1) < 0 && errno == EAGAIN);
  printf("poll full %x\n", events(p[1], POLLOUT));
  CHECK(read(p[0], buf, 4096) == 4096);
  printf("poll %x\n", events(p[1], POLLOUT));
  printf("resize %d\n", fcntl(p[1], F_SETPIPE_SZ, 200000));
  printf("busy %d\n", fcntl(p[1], F_SETPIPE_SZ, 4096) < 0 && errno == EBUSY);
  close(p[1]);
  printf("poll hup %x\n", events(p[0], POLLIN));
  int total = 0;
  while ((n = read(p[0], buf, sizeof buf)) > 0) total += n;
  printf("rest %d end %d poll %x\n", total, n, events(p[0], POLLIN));
  pipe(p);
  close(p[0]);
  CHECK(write(p[1], "x", 1) < 0 && errno == EPIPE);
  printf("poll err %x\n", events(p[1], POLLOUT));
  close(p[1]);
  CHECK(pipe2(p, 0x123456) < 0 && errno == EINVAL);
  CHECK(syscall(SYS_pipe, 8) < 0 && errno == EFAULT);
  CHECK(pipe2(p, O_CLOEXEC) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);

  // A large write through a small reader.
  pid_t child = fork();
  if (!child) {
    close(p[0]);
    char big[300000];
    for (int i = 0; i < 300000; i++) big[i] = i * 7;
    _exit(write(p[1], big, sizeof big) == sizeof big ? 0 : 1);
  }
  close(p[1]);
  unsigned sum = 0;
  total = 0;
  while ((n = read(p[0], buf, 777)) > 0)
    for (int i = 0; i < n; i++) sum = sum * 31 + (unsigned char)buf[i], total++;
  int status;
  waitpid(child, &status, 0);
  printf("through %d %u status %x\n", total, sum, status);
  close(p[0]);

  // FIFO.
  char path[64];
  snprintf(path, sizeof path, "/tmp/posixx-fifo-%d", (int)getpid());
  CHECK(mkfifo(path, 0600) == 0);
  CHECK(open(path, O_WRONLY | O_NONBLOCK) < 0 && errno == ENXIO);
  child = fork();
  if (!child) {
    int w = open(path, O_WRONLY);
    write(w, "fifo!", 5);
    _exit(0);
  }
  int r = open(path, O_RDONLY);
  n = 0;
  while ((total = read(r, buf + n, 10)) > 0) n += total;
  printf("fifo %.*s\n", n, buf);
  waitpid(child, &status, 0);
  unlink(path);

  // select.
  pipe(p);
  fd_set rs, ws;
  FD_ZERO(&rs);
  FD_ZERO(&ws);
  FD_SET(p[0], &rs);
  FD_SET(p[1], &ws);
  struct timeval tv = {0, 0};
  printf("select %d r %d w %d\n", select(p[1] + 1, &rs, &ws, 0, &tv), FD_ISSET(p[0], &rs), FD_ISSET(p[1], &ws));
  // Linux looks no further than the descriptor table is long, which a new process has from its parent: 255 makes it 256.
  dup2(p[0], 255);
  FD_ZERO(&rs);
  FD_SET(200, &rs);
  CHECK(select(201, &rs, 0, 0, &tv) < 0 && errno == EBADF);
  close(255);
  CHECK(select(-1, 0, 0, 0, &tv) < 0 && errno == EINVAL);
  struct pollfd pf[3] = {{p[0], POLLIN, 0}, {-1, POLLIN, 99}, {777, POLLIN, 0}};
  printf("poll %d %x %x\n", poll(pf, 3, 0), pf[1].revents, pf[2].revents);

  // epoll.
  int ep = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event ev = {EPOLLIN, {.u64 = 0x123456789abcdefull}}, out[4];
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0);
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) < 0 && errno == EEXIST);
  CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &ev) < 0 && errno == ENOENT);
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev) < 0 && errno == EINVAL);
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, 777, &ev) < 0 && errno == EBADF);
  int file = open("/etc/passwd", O_RDONLY);
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev) < 0 && errno == EPERM);
  printf("epoll %d\n", epoll_wait(ep, out, 4, 0));
  write(p[1], "ab", 2);
  n = epoll_wait(ep, out, 4, -1);
  printf("epoll %d %x %d\n", n, out[0].events, out[0].data.u64 == 0x123456789abcdefull);
  printf("level %d\n", epoll_wait(ep, out, 4, 0));
  ev.events = EPOLLIN | EPOLLET;
  epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
  printf("edge %d", epoll_wait(ep, out, 4, 0));
  printf(" %d", epoll_wait(ep, out, 4, 0));
  write(p[1], "c", 1);
  printf(" %d\n", epoll_wait(ep, out, 4, 0));
  ev.events = EPOLLIN | EPOLLONESHOT;
  epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
  printf("oneshot %d", epoll_wait(ep, out, 4, 0));
  write(p[1], "d", 1);
  printf(" %d", epoll_wait(ep, out, 4, 0));
  epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
  printf(" %d\n", epoll_wait(ep, out, 4, 0));
  int outer = epoll_create1(0);
  ev.events = EPOLLIN;
  CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &ev) == 0);
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, outer, &ev) < 0 && errno == ELOOP);
  epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
  printf("nested %d\n", epoll_wait(outer, out, 4, 0));
  CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0) == 0);
  printf("after del %d\n", epoll_wait(ep, out, 4, 0));
  CHECK(epoll_wait(ep, out, 0, 0) < 0 && errno == EINVAL);
  CHECK(epoll_wait(p[0], out, 1, 0) < 0 && errno == EINVAL);

  // eventfd.
  uint64_t value = 3;
  int e = eventfd(2, EFD_NONBLOCK);
  CHECK(write(e, &value, 8) == 8);
  CHECK(read(e, &value, 8) == 8 && value == 5);
  CHECK(read(e, &value, 8) < 0 && errno == EAGAIN);
  CHECK(read(e, &value, 4) < 0 && errno == EINVAL);
  value = UINT64_MAX;
  CHECK(write(e, &value, 8) < 0 && errno == EINVAL);
  value = UINT64_MAX - 1;
  CHECK(write(e, &value, 8) == 8);
  printf("eventfd poll %x\n", events(e, POLLIN | POLLOUT));
  value = 1;
  CHECK(write(e, &value, 8) < 0 && errno == EAGAIN);
  int sem = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  read(sem, &value, 8);
  printf("semaphore %d", (int)value);
  read(sem, &value, 8);
  printf(" %d", (int)value);
  printf(" %d\n", (int)read(sem, &value, 8));

  // timerfd.
  int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec its = {{0, 20000000}, {5, 10000000}}, cur;
  CHECK(timerfd_settime(t, 0, &its, 0) == 0);
  CHECK(read(t, &value, 8) < 0 && errno == EAGAIN);
  its.it_value.tv_sec = 0;
  CHECK(timerfd_settime(t, 0, &its, &cur) == 0 && cur.it_value.tv_sec >= 4);
  usleep(75000);
  CHECK(read(t, &value, 8) == 8 && value >= 3);
  timerfd_gettime(t, &cur);
  CHECK(cur.it_interval.tv_nsec == 20000000 && cur.it_value.tv_nsec > 0 && cur.it_value.tv_nsec <= 20000000);
  struct pollfd tp = {t, POLLIN, 0};
  CHECK(poll(&tp, 1, 1000) == 1);
  its.it_value.tv_nsec = 1000000000;
  CHECK(timerfd_settime(t, 0, &its, 0) < 0 && errno == EINVAL);
  CHECK(timerfd_create(99, 0) < 0 && errno == EINVAL);

  // signalfd.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  int s = signalfd(-1, &set, SFD_NONBLOCK);
  struct signalfd_siginfo si;
  CHECK(read(s, &si, sizeof si) < 0 && errno == EAGAIN);
  kill(getpid(), SIGUSR1);
  printf("signalfd poll %x\n", events(s, POLLIN));
  CHECK(read(s, &si, sizeof si) == sizeof si && si.ssi_signo == SIGUSR1 && si.ssi_pid == (unsigned)getpid());
  printf("signalfd poll %x\n", events(s, POLLIN));
  child = fork();
  if (!child) {
    usleep(20000);
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  fcntl(s, F_SETFL, 0);
  CHECK(read(s, &si, sizeof si) == sizeof si && si.ssi_pid == (unsigned)child);
  waitpid(child, &status, 0);
  return 0;
}
