// Calls that signals interrupt: EINTR, restarts, what remains of a sleep.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int count;
static void on_alarm(int n) { (void)n; count++; }
static void handler(int flags) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_alarm;
  sa.sa_flags = flags;
  sigaction(SIGALRM, &sa, 0);
}
static void after(int ms) {
  struct itimerval it = {{0, 0}, {0, ms * 1000}};
  setitimer(ITIMER_REAL, &it, 0);
}
static void result(const char *what, long r) {
  printf("%s: %ld %s count %d\n", what, r < 0 ? -1L : r, r < 0 ? strerror(errno) : "", count);
  count = 0;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  int p[2];
  char c;
  pipe(p);
  handler(0);
  after(30);
  result("read", read(p[0], &c, 1));
  handler(SA_RESTART);
  pid_t child = fork();
  if (!child) {
    usleep(90000);
    write(p[1], "x", 1);
    _exit(5);
  }
  after(30);
  result("read restarted", read(p[0], &c, 1));
  int status;
  wait(&status);
  handler(0);
  child = fork();
  if (!child) {
    usleep(90000);
    _exit(6);
  }
  after(30);
  result("wait", waitpid(child, &status, 0) == child ? 1 : -1);
  handler(SA_RESTART);
  after(20);
  result("wait restarted", waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1);

  handler(SA_RESTART);
  after(30);
  struct timespec ts = {0, 200000000}, left = {0, 0};
  result("nanosleep", nanosleep(&ts, &left));
  printf("left %d\n", left.tv_sec == 0 && left.tv_nsec > 100000000 && left.tv_nsec < 180000000);
  after(30);
  struct pollfd pfd = {p[0], POLLIN, 0};
  result("poll", poll(&pfd, 1, 200));
  after(30);
  struct timeval tv = {0, 200000};
  fd_set rs;
  FD_ZERO(&rs);
  FD_SET(p[0], &rs);
  result("select", select(p[0] + 1, &rs, 0, 0, &tv));
  after(30);
  int ep = epoll_create1(0);
  struct epoll_event ev = {EPOLLIN, {.fd = p[0]}};
  epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
  result("epoll_wait", epoll_wait(ep, &ev, 1, 200));
  after(30);
  result("pause", pause());

  // ppoll's mask lets the signal in only while it waits.
  sigset_t block, none;
  sigemptyset(&none);
  sigemptyset(&block);
  sigaddset(&block, SIGALRM);
  sigprocmask(SIG_BLOCK, &block, 0);
  after(10);
  usleep(30000);
  result("blocked", 0);
  struct timespec second = {1, 0};
  result("ppoll", ppoll(&pfd, 1, &second, &none));
  sigprocmask(SIG_BLOCK, 0, &none);
  printf("mask back %d\n", sigismember(&none, SIGALRM));
  sigprocmask(SIG_UNBLOCK, &block, 0);

  // An ignored signal does not end a sleep.
  signal(SIGALRM, SIG_IGN);
  after(20);
  struct timespec fifty = {0, 50000000};
  result("ignored", nanosleep(&fifty, 0));

  // Stop and continue: the sleep goes on.
  child = fork();
  if (!child) {
    struct timespec t = {0, 150000000};
    int r = nanosleep(&t, 0);
    _exit(r == 0 ? 11 : 12);
  }
  usleep(30000);
  kill(child, SIGSTOP);
  waitpid(child, &status, WUNTRACED);
  printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
  printf("no news %d\n", waitpid(child, &status, WUNTRACED | WNOHANG));
  kill(child, SIGCONT);
  waitpid(child, &status, WCONTINUED);
  printf("continued %d\n", WIFCONTINUED(status));
  waitpid(child, &status, 0);
  printf("exit %d\n", WEXITSTATUS(status));
  return 0;
}
