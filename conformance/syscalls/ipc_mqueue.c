// POSIX message queues: names, limits, priorities, waiting, notification.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#define R(what, x) do { errno=0; long r_=(x); printf("%s: %ld %s\n", what, r_<0?-1:r_, r_<0?strerror(errno):""); } while(0)

static char buf[10000];
static unsigned prio;
static volatile int got;
static siginfo_t info;

static void h(int n, siginfo_t*i, void*c) {
  got = n;
  info = *i;
  (void)c;
}
static struct timespec in(int ms) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += ms*1000000L;
  t.tv_sec += t.tv_nsec/1000000000;
  t.tv_nsec%=1000000000;
  return t;
}

static void recv1(mqd_t q) {
  errno = 0;
  long r = mq_receive(q, buf, sizeof buf, &prio);
  if (r >= 0) buf[r] = 0;
  printf("received %ld \"%s\" %u %s\n", r, r >= 0?buf:"", prio, r < 0?strerror(errno):"");
}

static void line(mqd_t q) {
  char l[200] = {0};
  lseek(q, 0, 0);
  read(q, l, 199);
  char*p = strstr(l, "NOTIFY_PID");
  printf("%.*s%s\n", (int)(p-l), l, atoi(p+11)?"somebody":"nobody");
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  umask(022);
  struct rlimit rl = {700000, 700000};
  setrlimit(RLIMIT_MSGQUEUE, &rl);
  if (getuid() == 0 && (setgid(1234) || setuid(1234))) return 1;
  char name[64];
  sprintf(name, "/posixx-%d", getpid());
  R("no queue", mq_open(name, O_RDWR));
  struct mq_attr a = {0, 4, 64, 0}, o;
  memset(&o, 1, sizeof o);
  mqd_t q = mq_open(name, O_RDWR|O_CREAT, 0666, &a);
  R("made", q < 0?q:0);
  if (q < 0) return 1;
  R("exclusive", mq_open(name, O_RDWR|O_CREAT|O_EXCL, 0600, &a));
  R("slash", syscall(SYS_mq_open, "/x", O_RDWR, 0, 0));
  R("inner slash", syscall(SYS_mq_open, "a/x", O_RDWR|O_CREAT, 0600, 0));
  R("empty", syscall(SYS_mq_open, "", O_RDWR|O_CREAT, 0600, 0));
  memset(buf, 'n', 300);
  R("long", syscall(SYS_mq_open, buf, O_RDWR|O_CREAT, 0600, 0));
  R("bad name", syscall(SYS_mq_open, 8, O_RDWR, 0, 0));
  R("bad attr", syscall(SYS_mq_open, name+1, O_RDWR|O_CREAT, 0600, 8));
  R("mode 3", syscall(SYS_mq_open, name+1, 3, 0, 0));
  struct mq_attr w = {0, 0, 64, 0};
  R("no messages", mq_open("/posixx-none", O_RDWR|O_CREAT, 0600, &w));
  w.mq_maxmsg = 11;
  R("many messages", mq_open("/posixx-none", O_RDWR|O_CREAT, 0600, &w));
  w.mq_maxmsg = 10;
  w.mq_msgsize = 8193;
  R("large messages", mq_open("/posixx-none", O_RDWR|O_CREAT, 0600, &w));
  mqd_t list[20];
  int made = 0;
  w.mq_msgsize = 8192;
  for (; made < 20; made++) {
    char n[64];
    sprintf(n, "/posixx-%d-%d", getpid(), made);
    list[made] = mq_open(n, O_RDWR|O_CREAT, 0600, &w);
    if (list[made] < 0) break;
  }
  printf("limit after %d: %s\n", made, strerror(errno));
  for (int i = 0; i<made; i++) {
    char n[64];
    sprintf(n, "/posixx-%d-%d", getpid(), i);
    mq_close(list[i]);
    mq_unlink(n);
  }
  mq_getattr(q, &o);
  printf("%ld %ld %ld %ld\n", o.mq_flags, o.mq_maxmsg, o.mq_msgsize, o.mq_curmsgs);
  struct stat st;
  fstat(q, &st);
  printf("%o %ld %d\n", st.st_mode, (long)st.st_size, (int)st.st_nlink);
  char link[64], to[100] = {0};
  sprintf(link, "/proc/self/fd/%d", q);
  readlink(link, to, 99);
  printf("link %d\n", !strcmp(to, name));
  printf("cloexec %d\n", fcntl(q, F_GETFD));
  R("send", mq_send(q, "low", 3, 1));
  R("send", mq_send(q, "high", 4, 9));
  R("send", mq_send(q, "middle", 6, 5));
  R("send", mq_send(q, "second high", 11, 9));
  struct timespec t = in(20);
  R("full", mq_timedsend(q, "more", 4, 0, &t));
  struct pollfd p = {q, POLLIN|POLLOUT, 0};
  R("poll", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  line(q);
  R("short buffer", mq_receive(q, buf, 63, 0));
  for (int i = 0; i < 4; i++) recv1(q);
  t = in(20);
  R("empty", mq_timedreceive(q, buf, 64, 0, &t));
  p.revents = 0;
  R("poll", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  R("priority", mq_send(q, "x", 1, 32768));
  R("too long", mq_send(q, buf, 65, 0));
  R("empty message", mq_send(q, "", 0, 32767));
  recv1(q);
  R("bad buffer", syscall(SYS_mq_timedsend, q, 8, 5, 0, 0));
  t.tv_nsec = 1000000000;
  R("bad time", mq_timedsend(q, "x", 1, 0, &t));
  R("bad time pointer", syscall(SYS_mq_timedsend, q, "x", 1, 0, 8));
  t = (struct timespec) {
    -1, 0
  };
  R("negative time", mq_timedreceive(q, buf, 64, 0, &t));
  int fd = open("/dev/null", O_RDWR);
  R("no queue", mq_send(fd, "x", 1, 0));
  R("no descriptor", mq_send(99, "x", 1, 0));
  R("getattr of no queue", mq_getattr(fd, &o));
  mqd_t ro = mq_open(name, O_RDONLY|O_NONBLOCK), wo = mq_open(name, O_WRONLY);
  R("send, read-only", mq_send(ro, "x", 1, 0));
  R("receive, write-only", mq_receive(wo, buf, 64, 0));
  R("receive, nonblocking", mq_receive(ro, buf, 64, 0));
  o.mq_flags = O_NONBLOCK;
  R("setattr", mq_setattr(q, &o, &a));
  printf("%ld\n", a.mq_flags);
  R("receive", mq_receive(q, buf, 64, 0));
  o.mq_flags = O_APPEND;
  R("setattr, other flag", mq_setattr(q, &o, 0));
  o.mq_flags = 0;
  mq_setattr(q, &o, &a);
  printf("%ld\n", a.mq_flags);
  R("bad attr", syscall(SYS_mq_getsetattr, q, 8, 0));
  R("bad old", syscall(SYS_mq_getsetattr, q, 0, 8));
  R("write", write(q, "x", 1));
  pid_t c = fork();
  if (!c) {
    recv1(q);
    _exit(0);
  }
  usleep(50000);
  mq_send(q, "to a child", 10, 3);
  waitpid(c, 0, 0);
  for (int i = 0; i < 4; i++) mq_send(q, "fill", 4, 0);
  c = fork();
  if (!c) {
    mq_send(q, "waited", 6, 7);
    _exit(0);
  }
  usleep(50000);
  recv1(q);
  waitpid(c, 0, 0);
  for (int i = 0; i < 4; i++) recv1(q);
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = h;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &sa, 0);
  struct sigevent ev;
  memset(&ev, 0, sizeof ev);
  ev.sigev_notify = SIGEV_SIGNAL;
  ev.sigev_signo = SIGUSR1;
  ev.sigev_value.sival_int = 77;
  R("notify", mq_notify(q, &ev));
  R("notify again", mq_notify(q, &ev));
  line(q);
  c = fork();
  if (!c) {
    R("busy in child", mq_notify(q, &ev));
    R("child takes nothing back", mq_notify(q, 0));
    mq_send(q, "told", 4, 0);
    _exit(0);
  }
  waitpid(c, 0, 0);
  printf("signal %d code %d value %d from child %d\n", got == SIGUSR1, info.si_code, info.si_value.sival_int,
      info.si_pid == c);
  line(q);
  got = 0;
  recv1(q);
  mq_send(q, "quiet", 5, 0);
  recv1(q);
  printf("signal %d\n", got);
  mq_send(q, "before", 6, 0);
  R("notify", mq_notify(q, &ev));
  mq_send(q, "second", 6, 0);
  printf("signal with messages %d\n", got);
  recv1(q);
  recv1(q);
  mq_send(q, "now", 3, 0);
  printf("signal %d\n", got);
  recv1(q);
  got = 0;
  R("notify", mq_notify(q, &ev));
  R("take back", mq_notify(q, 0));
  mq_send(q, "x", 1, 0);
  recv1(q);
  printf("signal %d\n", got);
  R("notify", mq_notify(q, &ev));
  close(dup(q));
  mq_send(q, "x", 1, 0);
  recv1(q);
  printf("signal after close %d\n", got);
  R("notify", mq_notify(q, &ev));
  c = fork();
  if (!c) {
    recv1(q);
    _exit(0);
  }
  usleep(50000);
  mq_send(q, "taken", 5, 0);
  waitpid(c, 0, 0);
  printf("signal while one waits %d\n", got);
  mq_notify(q, 0);
  ev.sigev_notify = 9;
  R("notify how", mq_notify(q, &ev));
  ev.sigev_notify = SIGEV_SIGNAL;
  ev.sigev_signo = 65;
  R("notify signal", mq_notify(q, &ev));
  ev.sigev_notify = SIGEV_NONE;
  R("notify none", mq_notify(q, &ev));
  line(q);
  R("notify bad", syscall(SYS_mq_notify, q, 8));
  ev.sigev_signo = SIGUSR1;
  ev.sigev_notify = SIGEV_SIGNAL;
  mq_notify(q, 0);
  R("notify no queue", mq_notify(fd, &ev));
  c = fork();
  if (!c) {
    R("child's", mq_notify(q, &ev));
    _exit(0);
  }
  waitpid(c, 0, 0);
  R("after its end", mq_notify(q, &ev));
  R("unlink", mq_unlink(name));
  R("unlink again", mq_unlink(name));
  R("open", mq_open(name, O_RDONLY));
  mq_send(q, "lives on", 8, 0);
  recv1(q);
  return 0;
}
