// Every call that waits, interrupted by a handler: with SA_RESTART, without it, and by another one without it (signal(7)).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

static volatile int count, undo;

static void h(int n) {
  (void)n;
  count++;
}

static void arm(int ms) {
  struct itimerval it = {{0, 0}, {ms/1000, ms%1000*1000}};
  setitimer(ITIMER_REAL, &it, 0);
}
static int a[2], b[2], s[2], crowded[2], full[2], ep, lis, tfd, efd, sfd, ifd, q, sem, dgram, lockfd;
static char big[1<<20];
static int word = 5;
static struct timespec ts;
static uint64_t v;
static pid_t kid;

static long c_read(void) {
  char c;
  return read(a[0], &c, 1);
}

static long c_write(void) {
  return write(full[1], big, 4096);
}

static long c_readv(void) {
  char c;
  return syscall(SYS_readv, a[0], (struct{void*b; long l; }[]) {{&c, 1}}, 1);
}

static long c_recv(void) {
  char c;
  return recv(s[0], &c, 1, 0);
}

static long c_send(void) {
  return send(crowded[1], big, 4096, 0);
}

static long c_accept(void) {
  return accept(lis, 0, 0);
}

static long c_recvt(void) {
  char c;
  struct timeval tv = {0, 400000};
  setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  long r = recv(s[0], &c, 1, 0);
  int e = errno;
  tv.tv_usec = 0;
  setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  errno = e;
  return r;
}

static long c_recvmsg(void) {
  char c;
  struct iovec_{void*b; size_t l; } io = {&c, 1};
  struct msghdr m = {0};
  m.msg_iov = (void*)&io;
  m.msg_iovlen = 1;
  return recvmsg(dgram, &m, 0);
}

static long c_wait(void) {
  return waitpid(kid, 0, 0) == kid?0:-1;
}

static long c_waitid(void) {
  siginfo_t i;
  return waitid(P_PID, kid, &i, WEXITED|WNOWAIT);
}

static long c_futex(void) {
  return syscall(SYS_futex, &word, 128, 5, 0, 0, 0);
}

static long c_futext(void) {
  ts = (struct timespec) {
    0, 400000000
  };
  return syscall(SYS_futex, &word, 128, 5, &ts, 0, 0);
}

static long c_futexb(void) {
  clock_gettime(CLOCK_MONOTONIC, &ts);
  ts.tv_nsec += 400000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  return syscall(SYS_futex, &word, 128|9, 5, &ts, 0, -1);
}

static long c_futex2(void) {
  clock_gettime(CLOCK_MONOTONIC, &ts);
  ts.tv_nsec += 400000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  return syscall(455, &word, 5L, -1L&0xffffffff, 0x82, &ts, 1);
}

static long c_waitv(void) {
  struct { uint64_t val, uaddr; uint32_t f, r; } w = {5, (uintptr_t)&word, 0x82, 0};
  return syscall(449, &w, 1, 0, 0, 0);
}

static long c_poll(void) {
  struct pollfd p = {a[0], POLLIN, 0};
  return poll(&p, 1, 400);
}

static long c_ppoll(void) {
  struct pollfd p = {a[0], POLLIN, 0};
  ts = (struct timespec) {
    0, 400000000
  };
  return ppoll(&p, 1, &ts, 0);
}

static long c_select(void) {
  struct timeval t = {0, 400000};
  fd_set f;
  FD_ZERO(&f);
  FD_SET(a[0], &f);
  return select(a[0]+1, &f, 0, 0, &t);
}

static long c_epoll(void) {
  struct epoll_event e;
  return epoll_wait(ep, &e, 1, 400);
}

static long c_epoll2(void) {
  struct epoll_event e;
  ts = (struct timespec) {
    0, 400000000
  };
  return syscall(441, ep, &e, 1, &ts, 0, 8);
}

static long c_nano(void) {
  ts = (struct timespec) {
    0, 400000000
  };
  return nanosleep(&ts, 0);
}

static long c_cnano(void) {
  clock_gettime(CLOCK_MONOTONIC, &ts);
  ts.tv_nsec += 400000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, 0);
  return errno?-1:0;
}

static long c_pause(void) {
  return pause();
}

