// Which of several waiters an event wakes (epoll(7), epoll_ctl(2) EPOLLEXCLUSIVE), and the order of what is ready.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAITERS 5

static volatile int *woken;

static void until_asleep(pid_t pid) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  for (;;) {
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    char *end = strrchr(text, ')');
    if (end && end[2] == 'S') return;
    usleep(1000);
  }
}

/* Children wait on instances of their own, or on one that they share; events come one by one. */
static void waiters(const char *name, unsigned events, int shared, int take) {
  int fds[2], common = -1;
  pid_t pids[WAITERS];
  *woken = 0;
  pipe(fds);
  struct epoll_event ev = {.events = events};
  if (shared) {
    common = epoll_create1(0);
    epoll_ctl(common, EPOLL_CTL_ADD, fds[0], &ev);
  }
  for (int i = 0; i < WAITERS; i++) {
    if ((pids[i] = fork()) == 0) {
      int ep = common;
      struct epoll_event got;
      char c;
      if (!shared) {
        ep = epoll_create1(0);
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev);
      }
      int n = epoll_wait(ep, &got, 1, 20000);
      __sync_fetch_and_add(woken, n);
      if (take) read(fds[0], &c, 1);
      _exit(0);
    }
    until_asleep(pids[i]);
  }
  for (int i = 0; i < WAITERS; i++) {
    write(fds[1], "x", 1);
    usleep(60000);
    printf("%s: %d after event %d\n", name, *woken, i + 1);
    if (*woken == WAITERS) break;
  }
  for (int i = 0; i < WAITERS; i++) waitpid(pids[i], 0, 0);
  close(fds[0]);
  close(fds[1]);
  if (shared) close(common);
}

static void order(void) {
  int ep = epoll_create1(0), fds[5][2];
  struct epoll_event got[2];
  for (int i = 0; i < 5; i++) {
    pipe(fds[i]);
    write(fds[i][1], "x", 1);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(ep, EPOLL_CTL_ADD, fds[i][0], &ev);
  }
  for (int round = 0; round < 8; round++) {
    int n = epoll_wait(ep, got, 2, 0);
    printf("order:");
    for (int i = 0; i < n; i++) printf(" %u", got[i].data.u32);
    printf("\n");
  }
}

static void exclusive_errors(void) {
  int ep = epoll_create1(0), inner = epoll_create1(0), e = eventfd(0, 0);
  struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE};
  printf("add %d\n", epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev));
  printf("mod %d %s\n", epoll_ctl(ep, EPOLL_CTL_MOD, e, &ev), strerror(errno));
  ev.events = EPOLLIN;
  printf("mod %d %s\n", epoll_ctl(ep, EPOLL_CTL_MOD, e, &ev), strerror(errno));
  printf("del %d\n", epoll_ctl(ep, EPOLL_CTL_DEL, e, &ev));
  ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
  printf("oneshot %d %s\n", epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev), strerror(errno));
  ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP;
  printf("rdhup %d %s\n", epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev), strerror(errno));
  ev.events = EPOLLIN | EPOLLEXCLUSIVE;
  printf("nested %d %s\n", epoll_ctl(ep, EPOLL_CTL_ADD, inner, &ev), strerror(errno));
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  alarm(20);
  woken = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  waiters("exclusive", EPOLLIN | EPOLLEXCLUSIVE, 0, 1);
  waiters("exclusive edge", EPOLLIN | EPOLLEXCLUSIVE | EPOLLET, 0, 0);
  waiters("own", EPOLLIN, 0, 0);
  waiters("shared edge", EPOLLIN | EPOLLET, 1, 0);
  waiters("shared, left", EPOLLIN, 1, 0);
  order();
  exclusive_errors();
  return 0;
}
