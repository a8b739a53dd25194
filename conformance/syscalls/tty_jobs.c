// Job control: controlling terminals, foreground and background groups, stop signals, orphaned groups, hang-up.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
static int master, slave;
static char *name;
static volatile int got, count;
static void on_signal(int n) { got = n, count++; }

static void handle(int signal, int flags) {
  struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(signal, &sa, 0);
}
// What becomes of a child: the next change that waitpid tells.
static void change(const char *what, pid_t pid) {
  int status;
  pid_t r = waitpid(pid, &status, WUNTRACED | WCONTINUED);
  if (r < 0) printf("%s: %s\n", what, strerror(errno));
  else if (WIFSTOPPED(status)) printf("%s: stopped by %d\n", what, WSTOPSIG(status));
  else if (WIFCONTINUED(status)) printf("%s: continues\n", what);
  else if (WIFEXITED(status)) printf("%s: exits with %d\n", what, WEXITSTATUS(status));
  else printf("%s: ends by signal %d\n", what, WTERMSIG(status));
}
// A child in a group of its own, in the background, that does `work` and exits with its result.
static pid_t background(int (*work)(void)) {
  pid_t pid = fork();
  if (!pid) {
    setpgid(0, 0);
    _exit(work());
  }
  setpgid(pid, pid);
  return pid;
}
static int reads(void) {
  char c = 0;
  int r = read(slave, &c, 1);
  return r < 0 ? errno : r == 0 ? 100 : c;
}
static int writes(void) { return write(slave, "w", 1) == 1 ? 40 : errno; }
static int sets(void) {
  struct termios t;
  tcgetattr(slave, &t);
  return tcsetattr(slave, TCSANOW, &t) == 0 ? 41 : errno;
}
static int resizes(void) {
  struct winsize ws = {10, 20};
  return ioctl(slave, TIOCSWINSZ, &ws) == 0 ? 42 : errno;
}
static int takes(void) { return tcsetpgrp(slave, getpgrp()) == 0 ? 43 : errno; }
static int takes_blocking(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTTOU);
  sigprocmask(SIG_BLOCK, &set, 0);
  return takes();
}
static int reads_ignoring(void) {
  signal(SIGTTIN, SIG_IGN);
  return reads();
}
static int reads_handling(void) {
  handle(SIGTTIN, 0);
  int r = reads();
  return r == EINTR && got == SIGTTIN ? 44 : r;
}
static int waits(void) {
  for (;;) pause();
}
static int flushes(void) { return tcflush(slave, TCIFLUSH) == 0 ? 45 : errno; }
static int asks(void) { return tcgetpgrp(slave) == getppid() ? 46 : errno; }