static long c_susp(void) {
  sigset_t m;
  sigemptyset(&m);
  return sigsuspend(&m);
}

static long c_sigwait(void) {
  sigset_t m;
  sigemptyset(&m);
  sigaddset(&m, SIGUSR2);
  ts = (struct timespec) {
    0, 400000000
  };
  return syscall(SYS_rt_sigtimedwait, &m, 0, &ts, 8);
}

static long c_flock(void) {
  return flock(lockfd, LOCK_EX);
}

static long c_fcntl(void) {
  struct flock l = {F_WRLCK, 0, 0, 1, 0};
  return fcntl(lockfd, F_SETLKW, &l);
}

static long c_ofd(void) {
  struct flock l = {F_WRLCK, 0, 5, 1, 0};
  return fcntl(lockfd, 38, &l);
}

static long c_timer(void) {
  return read(tfd, &v, 8);
}

static long c_event(void) {
  return read(efd, &v, 8);
}

static long c_eventw(void) {
  v = 1;
  return write(efd, &v, 8);
}

static long c_sigfd(void) {
  return read(sfd, big, 128);
}

static long c_ino(void) {
  return read(ifd, big, 4096);
}

static long c_msgrcv(void) {
  return msgrcv(q, big, 100, 0, 0);
}

static long c_msgsnd(void) {
  *(long*)big = 1;
  return msgsnd(q, big, 8000, 0);
}

static long c_semop(void) {
  struct sembuf o = {0, -1, 0};
  return semop(sem, &o, 1);
}

static long c_semt(void) {
  struct sembuf o = {0, -1, 0};
  ts = (struct timespec) {
    0, 400000000
  };
  return semtimedop(sem, &o, 1, &ts);
}

static long c_fifo(void) {
  return open("/tmp/restart_fifo", O_RDONLY);
}

static long c_connect(void) {
  int f = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un u = {AF_UNIX, "/tmp/restart_sock"};
  long r = connect(f, (void*)&u, sizeof u);
  int e = errno;
  close(f);
  errno = e;
  return r;
}

static long c_splice(void) {
  return splice(a[0], 0, b[1], 0, 10, 0);
}

static long c_tee(void) {
  return tee(a[0], b[1], 10, 0);
}

