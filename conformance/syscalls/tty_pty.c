// Pseudo-terminals: line editing, echo, raw mode, signals, job control, hang-up, window size.
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

static void show(const char *what, const char *b, int n) {
  printf("%s %d \"", what, n);
  for (int i = 0; i < n; i++) {
    if (b[i] >= 32 && b[i] < 127) putchar(b[i]);
    else printf("\\x%02x", (unsigned char)b[i]);
  }
  printf("\"%s%s\n", n < 0 ? " " : "", n < 0 ? strerror(errno) : "");
}
// What the terminal shows, given a moment.
static void screen(const char *what) {
  char b[1000];
  int n = 0, r;
  struct pollfd p = {master, POLLIN, 0};
  while (n < 900 && poll(&p, 1, 60) > 0 && (r = read(master, b + n, 900 - n)) > 0) n += r;
  show(what, b, n);
}
static void type(const char *s) { write(master, s, strlen(s)); }
static void input(const char *what) {
  char b[200];
  int n = read(slave, b, sizeof b);
  show(what, b, n);
}
static volatile int got;
static void on_signal(int n) { got = n; }

// Input from one mode to the other, more of it than the terminal holds, and what the master may ask for.
static void switching(void) {
  struct termios cooked, raw;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  tcgetattr(slave, &cooked);
  cooked.c_lflag &= ~ECHO;
  raw = cooked;
  cfmakeraw(&raw);
  char text[8192];
  const char *lines[] = {"GO\nBLUE\n!", "ab\x04", "a\nb\x04"};
  for (int i = 0; i < 3; i++) {
    tcsetattr(slave, TCSANOW, &cooked);
    write(master, lines[i], strlen(lines[i]));
    usleep(30000);
    tcsetattr(slave, TCSANOW, &raw);
    usleep(30000);
    if (i != 1) tcsetattr(slave, TCSANOW, &cooked);
    show("switched", text, read(slave, text, sizeof text));
    tcflush(slave, TCIFLUSH);
  }
  cooked.c_iflag |= IUTF8;
  tcsetattr(slave, TCSANOW, &cooked);
  write(master, "\x80\x7f\xc3\xa4\x7f\n", 6);
  show("part of a character", text, read(slave, text, sizeof text));
  tcsetattr(slave, TCSANOW, &raw);
  memset(text, 'M', sizeof text);
  printf("wrote %d\n", (int)write(master, text, 6000));
  int n = 0;
  struct pollfd in = {slave, POLLIN, 0};
  while (poll(&in, 1, 100) > 0) n += read(slave, text, 1000);
  printf("read %d\n", n);
  pid_t writer = fork();
  if (writer == 0) {
    for (int i = 0; i < 40; i++) write(master, text, sizeof text);
    _exit(0);
  }
  usleep(50000);
  n = 0;
  while (poll(&in, 1, 300) > 0) n += read(slave, text, sizeof text);
  waitpid(writer, 0, 0);
  printf("read %d of a writer that waits\n", n);
  // To the master, input is what the programs write.
  int on = 1;
  ioctl(master, TIOCPKT, &on);
  write(slave, "lost", 4);
  usleep(30000);
  CHECK(ioctl(master, TCFLSH, TCIFLUSH) == 0);
  struct pollfd out = {master, POLLIN, 0};
  CHECK(poll(&out, 1, 0) == 0);
  CHECK(ioctl(master, TCFLSH, 9) < 0 && errno == EINVAL);
  if (fork() == 0) {
    setsid();
    _exit(ioctl(master, TIOCSCTTY, 0) == 0 && tcgetsid(slave) == getpid() ? 3 : 4);
  }
  int status;
  wait(&status);
  printf("controls %d\n", WEXITSTATUS(status));
  close(slave);
  close(master);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  master = posix_openpt(O_RDWR | O_NOCTTY);
  CHECK(master >= 0);
  char *name = ptsname(master);
  CHECK(open(name, O_RDWR | O_NOCTTY) < 0 && errno == EIO);
  CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
  slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
  CHECK(slave >= 0 && isatty(slave) && isatty(master));
  CHECK(!strcmp(ttyname(slave), name));
  struct termios t;
  CHECK(tcgetattr(slave, &t) == 0);
  printf("modes %x %x %x %x\n", t.c_iflag, t.c_oflag, t.c_cflag & ~CBAUD, t.c_lflag);
  for (int i = 0; i < 17; i++) printf("%d ", t.c_cc[i]);
  putchar('\n');

  type("hello\r");
  screen("echo");
  input("line");
  input("nothing");
  type("one\rtwo\rthr");
  input("first");
  input("second");
  input("partial");
  type("ee\x04");
  input("eof joins");
  type("\x04");
  input("end");
  screen("echo");
  type("abcx\x7f" "d\r");
  screen("erase");
  input("erased");
  type("first second third\x17!\r");
  screen("word");
  input("word");
  type("garbage\x15" "good\r");
  screen("kill");
  input("kill");
  type("a\x16\x03" "b\r");
  screen("literal");
  input("literal");
  type("tab\there\x7f\x7f\x7f\x7f\x7f" "x\r");
  screen("tab");
  input("tab");
  char small[3];
  type("longer line\r");
  usleep(10000);
  show("piece", small, read(slave, small, 3));
  input("rest");
  screen("echo");

  write(slave, "out\nput\ttab\r\n", 13);
  screen("output");
  t.c_oflag &= ~OPOST;
  tcsetattr(slave, TCSANOW, &t);
  write(slave, "raw\nout", 7);
  screen("raw output");
  t.c_oflag |= OPOST;
  t.c_lflag &= ~(ICANON | ECHO);
  t.c_cc[VMIN] = 3;
  t.c_cc[VTIME] = 0;
  tcsetattr(slave, TCSANOW, &t);
  type("ab");
  usleep(10000);
  input("fewer than min");
  type("c");
  usleep(10000);
  input("min");
  t.c_cc[VMIN] = 0;
  tcsetattr(slave, TCSANOW, &t);
  fcntl(slave, F_SETFL, 0);
  input("min 0");
  t.c_cc[VTIME] = 1;
  tcsetattr(slave, TCSANOW, &t);
  input("time");
  type("x");
  input("byte in time");
  t.c_cc[VMIN] = 1;
  t.c_cc[VTIME] = 0;
  t.c_iflag &= ~ICRNL;
  tcsetattr(slave, TCSANOW, &t);
  type("\r");
  input("cr");
  int n;
  type("queued");
  usleep(10000);
  CHECK(ioctl(slave, FIONREAD, &n) == 0 && n == 6);
  CHECK(tcflush(slave, TCIFLUSH) == 0 && ioctl(slave, FIONREAD, &n) == 0 && n == 0);
  screen("no echo");

  struct winsize ws = {30, 100, 0, 0}, got_ws;
  CHECK(ioctl(master, TIOCSWINSZ, &ws) == 0 && ioctl(slave, TIOCGWINSZ, &got_ws) == 0);
  printf("window %d %d\n", got_ws.ws_row, got_ws.ws_col);

  // A session on the terminal.
  t.c_lflag |= ICANON | ECHO;
  t.c_iflag |= ICRNL;
  tcsetattr(slave, TCSANOW, &t);
  pid_t child = fork();
  if (!child) {
    close(master);
    setsid();
    CHECK(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO);
    CHECK(tcgetpgrp(slave) < 0 && errno == ENOTTY);
    CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
    CHECK(tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid());
    int tty = open("/dev/tty", O_RDWR);
    CHECK(tty >= 0 && isatty(tty));
    signal(SIGINT, on_signal);
    signal(SIGQUIT, on_signal);
    signal(SIGWINCH, on_signal);
    write(tty, "ready\n", 6);
    char c;
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, 0);
    int r = read(tty, &c, 1);
    printf("interrupted %d %d by %d\n", r, r < 0 && errno == EINTR, got);
    write(tty, "next\n", 5);
    sigaction(SIGQUIT, &sa, 0);
    r = read(tty, &c, 1);
    printf("interrupted %d %d by %d\n", r, r < 0 && errno == EINTR, got);
    write(tty, "more\n", 5);
    sigaction(SIGWINCH, &sa, 0);
    pause();
    printf("signal %d\n", got);
    // A background group that reads is stopped.
    pid_t grand = fork();
    if (!grand) {
      setpgid(0, 0);
      r = read(tty, &c, 1);
      printf("background read %d %c\n", r, c);
      _exit(3);
    }
    setpgid(grand, grand);
    int status;
    waitpid(grand, &status, WUNTRACED);
    printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
    CHECK(tcsetpgrp(tty, 999999) < 0);
    CHECK(tcsetpgrp(tty, grand) == 0 && tcgetpgrp(tty) == grand);
    kill(-grand, SIGCONT);
    write(tty, "type\n", 5);
    waitpid(grand, &status, 0);
    printf("grandchild %d\n", WEXITSTATUS(status));
    signal(SIGTTOU, SIG_IGN);
    CHECK(tcsetpgrp(tty, getpid()) == 0);
    signal(SIGHUP, on_signal);
    write(tty, "done\n", 5);
    pause();
    printf("hang up %d\n", got == SIGHUP || got == SIGCONT);
    CHECK(read(tty, &c, 1) == 0);
    CHECK(write(tty, "x", 1) < 0 && errno == EIO);
    _exit(9);
  }
  close(slave);
  screen("session");
  type("\x03");
  screen("interrupt");
  type("\x1c");
  screen("quit");
  ws.ws_row = 31;
  ioctl(master, TIOCSWINSZ, &ws);
  screen("resized");
  type("q\n");
  screen("answer");
  usleep(100000);
  close(master);
  int status;
  waitpid(child, &status, 0);
  printf("session ends %d\n", WEXITSTATUS(status));

  // The last slave goes: the master sees it.
  master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  struct pollfd p = {master, POLLIN, 0};
  printf("fresh %d\n", poll(&p, 1, 0) ? p.revents & POLLHUP : 0);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  write(slave, "bye", 3);
  close(slave);
  char b[10];
  show("last words", b, read(master, b, 10));
  show("then", b, read(master, b, 10));
  switching();
  return 0;
}
