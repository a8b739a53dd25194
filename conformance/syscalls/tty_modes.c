// Modes of a terminal: input, output and echo flags one by one, flow control, packet mode, what is kept of a change.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;
static struct termios initial;

static void show(const char *what, const char *b, int n) {
  printf("%s %d \"", what, n);
  for (int i = 0; i < n; i++) {
    if (b[i] >= 32 && b[i] < 127) putchar(b[i]);
    else printf("\\x%02x", (unsigned char)b[i]);
  }
  printf("\"%s%s\n", n < 0 ? " " : "", n < 0 ? strerror(errno) : "");
}
static void screen(const char *what) {
  char b[1000];
  int n = 0, r;
  struct pollfd p = {master, POLLIN, 0};
  while (n < 900 && poll(&p, 1, 40) > 0 && (r = read(master, b + n, 900 - n)) > 0) n += r;
  show(what, b, n);
}
static void input(const char *what) {
  char b[200];
  show(what, b, read(slave, b, sizeof b));
}
static void type(const char *s) { write(master, s, strlen(s)); }
static void output(const char *s) { write(slave, s, strlen(s)); }
// One mode: what is typed, what the screen shows, what is read (twice), and what output becomes.
static void mode(const char *name, int iflag, int oflag, int lflag, int clear, const char *typed) {
  struct termios t = initial;
  t.c_iflag ^= iflag;
  t.c_oflag ^= oflag;
  t.c_lflag = (t.c_lflag & ~clear) ^ lflag;
  tcsetattr(slave, TCSANOW, &t);
  tcflush(slave, TCIOFLUSH);
  printf("-- %s\n", name);
  if (typed) {
    type(typed);
    screen("screen");
    input("read");
    input("read");
  }
  if (oflag) {
    output("ab\r\ncd\n\re\tf\n");
    screen("output");
  }
  tcsetattr(slave, TCSANOW, &initial);
  tcflush(slave, TCIOFLUSH);
  // Column 0 again.
  output("\r");
  screen("");
}
static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};
  poll(&p, 1, 50);
  return p.revents;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
  tcgetattr(slave, &initial);

  mode("as it is", 0, 0, 0, 0, "a\rb\n\x01\x1b[A\xe4\n");
  mode("no ICRNL", ICRNL, 0, 0, 0, "a\rb\n");
  mode("INLCR", INLCR, 0, 0, 0, "a\rb\nc\r");
  mode("INLCR, no ICRNL", INLCR | ICRNL, 0, 0, 0, "a\rb\nc\x04");
  mode("IGNCR", IGNCR, 0, 0, 0, "a\rb\n");
  mode("ISTRIP", ISTRIP, 0, 0, 0, "\xc1\xc2\xe4\n");
  mode("IUCLC", IUCLC, 0, 0, 0, "ABC def\n");
  mode("IUCLC without IEXTEN", IUCLC, 0, IEXTEN, 0, "ABC def\n");
  mode("no IXON", IXON, 0, 0, 0, "a\x13\x11" "b\n");
  mode("PARMRK", PARMRK, 0, 0, 0, "a\xff" "b\n");
  mode("no ECHO", 0, 0, ECHO, 0, "abc\x7f\n");
  mode("no ECHO, ECHONL", 0, 0, ECHO | ECHONL, 0, "abc\x7f\n");
  mode("no ECHOE", 0, 0, ECHOE, 0, "abc\x7f\x7fz\n");
  mode("no ECHOK", 0, 0, ECHOK, 0, "abc\x15z\n");
  mode("no ECHOKE", 0, 0, ECHOKE, 0, "abc\x15z\n");
  mode("no ECHOCTL", 0, 0, ECHOCTL, 0, "a\x01\x02\x7f" "b\x7f\x7f\n");
  mode("ECHOPRT", 0, 0, ECHOPRT, 0, "abcd\x7f\x7fxy\n");
  mode("ECHOPRT, word", 0, 0, ECHOPRT, 0, "ab cd\x17" "e\n");
  mode("no IEXTEN", 0, 0, IEXTEN, 0, "one two\x17\x16\x12\n");
  mode("no ISIG", 0, 0, ISIG, 0, "a\x03\x1a\x1c\n");
  mode("ISIG drops what was typed", 0, 0, 0, 0, "line\npart\x03next\n");
  mode("NOFLSH", 0, 0, NOFLSH, 0, "line\npart\x03next\n");
  mode("reprint", 0, 0, 0, 0, "abc\x01\x12" "d\n");
  mode("words", 0, 0, 0, 0, "one two_3.four  \x17!\x17\x17?\n");
  mode("erase of nothing", 0, 0, 0, 0, "\x7f\x17\x15" "a\n");
  mode("tabs erased", 0, 0, 0, 0, "ab\tc\t\x7f\x7f\x7fz\n");
  mode("tab behind a control character", 0, 0, 0, 0, "\x01\ta\x7f\x7f" "b\n");
  mode("kill with a tab", 0, 0, 0, 0, "ab\tcd\x15" "e\n");
  mode("literal", 0, 0, 0, 0, "a\x16\x7f\x16\n\x16\x04" "b\n");
  mode("NUL", 0, 0, 0, 0, "\x01\n");
  mode("raw", 0, 0, 0, ICANON | ECHO | ISIG | IEXTEN, "a\x03\x04\x7f\r\n");
  mode("raw with echo", 0, 0, 0, ICANON, "a\x04\x7f\r\tb\x16\x12");
  mode("cbreak, literal", 0, 0, 0, ICANON, "\x16\x03z");
  mode("no OPOST", 0, OPOST, 0, 0, "a\n");
  mode("no ONLCR", 0, ONLCR, 0, 0, "a\n");
  mode("OCRNL", 0, OCRNL, 0, 0, "a\n");
  mode("OCRNL, no ONLCR", 0, OCRNL | ONLCR, 0, 0, "a\n");
  mode("ONOCR", 0, ONOCR, 0, 0, "a\n");
  mode("ONLRET", 0, ONLRET, 0, 0, "a\n");
  mode("ONLRET, no ONLCR", 0, ONLRET | ONLCR, 0, 0, "a\n");
  mode("OLCUC", 0, OLCUC, 0, 0, "abc\n");
  mode("XTABS", 0, XTABS, 0, 0, "a\tb\n");

  // Characters of one's own, and ones that are off.
  struct termios t = initial;
  t.c_cc[VERASE] = '#';
  t.c_cc[VKILL] = '@';
  t.c_cc[VEOF] = '!';
  t.c_cc[VEOL] = ';';
  t.c_cc[VEOL2] = ':';
  t.c_cc[VINTR] = 0;
  tcsetattr(slave, TCSANOW, &t);
  type("ab#c@de#f!x;y:z\x03\n");
  screen("own");
  for (int i = 0; i < 5; i++) input("own");
  tcsetattr(slave, TCSANOW, &initial);

  // Flow control.
  type("\x13");
  usleep(20000);
  printf("stopped %x\n", events(slave));
  char b[100];
  show("write", b, write(slave, "held", 4) < 0 ? -1 : 4);
  screen("nothing comes");
  type("\x11");
  usleep(20000);
  printf("goes on %x\n", events(slave));
  output("free");
  screen("free");
  tcflow(slave, TCOOFF);
  printf("off %x\n", events(slave));
  tcflow(slave, TCOON);
  printf("on %x\n", events(slave));
  tcflow(slave, TCIOFF);
  screen("stop sent");
  tcflow(slave, TCION);
  screen("start sent");
  t = initial;
  t.c_iflag |= IXANY;
  tcsetattr(slave, TCSANOW, &t);
  type("\x13");
  usleep(20000);
  printf("stopped %x\n", events(slave));
  type("x");
  usleep(20000);
  printf("any %x\n", events(slave));
  type("\x13\x03");
  usleep(20000);
  printf("interrupt goes on %x\n", events(slave));
  tcsetattr(slave, TCSAFLUSH, &initial);
  screen("rest");

  // Echo while output is stopped comes later.
  type("\x13");
  type("later");
  screen("held back");
  type("\x11");
  screen("now");
  tcflush(slave, TCIOFLUSH);

  // How much fits, until the master reads.
  long total = 0;
  for (int n; (n = write(slave, "0123456789abcdef0123456789abcdef", 32)) > 0;) total += n;
  printf("full %d %d\n", errno == EAGAIN, total >= 2048);
  long seen = 0;
  fcntl(master, F_SETFL, O_NONBLOCK);
  for (;;) {
    int n = read(master, b, sizeof b);
    if (n > 0) seen += n;
    else if (events(master) & POLLIN) continue;
    else break;
  }
  printf("all of it %d, room %x\n", seen == total, events(slave) & POLLOUT);
  fcntl(master, F_SETFL, 0);

  // Packet mode.
  int on = 1;
  printf("packet %d\n", ioctl(master, TIOCPKT, &on));
  output("data");
  usleep(20000);
  printf("events %x\n", events(master));
  show("packet", b, read(master, b, 100));
  tcflush(slave, TCIFLUSH);
  printf("events %x\n", events(master));
  show("packet", b, read(master, b, 100));
  tcflush(slave, TCOFLUSH);
  show("packet", b, read(master, b, 100));
  tcflow(slave, TCOOFF);
  show("packet", b, read(master, b, 100));
  tcflow(slave, TCOON);
  show("packet", b, read(master, b, 100));
  t = initial;
  t.c_iflag &= ~IXON;
  tcsetattr(slave, TCSANOW, &t);
  show("packet", b, read(master, b, 100));
  tcsetattr(slave, TCSANOW, &initial);
  show("packet", b, read(master, b, 100));
  ioctl(master, TIOCGPKT, &on);
  printf("packet mode %d\n", on);
  on = 0;
  ioctl(master, TIOCPKT, &on);

  // What is kept of a change.
  t = initial;
  t.c_cflag = (t.c_cflag & ~CSIZE) | CS7 | PARENB | CSTOPB | HUPCL | CLOCAL;
  t.c_iflag = t.c_oflag = 0xffff;
  t.c_lflag &= ~ICANON;
  t.c_cc[VMIN] = 7;
  cfsetispeed(&t, B9600);
  cfsetospeed(&t, B9600);
  tcsetattr(slave, TCSANOW, &t);
  tcgetattr(slave, &t);
  printf("kept %x %x %x %x %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_cc[VMIN]);
  printf("speed %x %x\n", cfgetispeed(&t), cfgetospeed(&t));
  tcgetattr(master, &t);
  printf("seen by the master %d\n", t.c_cc[VMIN]);
  tcsetattr(master, TCSANOW, &initial);
  tcgetattr(slave, &t);
  printf("set by the master %x %x %x %x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
  struct winsize ws = {24, 80, 3, 4};
  ioctl(slave, TIOCSWINSZ, &ws);
  memset(&ws, 0, sizeof ws);
  ioctl(master, TIOCGWINSZ, &ws);
  printf("size %d %d %d %d\n", ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel);
  int value = -1;
  printf("discipline %d %d\n", ioctl(slave, TIOCGETD, &value), value);
  printf("output queue %d %d\n", ioctl(slave, TIOCOUTQ, &value), value);
  printf("lock %d %d\n", ioctl(master, TIOCGPTLCK, &value), value);
  printf("of the slave %d %d\n", ioctl(slave, TIOCGPTN, &value), errno);
  struct stat st;
  fstat(slave, &st);
  printf("type %o, major %d\n", st.st_mode & S_IFMT, (int)(st.st_rdev >> 8));
  fstat(master, &st);
  printf("master %o %x\n", st.st_mode & S_IFMT, (int)st.st_rdev);
  printf("drain %d, break %d\n", tcdrain(slave), tcsendbreak(slave, 0));
  // Exclusive: only the superuser opens it again.
  printf("exclusive %d %d\n", ioctl(slave, TIOCEXCL), ioctl(slave, 0x80045440, &value));
  printf("is %d\n", value);
  ioctl(slave, TIOCNXCL);
  printf("no such %d\n", open("/dev/pts/4095000", O_RDWR) < 0 && errno == ENOENT);
  return 0;
}