static void session(void) {
  CHECK(setsid() == getpid());
  CHECK(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO);
  CHECK(tcgetpgrp(slave) < 0 && errno == ENOTTY);
  // A leader without a terminal gets the first that it opens, unless it says no.
  int other = open(name, O_RDWR | O_NOCTTY);
  CHECK(tcgetsid(other) < 0 && errno == ENOTTY);
  int own = open(name, O_RDWR);
  CHECK(own >= 0 && tcgetsid(own) == getpid() && tcgetpgrp(slave) == getpid());
  CHECK(ioctl(own, TIOCSCTTY, 0) == 0);
  int second = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(second);
  int second_slave = open(ptsname(second), O_RDWR);
  CHECK(tcgetsid(second_slave) < 0);
  CHECK(ioctl(second_slave, TIOCSCTTY, 0) < 0 && errno == EPERM);
  CHECK(tcsetpgrp(second_slave, getpgrp()) < 0 && errno == ENOTTY);
  close(second_slave);
  close(second);
  int tty = open("/dev/tty", O_RDWR);
  CHECK(tty >= 0 && !strcmp(ttyname(own), name));
  pid_t pid = 0;
  CHECK(ioctl(master, TIOCGPGRP, &pid) == 0 && pid == getpid());
  CHECK(ioctl(master, TIOCGSID, &pid) == 0 && pid == getpid());

  pid_t b = background(reads);
  change("reads", b);
  CHECK(tcsetpgrp(tty, b) == 0);
  kill(-b, SIGCONT);
  change("reads", b);
  write(master, "r\n", 2);
  change("reads", b);
  // The leader is in the background now.
  handle(SIGTTOU, 0);
  CHECK(tcsetpgrp(tty, getpgrp()) < 0 && errno == EINTR && got == SIGTTOU);
  signal(SIGTTOU, SIG_IGN);
  CHECK(tcsetpgrp(tty, getpgrp()) == 0);
  signal(SIGTTOU, SIG_DFL);
  CHECK(tcsetpgrp(tty, 999999) < 0);
  CHECK(tcsetpgrp(tty, -1) < 0 && errno == EINVAL);
  CHECK(tcsetpgrp(tty, 1) < 0);

  change("ignores SIGTTIN", background(reads_ignoring));
  change("handles SIGTTIN", background(reads_handling));
  change("writes", background(writes));
  change("asks", background(asks));
  change("window", background(resizes));
  b = background(sets);
  change("sets modes", b);
  kill(-b, SIGKILL);
  change("sets modes", b);
  b = background(flushes);
  change("flushes", b);
  kill(-b, SIGKILL);
  change("flushes", b);
  struct termios t;
  tcgetattr(tty, &t);
  t.c_lflag |= TOSTOP;
  tcsetattr(tty, TCSANOW, &t);
  b = background(writes);
  change("writes, TOSTOP", b);
  kill(-b, SIGKILL);
  change("writes, TOSTOP", b);
  t.c_lflag &= ~TOSTOP;
  tcsetattr(tty, TCSANOW, &t);
  b = background(takes);
  change("takes", b);
  kill(-b, SIGKILL);
  change("takes", b);
  change("takes, blocking SIGTTOU", background(takes_blocking));
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(tty, getpgrp());

  // Characters for the foreground group.
  b = background(waits);
  CHECK(tcsetpgrp(tty, b) == 0);
  write(master, "\x1a", 1);
  change("suspended", b);
  kill(-b, SIGCONT);
  change("suspended", b);
  write(master, "\x1a", 1);
  change("suspended", b);
  // What came while it is stopped is there when it goes on.
  write(master, "\x03", 1);
  kill(-b, SIGCONT);
  int status;
  while (waitpid(b, &status, 0) == b && !WIFSIGNALED(status));
  printf("interrupted by %d\n", WTERMSIG(status));
  b = background(waits);
  tcsetpgrp(tty, b);
  write(master, "\x1c", 1);
  waitpid(b, &status, 0);
  printf("quit by %d\n", WTERMSIG(status));
  tcsetpgrp(tty, getpgrp());

  // Window size: the foreground hears of a change, and only of a change.
  handle(SIGWINCH, 0);
  count = 0;
  struct winsize ws = {30, 90};
  ioctl(master, TIOCSWINSZ, &ws);
  usleep(50000);
  ioctl(master, TIOCSWINSZ, &ws);
  usleep(50000);
  printf("changes of size: %d\n", count);

  // A group whose last parent in the session goes is orphaned: no stops by the terminal, reads fail.
  pid_t middle = fork();
  if (!middle) {
    setpgid(0, 0);
    if (!fork()) {
      while (getppid() == getpgrp()) usleep(10000);
      // The other line about the same event comes first.
      usleep(100000);
      CHECK(reads() == EIO);
      handle(SIGTTOU, 0);
      signal(SIGTTOU, SIG_DFL);
      CHECK(sets() == EIO);
      raise(SIGTSTP);
      printf("not stopped\n");
      _exit(0);
    }
    usleep(20000);
    _exit(5);
  }
  setpgid(middle, middle);
  change("middle", middle);
  usleep(300000);

  // Stopped members of a group that becomes orphaned get SIGHUP and SIGCONT.
  int pipes[2];
  pipe(pipes);
  middle = fork();
  if (!middle) {
    setpgid(0, 0);
    pid_t child = fork();
    if (!child) {
      handle(SIGHUP, 0);
      raise(SIGSTOP);
      usleep(20000);
      dprintf(pipes[1], "orphan: %d\n", got);
      _exit(0);
    }
    waitpid(child, &status, WUNTRACED);
    _exit(6);
  }
  setpgid(middle, middle);
  change("middle", middle);
  close(pipes[1]);
  char b2[100];
  int n, total = 0;
  while ((n = read(pipes[0], b2 + total, 99 - total)) > 0) total += n;
  printf("%.*s", total, b2);

  // Giving the terminal up.
  b = background(waits);
  tcsetpgrp(tty, b);
  CHECK(ioctl(tty, TIOCNOTTY) == 0);
  change("given up", b);
  CHECK(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO);
  CHECK(ioctl(tty, TIOCNOTTY) < 0 && errno == ENOTTY);
  CHECK(tcgetsid(own) < 0 && errno == ENOTTY);
  // And taking it again; the end of the leader hangs up the foreground.
  CHECK(ioctl(own, TIOCSCTTY, 0) == 0);
  b = fork();
  if (!b) {
    handle(SIGHUP, 0);
    write(master, "", 0);
    while (!got) pause();
    printf("leader's end: %d\n", got);
    CHECK(open("/dev/tty", O_RDWR) < 0);
    _exit(0);
  }
  usleep(50000);
  _exit(7);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  name = ptsname(master);
  slave = open(name, O_RDWR | O_NOCTTY);
  struct termios t;
  tcgetattr(slave, &t);
  t.c_lflag &= ~ECHO;
  tcsetattr(slave, TCSANOW, &t);
  pid_t pid = fork();
  if (!pid) session();
  change("session", pid);
  usleep(300000);
  // Another session may have it now. Hang-up of the master: the leader, and then reads give the end.
  pid = fork();
  if (!pid) {
    setsid();
    close(master);
    CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
    handle(SIGHUP, 0);
    handle(SIGCONT, 0);
    got = count = 0;
    char c;
    int r = read(slave, &c, 1);
    printf("hung up: %d\n", r <= 0);
    usleep(20000);
    printf("signals: %d\n", count);
    CHECK(read(slave, &c, 1) == 0);
    CHECK(write(slave, &c, 1) < 0 && errno == EIO);
    CHECK(tcgetattr(slave, &t) < 0 && errno == EIO);
    struct pollfd p = {slave, POLLIN | POLLOUT, 0};
    poll(&p, 1, 0);
    printf("events %x\n", p.revents);
    CHECK(open("/dev/tty", O_RDWR) < 0);
    _exit(8);
  }
  usleep(200000);
  close(master);
  change("session", pid);
  return 0;
}
