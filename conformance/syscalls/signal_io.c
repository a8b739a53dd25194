/* Signals about descriptors: O_ASYNC, FIOASYNC, F_SETOWN, F_SETOWN_EX, F_SETSIG; and RLIMIT_CPU's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct owner { int type, id; };

static volatile int got, code, descriptor;
static volatile long band;
static void caught(int signal, siginfo_t *info, void *context) {
  got = signal;
  code = info->si_code;
  descriptor = info->si_fd;
  band = info->si_band;
}
static void told(const char *what, int fd) {
  printf("%s: signal %d", what, got);
  if (got != 0) printf(" code %d", code);
  if (got != 0 && fd >= 0) printf(" band %lx descriptor %s", band, descriptor == fd ? "right" : "wrong");
  putchar('\n');
  got = 0;
}
static void say(const char *what, long result) {
  if (result == -1) printf("%s: errno %d\n", what, errno);
  else printf("%s: %ld\n", what, result);
}

/* A child that burns time under a limit of one second, two at most. */
static void burn(int ignore) {
  fflush(stdout);
  int child = fork(), status;
  if (child == 0) {
    struct rlimit limit = {1, 2};
    setrlimit(RLIMIT_CPU, &limit);
    if (ignore) signal(SIGXCPU, SIG_IGN);
    for (;;) continue;
  }
  waitpid(child, &status, 0);
  printf("%s of the limit: signal %d\n", ignore ? "hard end" : "soft end", WTERMSIG(status));
}

int main(void) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  sigaction(SIGIO, &action, 0);
  sigaction(SIGRTMIN + 3, &action, 0);
  int p[2], s[2], on = 1;
  char c;
  pipe(p);
  say("no owner", fcntl(p[0], F_GETOWN));
  say("set owner", fcntl(p[0], F_SETOWN, getpid()));
  printf("the owner is us: %d\n", fcntl(p[0], F_GETOWN) == getpid());
  say("async", fcntl(p[0], F_SETFL, O_ASYNC));
  printf("it shows: %d\n", (fcntl(p[0], F_GETFL) & O_ASYNC) != 0);
  write(p[1], "x", 1);
  told("a byte", -1);
  say("set signal", fcntl(p[0], F_SETSIG, SIGRTMIN + 3));
  printf("signal shows: %d\n", fcntl(p[0], F_GETSIG) == SIGRTMIN + 3);
  read(p[0], &c, 1);
  told("a read", p[0]);
  write(p[1], "x", 1);
  told("a byte again", p[0]);
  say("async off", fcntl(p[0], F_SETFL, 0));
  write(p[1], "x", 1);
  told("no byte", p[0]);

  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  say("FIOASYNC", ioctl(s[0], FIOASYNC, &on));
  struct owner owner = {0, syscall(SYS_gettid)};
  say("a thread", fcntl(s[0], F_SETOWN_EX, &owner));
  owner.type = owner.id = -1;
  say("asked", fcntl(s[0], F_GETOWN_EX, &owner));
  printf("it is a thread: %d %d\n", owner.type, owner.id == syscall(SYS_gettid));
  write(s[1], "y", 1);
  told("socket", -1);
  setpgid(0, 0);
  int group = -getpgrp();
  say("SIOCSPGRP", ioctl(s[0], SIOCSPGRP, &group));
  owner.type = -1;
  fcntl(s[0], F_GETOWN_EX, &owner);
  printf("it is a group: %d %d\n", owner.type, owner.id == getpgrp());
  write(s[1], "y", 1);
  told("group", -1);
  say("no such process", fcntl(s[0], F_SETOWN, 999999));
  owner.type = 7;
  say("no such kind", fcntl(s[0], F_SETOWN_EX, &owner));
  say("bad pointer", fcntl(s[0], F_SETOWN_EX, (void *)8));
  say("bad signal", fcntl(s[0], F_SETSIG, 99));
  int null = open("/dev/null", O_RDWR);
  say("/dev/null", fcntl(null, F_SETFL, O_ASYNC));
  printf("does not show: %d\n", (fcntl(null, F_GETFL) & O_ASYNC) != 0);
  burn(0);
  burn(1);
  return 0;
}
