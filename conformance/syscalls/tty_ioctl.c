// Requests of terminals: editing, queues, flow, packet mode, EXTPROC, termio and termios2, raw reads, job control, hang-up.
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
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#define R(what, x) do { errno=0; long r_=(x); printf("%s: %ld %s\n", what, r_<0?-1:r_, r_<0?strerror(errno):""); } while(0)

static int m, s;
static struct termios t;
static char name[64];

static void show(const char*what, int fd) {
  char b[512];
  struct pollfd p = {fd, POLLIN, 0};
  printf("%s: ", what);
  if (poll(&p, 1, 100) <= 0) {
    puts("-");
    return;
  }
  long n = read(fd, b, sizeof b);
  if (n < 0) {
    printf("%s\n", strerror(errno));
    return;
  }
  for (long i = 0; i<n; i++) if (b[i] >= 32 && b[i] < 127) putchar(b[i]);
  else printf("\\%02x", b[i]&255);
  puts("");
}

static void type(const char*x) {
  write(m, x, strlen(x));
  usleep(20000);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGHUP, SIG_IGN);
  m = posix_openpt(O_RDWR|O_NOCTTY);
  int n;
  R("TIOCGPTN", ioctl(m, TIOCGPTN, &n));
  sprintf(name, "/dev/pts/%d", n);
  R("locked", open(name, O_RDWR|O_NOCTTY));
  int lk;
  R("GPTLCK", ioctl(m, TIOCGPTLCK, &lk));
  printf("%d\n", lk);
  unlockpt(m);
  s = open(name, O_RDWR|O_NOCTTY);
  printf("open %d\n", s >= 0);
  int m2 = open("/dev/pts/ptmx", O_RDWR|O_NOCTTY);
  R("ptmx in pts", m2 < 0?m2:0);
  if (m2 >= 0) {
    int k;
    R("its number", ioctl(m2, TIOCGPTN, &k));
    printf("%d\n", k != n);
    close(m2);
  }
  struct stat st;
  R("stat ptmx", stat("/dev/pts/ptmx", &st));
  printf("%d %d\n", S_ISCHR(st.st_mode), (int)st.st_rdev == 0x502);
  tcgetattr(s, &t);
  printf("%x %x %x %x %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line);
  for (int i = 0; i < 19; i++) printf("%d ", t.c_cc[i]);
  puts("");
  int d = 0;
  R("GETD", ioctl(s, TIOCGETD, &d));
  printf("%d\n", d);
  d = 0;
  R("SETD 0", ioctl(s, TIOCSETD, &d));
  d = 29;
  R("SETD 29", ioctl(s, TIOCSETD, &d));
  d = 99;
  R("SETD 99", ioctl(s, TIOCSETD, &d));
  d = -1;
  R("SETD -1", ioctl(s, TIOCSETD, &d));
  R("SETD fault", ioctl(s, TIOCSETD, 8));
  R("GETD master", ioctl(m, TIOCGETD, &d));
  R("excl", ioctl(s, TIOCEXCL));
  int x = -1;
  R("gexcl", ioctl(s, TIOCGEXCL, &x));
  printf("%d\n", x);
  R("nxcl", ioctl(s, TIOCNXCL));
  ioctl(s, TIOCGEXCL, &x);
  printf("%d\n", x);
  type("abc\x17""def ghi\x17jkl\n");
  show("werase", s);
  show("echo", m);
  type("ab\x16\x03""c\n");
  show("lnext", s);
  show("echo", m);
  type("hello\x12 you\n");
  show("reprint", s);
  show("echo", m);
  type("kill me\x15now\n");
  show("kill", s);
  show("echo", m);
  type("part\x04");
  show("eof", s);
  show("echo", m);
  R("outq", ioctl(s, TIOCOUTQ, &n));
  printf("%d\n", n);
  write(s, "12345", 5);
  usleep(20000);
  R("outq", ioctl(s, TIOCOUTQ, &n));
  printf("%d\n", n);
  R("outq master", ioctl(m, TIOCOUTQ, &n));
  printf("%d\n", n);
  R("inq master", ioctl(m, FIONREAD, &n));
  printf("%d\n", n);
  show("out", m);
  type("in");
  R("inq", ioctl(s, FIONREAD, &n));
  printf("%d\n", n);
  type("\n");
  R("inq", ioctl(s, FIONREAD, &n));
  printf("%d\n", n);
  R("flush", tcflush(s, TCIFLUSH));
  R("inq", ioctl(s, FIONREAD, &n));
  printf("%d\n", n);
  show("echo", m);
  R("flush bad", ioctl(s, TCFLSH, 7));
  R("flow bad", ioctl(s, TCXONC, 9));
  R("off", tcflow(s, TCOOFF));
  fcntl(s, F_SETFL, O_NONBLOCK);
  R("write stopped", write(s, "x", 1));
  fcntl(s, F_SETFL, 0);
  R("on", tcflow(s, TCOON));
  R("ioff", tcflow(s, TCIOFF));
  show("stop char", m);
  R("ion", tcflow(s, TCION));
  show("start char", m);
  R("break", tcsendbreak(s, 0));
  R("drain", tcdrain(s));
  R("TCSBRK master", ioctl(m, TCSBRK, 1));
  R("TCSBRKP", ioctl(s, TCSBRKP, 0));
  R("TIOCSBRK", ioctl(s, 0x5427));
  R("TIOCCBRK", ioctl(s, 0x5428));
  R("TIOCMGET", ioctl(s, TIOCMGET, &n));
  R("TIOCLINUX", ioctl(s, 0x541c, "\x06"));
  R("TIOCGSERIAL", ioctl(s, 0x541e, name+70));
  R("unknown", ioctl(s, 0x5499, 0));
  R("TIOCVHANGUP?", ioctl(s, 0x5400, 0));
  R("TIOCGDEV", ioctl(s, 0x80045432, &n));
  R("TIOCGSOFTCAR", ioctl(s, 0x5419, &n));
  printf("%d\n", n);
  n = 1;
  R("TIOCSSOFTCAR", ioctl(s, 0x541a, &n));
  tcgetattr(s, &t);
  printf("clocal %d\n", (t.c_cflag&CLOCAL) != 0);
  n = 0;
  ioctl(s, 0x541a, &n);
  R("FIONBIO", ioctl(s, FIONBIO, &n));
  R("TIOCPKT slave", ioctl(s, TIOCPKT, &n));
  R("TIOCSTI no tty", ioctl(s, TIOCSTI, "z"));
  R("TIOCGSID", ioctl(s, TIOCGSID, &n));
  R("TIOCGPGRP", ioctl(s, TIOCGPGRP, &n));
  R("TIOCGPGRP master", ioctl(m, TIOCGPGRP, &n));
  R("TIOCGSID master", ioctl(m, TIOCGSID, &n));
  R("TIOCNOTTY", ioctl(s, TIOCNOTTY));
  show("after sti", m);
  tcflush(s, TCIOFLUSH);
  // packet mode
  n = 1;
  R("pkt", ioctl(m, TIOCPKT, &n));
  n = 0;
  R("gpkt", ioctl(m, 0x80045438, &n));
  printf("%d\n", n);
  write(s, "data", 4);
  show("pkt data", m);
  tcflush(s, TCOFLUSH);
  show("pkt flush", m);
  tcflush(s, TCIFLUSH);
  show("pkt flushread", m);
  tcflow(s, TCOOFF);
  show("pkt stop", m);
  tcflow(s, TCOON);
  show("pkt start", m);
  tcgetattr(s, &t);
  struct termios o = t;
  t.c_iflag&=~IXON;
  tcsetattr(s, TCSANOW, &t);
  show("pkt nostop", m);
  tcsetattr(s, TCSANOW, &o);
  show("pkt dostop", m);
  t = o;
  t.c_lflag |= EXTPROC;
  tcsetattr(s, TCSANOW, &t);
  show("pkt ioctl", m);
  type("ab\x7f""c\x03\n");
  show("extproc", s);
  show("extproc echo", m);
  tcsetattr(s, TCSANOW, &o);
  show("pkt ioctl", m);
  n = 0;
  ioctl(m, TIOCPKT, &n);
  // termios2
  struct { unsigned i, o, c, l; unsigned char line, cc[19]; unsigned is, os; } t2;
  R("TCGETS2", ioctl(s, 0x802c542a, &t2));
  printf("%x %u %u\n", t2.c, t2.is, t2.os);
  t2.c = (t2.c&~0x100f)|0x1000;
  t2.is = t2.os = 12345;
  R("TCSETS2", ioctl(s, 0x402c542b, &t2));
  memset(&t2, 0, sizeof t2);
  ioctl(s, 0x802c542a, &t2);
  printf("%x %u %u\n", t2.c, t2.is, t2.os);
  R("TCGETA", ioctl(s, 0x5405, name+0?(void*)&t2:0));
  tcsetattr(s, TCSANOW, &o);
  t = o;
  t.c_line = 3;
  tcsetattr(s, TCSANOW, &t);
  tcgetattr(s, &t);
  printf("line %d\n", t.c_line);
  tcsetattr(s, TCSANOW, &o);
  R("TCGETS fault", ioctl(s, TCGETS, 8));
  R("TCSETS fault", ioctl(s, TCSETS, 8));
  R("TCGETX", ioctl(s, 0x5432, &t2));
  t = o;
  cfsetspeed(&t, B9600);
  tcsetattr(s, TCSANOW, &t);
  tcgetattr(s, &t);
  printf("speed %d %d\n", cfgetospeed(&t) == B9600, cfgetispeed(&t) == B9600);
  t = o;
  t.c_cflag |= PARENB|CSTOPB;
  t.c_cflag = (t.c_cflag&~CSIZE)|CS5;
  tcsetattr(s, TCSANOW, &t);
  tcgetattr(s, &t);
  printf("cflag %x\n", t.c_cflag);
  tcsetattr(s, TCSANOW, &o);
  struct winsize w = {24, 80, 1, 2};
  R("swinsz", ioctl(m, TIOCSWINSZ, &w));
  memset(&w, 0, sizeof w);
  ioctl(s, TIOCGWINSZ, &w);
  printf("%d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
  // raw modes
  cfmakeraw(&t);
  t.c_cc[VMIN] = 0;
  t.c_cc[VTIME] = 0;
  tcsetattr(s, TCSANOW, &t);
  char b[16];
  R("min 0", read(s, b, 9));
  t.c_cc[VTIME] = 1;
  tcsetattr(s, TCSANOW, &t);
  R("time 1", read(s, b, 9));
  t.c_cc[VMIN] = 3;
  t.c_cc[VTIME] = 0;
  tcsetattr(s, TCSANOW, &t);
  type("ab");
  struct pollfd p = {s, POLLIN, 0};
  R("poll of two", poll(&p, 1, 50));
  type("c");
  R("poll of three", poll(&p, 1, 50));
  R("min 3", read(s, b, 9));
  t.c_iflag |= PARMRK;
  t.c_cc[VMIN] = 1;
  tcsetattr(s, TCSANOW, &t);
  type("\xff");
  show("parmrk", s);
  tcsetattr(s, TCSANOW, &o);
  // job control in a session of its own
  pid_t c = fork();
  if (!c) {
    setsid();
    R("sctty", ioctl(s, TIOCSCTTY, 0));
    R("again", ioctl(s, TIOCSCTTY, 0));
    R("sti", ioctl(s, TIOCSTI, "q"));
    R("sti fault", ioctl(s, TIOCSTI, 8));
    show("echo of sti", m);
    type("\n");
    show("read", s);
    int g;
    R("gpgrp", ioctl(s, TIOCGPGRP, &g));
    printf("%d\n", g == getpid());
    R("gsid", ioctl(s, TIOCGSID, &g));
    printf("%d\n", g == getpid());
    int f = open("/dev/tty", O_RDWR);
    printf("dev tty %d\n", f >= 0);
    R("ttyname", ttyname(s) && !strcmp(ttyname(s), name));
    g = 999999;
    R("spgrp nobody", ioctl(s, TIOCSPGRP, &g));
    g = -1;
    R("spgrp -1", ioctl(s, TIOCSPGRP, &g));
    R("spgrp fault", ioctl(s, TIOCSPGRP, 8));
    pid_t k = fork();
    if (!k) {
      setpgid(0, 0);
      signal(SIGTTOU, SIG_IGN);
      R("background set, ignoring", tcsetattr(s, TCSANOW, &o));
      signal(SIGTTIN, SIG_IGN);
      R("background read, ignoring", read(s, b, 1));
      signal(SIGTTIN, SIG_DFL);
      raise(SIGTTIN);
      _exit(0);
    }
    int st;
    waitpid(k, &st, WUNTRACED);
    printf("stopped %d by %d\n", WIFSTOPPED(st), WSTOPSIG(st));
    kill(k, SIGCONT);
    waitpid(k, &st, 0);
    signal(SIGINT, SIG_IGN);
    R("notty", ioctl(s, TIOCNOTTY));
    R("no tty", open("/dev/tty", O_RDWR));
    _exit(0);
  }
  int st2;
  waitpid(c, &st2, 0);
  printf("%x\n", st2);
  close(s);
  R("poll hup", (p.fd = m, p.events = POLLIN, poll(&p, 1, 100)));
  printf("%d\n", (p.revents&POLLHUP) != 0);
  R("read hup", read(m, b, 1));
  s = open(name, O_RDWR|O_NOCTTY);
  printf("again %d\n", s >= 0);
  close(m);
  R("read hung up", read(s, b, 1));
  R("write hung up", write(s, "x", 1));
  R("ioctl hung up", ioctl(s, TCGETS, &t));
  R("gone", open(name, O_RDWR));
  return 0;
}