static long c_vfork(void) {
  pid_t p = vfork();
  if (!p) {
    usleep(60000);
    _exit(0);
  }
  waitpid(p, 0, 0);
  return 0;
}
static struct { const char*n; long(*f)(void); } calls[] = { {"read pipe", c_read}, {"readv", c_readv},
    {"write pipe", c_write}, {"recv", c_recv}, {"send", c_send}, {"accept", c_accept}, {"recv with time-out",
    c_recvt}, {"recvmsg", c_recvmsg}, {"waitpid", c_wait}, {"waitid", c_waitid}, {"futex", c_futex},
    {"futex timed", c_futext}, {"futex bitset", c_futexb}, {"futex_wait", c_futex2}, {"futex_waitv", c_waitv},
    {"poll", c_poll}, {"ppoll", c_ppoll}, {"select", c_select}, {"epoll_wait", c_epoll}, {"epoll_pwait2",
    c_epoll2}, {"nanosleep", c_nano}, {"clock_nanosleep", c_cnano}, {"pause", c_pause}, {"sigsuspend", c_susp},
    {"sigtimedwait", c_sigwait}, {"flock", c_flock}, {"F_SETLKW", c_fcntl}, {"F_OFD_SETLKW", c_ofd}, {"timerfd",
    c_timer}, {"eventfd read", c_event}, {"signalfd", c_sigfd}, {"inotify", c_ino}, {"msgrcv", c_msgrcv},
    {"msgsnd", c_msgsnd}, {"semop", c_semop}, {"semtimedop", c_semt}, {"open fifo", c_fifo}, {"connect",
    c_connect}, {"splice", c_splice}, {"tee", c_tee}, {"vfork", c_vfork}, {"eventfd write", c_eventw} };

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  pipe(a);
  pipe(b);
  pipe(full);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  socketpair(AF_UNIX, SOCK_STREAM, 0, crowded);
  fcntl(full[1], F_SETFL, O_NONBLOCK);
  while (write(full[1], big, 4096) > 0);
  fcntl(full[1], F_SETFL, 0);
  while (send(crowded[1], big, 4096, MSG_DONTWAIT) > 0);
  ep = epoll_create1(0);
  struct epoll_event e = {EPOLLIN, {0}};
  epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &e);
  lis = socket(AF_INET, SOCK_STREAM, 0);
  listen(lis, 1);
  dgram = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in in = {AF_INET};
  in.sin_addr.s_addr = htonl(0x7f000001);
  bind(dgram, (void*)&in, sizeof in);
  tfd = timerfd_create(CLOCK_MONOTONIC, 0);
  efd = eventfd(0, 0);
  sigset_t m;
  sigemptyset(&m);
  sigaddset(&m, SIGUSR2);
  sigprocmask(SIG_BLOCK, &m, 0);
  sfd = signalfd(-1, &m, 0);
  ifd = inotify_init();
  q = msgget(IPC_PRIVATE, 0600);
  sem = semget(IPC_PRIVATE, 1, 0600);
  unlink("/tmp/restart_fifo");
  mkfifo("/tmp/restart_fifo", 0600);
  unlink("/tmp/restart_sock");
  int us = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un u = {AF_UNIX, "/tmp/restart_sock"};
  bind(us, (void*)&u, sizeof u);
  listen(us, 0);
  int cl = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(cl, (void*)&u, sizeof u);
  cl = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK, 0);
  connect(cl, (void*)&u, sizeof u);
  lockfd = open("/tmp/restart_lock", O_RDWR|O_CREAT, 0600);
  int lp[2];
  pipe(lp);
  pid_t locker = fork();
  if (!locker) {
    int f = open("/tmp/restart_lock", O_RDWR);
    flock(f, LOCK_EX);
    struct flock l = {F_WRLCK, 0, 0, 1, 0};
    fcntl(f, F_SETLK, &l);
    l.l_start = 5;
    fcntl(f, 37, &l);
    write(lp[1], "x", 1);
    pause();
    _exit(0);
  }
  char c;
  read(lp[0], &c, 1);
  kid = fork();
  if (!kid) {
    pause();
    _exit(0);
  }   while (msgsnd(q, (*(long*)big = 1, big), 8000, IPC_NOWAIT) == 0);
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = h;
  for (int restart = 0; restart < 2; restart++) for (unsigned i = 0; i<sizeof calls/sizeof*calls; i++) {
    if (calls[i].f == c_eventw) {
      v = -2ull;
      write(efd, &v, 8);
    }
    if (calls[i].f == c_event) {
      fcntl(efd, F_SETFL, O_NONBLOCK);
      read(efd, &v, 8);
      fcntl(efd, F_SETFL, 0);
    }
    if (calls[i].f == c_msgrcv) {
      while (msgrcv(q, big, 8000, 0, IPC_NOWAIT) >= 0);
    }
    if (calls[i].f == c_msgsnd) while (msgsnd(q, (*(long*)big = 1, big), 8000, IPC_NOWAIT) == 0);
    sa.sa_flags = restart?SA_RESTART:0;
    sigaction(SIGALRM, &sa, 0);
    count = 0;
    struct itimerval it = {{0, 30000}, {0, 30000}};
    struct sigaction s2 = sa;
    s2.sa_flags = 0;
    sigaction(SIGUSR1, &s2, 0);
    pid_t p = 0;
    if (restart) {
      p = fork();
      if (!p) {
        usleep(80000);
        kill(getppid(), SIGUSR1);
        _exit(0);
      }
      it.it_interval.tv_usec = 0;
    }
    setitimer(ITIMER_REAL, &it, 0);
    errno = 0;
    long r = calls[i].f();
    int er = errno;
    arm(0);
    if (p) while (waitpid(p, 0, 0) < 0);
    printf("%s%s: %ld %s after %s\n", calls[i].n, restart?", SA_RESTART":"", r, r < 0?strerror(er):"",
        count == 0?"none":count == 1?"one":"more");
  }
  kill(locker, 9);
  kill(kid, 9);
  msgctl(q, IPC_RMID, 0);
  semctl(sem, 0, IPC_RMID);
  unlink("/tmp/restart_fifo");
  unlink("/tmp/restart_sock");
  unlink("/tmp/restart_lock");
  return 0;
}
