// Reading a terminal: MIN and TIME, changes between canonical and raw mode, lines longer than buffers, poll and FIONREAD.
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
#include <time.h>
#include <unistd.h>

static int master, slave;
static struct termios cooked;

static void show(const char *what, const char *b, int n) {
  printf("%s %d \"", what, n);
  for (int i = 0; i < n; i++) {
    if (b[i] >= 32 && b[i] < 127) putchar(b[i]);
    else printf("\\x%02x", (unsigned char)b[i]);
  }
  printf("\"%s%s\n", n < 0 ? " " : "", n < 0 ? strerror(errno) : "");
}
static void type(const char *s) { write(master, s, strlen(s)); }
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static void raw(int min, int time) {
  struct termios t = cooked;
  t.c_lflag &= ~(ICANON | ECHO | ISIG);
  t.c_cc[VMIN] = min;
  t.c_cc[VTIME] = time;
  tcsetattr(slave, TCSANOW, &t);
}
// A child types `what` piece by piece ('|' between them), 100 ms apart, while this process reads.
static void timed(const char *name, int min, int time, int size, const char *what) {
  raw(min, time);
  pid_t child = fork();
  if (!child) {
    for (const char *p = what; *p; p++) {
      if (*p == '|') usleep(100000);
      else write(master, p, 1);
    }
    _exit(0);
  }
  char b[100];
  double start = now();
  int n = read(slave, b, size);
  double took = now() - start;
  show(name, b, n);
  printf("  between: %s\n", took < 0.09 ? "at once" : took < 5 ? "later" : "never");
  waitpid(child, 0, 0);
  tcflush(slave, TCIFLUSH);
}
static int queued(int fd) {
  int n = -1;
  ioctl(fd, FIONREAD, &n);
  return n;
}
static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDNORM, 0};
  poll(&p, 1, 0);
  return p.revents;
}
static volatile int got;
static void on_signal(int n) { got = n; }

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  tcgetattr(slave, &cooked);
  cooked.c_lflag &= ~ECHO;
  tcsetattr(slave, TCSANOW, &cooked);

  timed("one of min 1", 1, 0, 10, "|a");
  timed("min 3", 3, 0, 10, "a|b|c|d");
  timed("min 3, room for 2", 3, 0, 2, "ab|c");
  timed("min 0", 0, 0, 10, "|a");
  timed("min 0, there", 0, 0, 10, "");
  timed("min 0 time 3, nothing", 0, 3, 10, "||||||a");
  timed("min 0 time 30", 0, 30, 10, "||a|b");
  timed("min 3 time 3, gap", 3, 3, 10, "|a||||||b");
  timed("min 3 time 3, steady", 3, 3, 10, "|a||b||c||d");
  timed("min 5 time 2", 5, 2, 10, "abc||||||d");
  timed("min 1 time 2", 1, 2, 10, "|a|b");

  // What the queue says.
  raw(1, 0);
  printf("empty %d %x\n", queued(slave), events(slave));
  type("xyz");
  usleep(20000);
  printf("three %d %x\n", queued(slave), events(slave));
  raw(5, 0);
  printf("three of five %d %x\n", queued(slave), events(slave));
  raw(5, 1);
  printf("with a time %d %x\n", queued(slave), events(slave));
  fcntl(slave, F_SETFL, O_NONBLOCK);
  char b[5000];
  raw(5, 0);
  show("not waiting", b, read(slave, b, 10));
  show("again", b, read(slave, b, 10));
  raw(0, 0);
  show("again, min 0", b, read(slave, b, 10));
  raw(0, 1);
  show("again, time", b, read(slave, b, 10));
  tcsetattr(slave, TCSANOW, &cooked);
  show("canonical", b, read(slave, b, 10));
  type("part");
  usleep(20000);
  printf("part %d %x\n", queued(slave), events(slave));
  type(" of a line\nnext");
  usleep(20000);
  printf("line %d %x\n", queued(slave), events(slave));
  show("line", b, read(slave, b, 100));
  show("next", b, read(slave, b, 100));
  // A part of a line becomes readable in raw mode, and the other way round.
  raw(1, 0);
  show("raw now", b, read(slave, b, 100));
  type("typed raw");
  usleep(20000);
  tcsetattr(slave, TCSANOW, &cooked);
  usleep(20000);
  printf("canonical now %x\n", events(slave) & POLLIN);
  show("canonical now", b, read(slave, b, 100));
  type(" end\n");
  usleep(20000);
  show("joined", b, read(slave, b, 100));
  show("joined", b, read(slave, b, 100));
  // TCSAFLUSH drops input, TCSADRAIN does not.
  type("dropped\n");
  usleep(20000);
  tcsetattr(slave, TCSADRAIN, &cooked);
  printf("drained %d\n", queued(slave));
  tcsetattr(slave, TCSAFLUSH, &cooked);
  printf("flushed %d\n", queued(slave));
  // Reads of nothing.
  type("line\n");
  usleep(20000);
  show("none", b, read(slave, b, 0));
  show("two", b, read(slave, b, 2));
  show("three", b, read(slave, b, 3));
  show("nothing", b, read(slave, b, 3));
  type("abc\x04");
  usleep(20000);
  show("exact", b, read(slave, b, 3));
  show("behind it", b, read(slave, b, 3));
  type("\x04\x04");
  usleep(20000);
  show("end", b, read(slave, b, 3));
  show("end", b, read(slave, b, 3));
  show("nothing", b, read(slave, b, 3));
  type("a\nb\nc\n");
  usleep(20000);
  printf("three lines %d\n", queued(slave));
  show("a", b, read(slave, b, 100));
  printf("two lines %d\n", queued(slave));
  tcflush(slave, TCIFLUSH);
  printf("none %d %x\n", queued(slave), events(slave));
  // A line longer than there is room for: what is beyond 4095 bytes is lost, its end is not.
  for (int i = 0; i < 50; i++) {
    char piece[101];
    memset(piece, 'a' + i % 26, 100);
    piece[100] = 0;
    type(piece);
    usleep(1000);
  }
  type("\n");
  usleep(50000);
  int n = read(slave, b, sizeof b);
  printf("long line %d, %c...%d\n", n, b[0], b[n - 1]);
  // A signal ends a read; a restarting one does not.
  fcntl(slave, F_SETFL, 0);
  struct sigaction sa = {.sa_handler = on_signal};
  sigaction(SIGALRM, &sa, 0);
  ualarm(50000, 0);
  show("interrupted", b, read(slave, b, 10));
  sa.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &sa, 0);
  pid_t child = fork();
  if (!child) {
    usleep(200000);
    type("late\n");
    _exit(0);
  }
  ualarm(50000, 0);
  show("restarted", b, read(slave, b, 10));
  waitpid(child, 0, 0);
  // The wait of a read with a time is counted anew by the next read.
  sa.sa_flags = 0;
  sigaction(SIGALRM, &sa, 0);
  raw(0, 3);
  ualarm(200000, 0);
  show("timed, interrupted", b, read(slave, b, 10));
  double start = now();
  show("timed", b, read(slave, b, 10));
  printf("full time %d\n", now() - start > 0.25);
  // IUTF8: one erase takes one character.
  struct termios t = cooked;
  t.c_lflag |= ECHO;
  for (int utf8 = 0; utf8 < 2; utf8++) {
    t.c_iflag = utf8 ? t.c_iflag | IUTF8 : t.c_iflag & ~IUTF8;
    tcsetattr(slave, TCSANOW, &t);
    type("x\xc3\xa4\x7f!\n");
    usleep(50000);
    show("erased", b, read(slave, b, 10));
    show("screen", b, read(master, b, 100));
  }
  // Bad requests.
  printf("%d %d\n", ioctl(slave, TCGETS, (void *)8), errno);
  printf("%d %d\n", ioctl(slave, TCSETS, (void *)8), errno);
  printf("%d %d\n", ioctl(slave, TCFLSH, 9), errno);
  printf("%d %d\n", ioctl(slave, TCXONC, 9), errno);
  printf("%d %d\n", ioctl(slave, 0x5499, 0), errno);
  printf("%d %d\n", ioctl(slave, TIOCSWINSZ, (void *)8), errno);
  type("x\n");
  usleep(20000);
  printf("%d %d\n", (int)read(slave, (void *)8, 10) < 0, errno);
  printf("%d %d\n", (int)lseek(slave, 0, SEEK_SET), errno);
  printf("%d %d\n", (int)pread(slave, b, 1, 0), errno);
  return 0;
}
