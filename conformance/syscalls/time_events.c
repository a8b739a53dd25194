// Timers of all kinds, timerfd, epoll, signalfd, eventfd.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#define R(what, x) do { errno=0; long r_=(x); printf("%s: %ld %s\n", what, r_<0?-1:r_, r_<0?strerror(errno):""); } while(0)

static volatile int got, code, val, over, tid;
static volatile long count;

static void h(int n, siginfo_t*i, void*c) {
  got = n;
  code = i->si_code;
  val = i->si_value.sival_int;
  over = i->si_overrun;
  tid = gettid();
  count++;
  (void)c;
}

static void on(int s) {
  struct sigaction a = {0};
  a.sa_sigaction = h;
  a.sa_flags = SA_SIGINFO;
  sigaction(s, &a, 0);
}

static void ms(int n) {
  struct timespec t = {n/1000, n%1000*1000000L};
  while (nanosleep(&t, &t));
}

static long tc(int clock, struct sigevent*e, int*id) {
  return syscall(SYS_timer_create, clock, e, id);
}

static long ts(int id, int flags, long first, long every, struct itimerspec*old) {
  struct itimerspec v = {{every/1000, every%1000*1000000}, {first/1000, first%1000*1000000}};
  return syscall(SYS_timer_settime, id, flags, &v, old);
}

static void *waiter(void *a) {
  *(int*)a = gettid();
  sigset_t m;
  sigemptyset(&m);
  pthread_sigmask(SIG_SETMASK, &m, 0);
  for (int i = 0; i < 50 && !got; i++) ms(10);
  return 0;
}

static void *ewait(void *a) {
  struct epoll_event e;
  return (void*)(long)epoll_wait(*(int*)a, &e, 1, 300);
}

static void names(void) {
  // Hangup is told to who asked for nothing; other names of the same events wake, too.
  int ends[2];
  pipe(ends);
  int ep = epoll_create1(0);
  struct epoll_event ev = {0, {.u64 = 7}};
  R("no events", epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &ev));
  write(ends[1], "x", 1);
  R("nothing", epoll_wait(ep, &ev, 1, 0));
  close(ends[1]);
  R("hangup", epoll_wait(ep, &ev, 1, 0));
  printf("%x %d\n", ev.events, (int)ev.data.u64);
  pipe(ends);
  for (int i = 0; i < 2; i++) {
    if (fork() == 0) {
      usleep(50000);
      write(ends[1], "x", 1);
      _exit(0);
    }
    struct pollfd in = {ends[0], i == 0 ? POLLRDNORM : POLLRDNORM | POLLRDBAND, 0};
    R("by its other name", poll(&in, 1, 5000));
    printf("%x\n", in.revents);
    char c;
    read(ends[0], &c, 1);
    wait(0);
  }
  // The system call tells what is left of the time, and leaves a time of zero alone.
  struct timespec left = {0, 10000000};
  R("ppoll", syscall(SYS_ppoll, 0, 0, &left, 0, 8));
  printf("left %ld %ld\n", (long)left.tv_sec, left.tv_nsec);
  left.tv_sec = 100;
  write(ends[1], "x", 1);
  struct pollfd in = {ends[0], POLLIN, 0};
  R("ppoll", syscall(SYS_ppoll, &in, 1, &left, 0, 8));
  printf("some left %d\n", left.tv_sec == 99 && left.tv_nsec > 0);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  int id;
  struct sigevent e;
  memset(&e, 0, sizeof e);
  on(SIGUSR1);
  on(SIGALRM);
  on(SIGVTALRM);
  on(SIGPROF);
  on(SIGRTMIN+1);
  e.sigev_notify = 4;
  e.sigev_signo = SIGUSR1;
  e.sigev_value.sival_int = 5;
  e.sigev_notify_thread_id = 999999;
  R("thread id, nobody", tc(1, &e, &id));
  pthread_t th;
  int wt = 0;
  sigset_t m, o;
  sigemptyset(&m);
  sigaddset(&m, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &m, &o);
  pthread_create(&th, 0, waiter, &wt);
  while (!wt) ms(1);
  e.sigev_notify_thread_id = wt;
  R("thread id", tc(1, &e, &id));
  ts(id, 0, 20, 0, 0);
  pthread_join(th, 0);
  printf("got %d code %d value %d in its thread %d\n", got == SIGUSR1, code, val, tid == wt);
  pthread_sigmask(SIG_SETMASK, &o, 0);
  R("settime after its thread", ts(id, 0, 20, 0, 0));
  ms(40);
  R("delete", syscall(SYS_timer_delete, id));
  R("delete again", syscall(SYS_timer_delete, id));
  e.sigev_notify = SIGEV_SIGNAL;
  e.sigev_signo = SIGRTMIN+1;
  R("create", tc(1, &e, &id));
  sigemptyset(&m);
  sigaddset(&m, SIGRTMIN+1);
  sigprocmask(SIG_BLOCK, &m, 0);
  got = 0;
  ts(id, 0, 10, 10, 0);
  ms(105);
  count = 0;
  sigprocmask(SIG_UNBLOCK, &m, 0);
  ts(id, 0, 0, 0, 0);
  printf("signals %ld overrun %d\n", count, over >= 5 && over <= 12);
  R("getoverrun", syscall(SYS_timer_getoverrun, id) >= 5);
  struct itimerspec it;
  R("gettime", syscall(SYS_timer_gettime, id, &it));
  printf("%ld %ld\n", it.it_value.tv_sec, it.it_value.tv_nsec);
  R("settime null", syscall(SYS_timer_settime, id, 0, 0, 0));
  R("settime bad", syscall(SYS_timer_settime, id, 0, 8, 0));
  R("settime id", ts(777, 0, 1, 0, 0));
  R("gettime id", syscall(SYS_timer_gettime, 777, &it));
  R("overrun id", syscall(SYS_timer_getoverrun, 777));
  R("old", ts(id, 0, 5000, 100, &it));
  R("old", ts(id, 0, 0, 0, &it));
  printf("%ld %ld\n", it.it_value.tv_sec, it.it_interval.tv_nsec);
  R("past", (ts(id, TIMER_ABSTIME, 1, 0, 0), ms(20), got));
  e.sigev_signo = 65;
  R("signal 65", tc(1, &e, &id));
  e.sigev_signo = 0;
  R("signal 0", tc(1, &e, &id));
  e.sigev_notify = 7;
  R("notify 7", tc(1, &e, &id));
  R("null event", tc(1, 0, &id));
  R("clock 77", tc(77, 0, &id));
  R("clock 4", tc(4, 0, &id));
  R("clock 5", tc(5, 0, &id));
  R("cpu clock", tc(2, 0, &id));
  R("bad event", tc(1, (void*)8, &id));
  R("bad id", syscall(SYS_timer_create, 1, 0, 8));
  e.sigev_notify = SIGEV_NONE;
  R("none", tc(1, &e, &id));
  ts(id, 0, 20, 0, 0);
  ms(40);
  syscall(SYS_timer_gettime, id, &it);
  printf("%ld\n", it.it_value.tv_nsec);
  e.sigev_notify = SIGEV_SIGNAL;
  e.sigev_signo = SIGUSR1;
  R("process cpu", tc(CLOCK_PROCESS_CPUTIME_ID, &e, &id));
  got = 0;
  ts(id, 0, 30, 0, 0);
  ms(60);
  printf("asleep %d\n", got);
  struct timespec a, b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  while (!got) ;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  printf("busy %d\n", (b.tv_sec-a.tv_sec)*1000+(b.tv_nsec-a.tv_nsec)/1000000 >= 15);
  R("thread cpu", tc(CLOCK_THREAD_CPUTIME_ID, &e, &id));
  got = 0;
  ts(id, 0, 20, 0, 0);
  while (!got);
  puts("thread busy");
  clockid_t pc;
  clock_getcpuclockid(0, &pc);
  R("cpuclock", tc(pc, &e, &id));
  struct itimerval iv = {{0, 0}, {0, 20000}};
  got = 0;
  R("virtual", setitimer(ITIMER_VIRTUAL, &iv, 0));
  while (!got);
  printf("%d\n", got == SIGVTALRM);
  got = 0;
  R("prof", setitimer(ITIMER_PROF, &iv, 0));
  while (!got);
  printf("%d\n", got == SIGPROF);
  R("itimer 3", setitimer(3, &iv, 0));
  iv.it_value.tv_usec = 1000000;
  R("usec", setitimer(0, &iv, 0));
  R("bad", syscall(SYS_setitimer, 0, 8, 0));
  got = 0;
  R("ualarm", ualarm(20000, 0));
  ms(50);
  printf("%d\n", got == SIGALRM);
  R("alarm", alarm(10));
  R("alarm left", alarm(0) == 10);
  // timerfd
  int t = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  uint64_t v;
  R("create 1", timerfd_create(77, 0));
  R("create flags", timerfd_create(1, 1));
  struct itimerspec tv = {{0, 10000000}, {0, 10000000}};
  R("cancel on set", timerfd_settime(t, TFD_TIMER_ABSTIME|2, &tv, 0));
  R("read", read(t, &v, 8) == 8);
  printf("%d\n", v > 100);
  R("relative", timerfd_settime(t, 0, &tv, 0));
  R("early", read(t, &v, 8));
  ms(55);
  R("late", read(t, &v, 8));
  printf("%d\n", v >= 4 && v <= 9);
  R("short", read(t, &v, 4));
  R("gettime", timerfd_gettime(t, &it));
  printf("%ld %d\n", it.it_interval.tv_nsec, it.it_value.tv_nsec > 0);
  R("disarm", (memset(&tv, 0, sizeof tv), timerfd_settime(t, 0, &tv, &it)));
  R("read", read(t, &v, 8));
  tv.it_value.tv_nsec = 1000000000;
  R("nsec", timerfd_settime(t, 0, &tv, 0));
  R("not a timer", timerfd_settime(0, 0, &it, 0));
  R("flags", timerfd_settime(t, 8, &it, 0));
  R("write", write(t, &v, 8));
  R("lseek", lseek(t, 0, 0));
  // epoll
  int ep = epoll_create1(0), ep2 = epoll_create1(0), p[2];
  pipe(p);
  struct epoll_event ev = {EPOLLIN, {.u32 = 1}}, out[4];
  R("add", epoll_ctl(ep, 1, p[0], &ev));
  R("add again", epoll_ctl(ep, 1, p[0], &ev));
  R("itself", epoll_ctl(ep, 1, ep, &ev));
  R("nest", epoll_ctl(ep2, 1, ep, &ev));
  R("loop", epoll_ctl(ep, 1, ep2, &ev));
  int c[7];
  for (int i = 0; i < 7; i++) {
    c[i] = epoll_create1(0);
    if (i) {
      errno = 0;
      long r = epoll_ctl(c[i], 1, c[i-1], &ev);
      printf("depth %d: %ld %s\n", i, r, r?strerror(errno):"");
    }
  }
  R("file", epoll_ctl(ep, 1, open("/etc/passwd", 0), &ev));
  R("not epoll", epoll_ctl(p[0], 1, p[1], &ev));
  R("op", epoll_ctl(ep, 9, p[1], &ev));
  R("mod none", epoll_ctl(ep, 3, p[1], &ev));
  R("del none", epoll_ctl(ep, 2, p[1], 0));
  R("bad event", epoll_ctl(ep, 1, p[1], (void*)8));
  R("max 0", epoll_wait(ep, out, 0, 0));
  R("bad out", syscall(SYS_epoll_wait, ep, 8, 1, 0));
  R("empty", epoll_wait(ep2, out, 4, 0));
  write(p[1], "x", 1);
  R("nested", epoll_wait(ep2, out, 4, 0));
  R("inner", epoll_wait(ep, out, 4, 0));
  R("again", epoll_wait(ep, out, 4, 0));
  ev.events = EPOLLIN|EPOLLET;
  epoll_ctl(ep, 3, p[0], &ev);
  R("edge", epoll_wait(ep, out, 4, 0));
  R("edge once", epoll_wait(ep, out, 4, 0));
  write(p[1], "y", 1);
  R("edge new", epoll_wait(ep, out, 4, 0));
  ev.events = EPOLLIN|EPOLLONESHOT;
  epoll_ctl(ep, 3, p[0], &ev);
  R("oneshot", epoll_wait(ep, out, 4, 0));
  write(p[1], "z", 1);
  R("oneshot spent", epoll_wait(ep, out, 4, 0));
  epoll_ctl(ep, 3, p[0], &ev);
  R("oneshot armed", epoll_wait(ep, out, 4, 0));
  ev.events = EPOLLIN|EPOLLEXCLUSIVE;
  R("mod exclusive", epoll_ctl(ep, 3, p[0], &ev));
  int q[2];
  pipe(q);
  R("exclusive", epoll_ctl(ep, 1, q[0], &ev));
  R("mod of exclusive", (ev.events = EPOLLIN, epoll_ctl(ep, 3, q[0], &ev)));
  ev.events = EPOLLIN|EPOLLEXCLUSIVE|EPOLLONESHOT;
  R("exclusive oneshot", epoll_ctl(ep, 1, q[1], &ev));
  ev.events = EPOLLIN|EPOLLEXCLUSIVE;
  R("exclusive epoll", epoll_ctl(ep2, 1, c[0], &ev));
  int ex[3];
  pthread_t et[3];
  int w[2];
  pipe(w);
  for (int i = 0; i < 3; i++) {
    ex[i] = epoll_create1(0);
    ev.events = EPOLLIN|EPOLLEXCLUSIVE;
    epoll_ctl(ex[i], 1, w[0], &ev);
    pthread_create(&et[i], 0, ewait, &ex[i]);
  }
  ms(50);
  write(w[1], "1", 1);
  int woke = 0;
  for (int i = 0; i < 3; i++) {
    void*r;
    pthread_join(et[i], &r);
    woke += (long)r;
  }
  printf("exclusive woke %d\n", woke >= 1);
  close(p[0]);
  R("closed", epoll_wait(ep, out, 4, 0));
  int d = dup(q[0]);
  (void)d;
  close(q[0]);
  write(q[1], "x", 1);
  R("closed but dupped", epoll_wait(ep, out, 4, 0));
  // signalfd, eventfd
  sigemptyset(&m);
  sigaddset(&m, SIGUSR1);
  sigaddset(&m, SIGUSR2);
  sigaddset(&m, SIGRTMIN+2);
  sigprocmask(SIG_BLOCK, &m, 0);
  int sf = signalfd(-1, &m, SFD_NONBLOCK);
  struct signalfd_siginfo si[5];
  R("none", read(sf, si, sizeof si));
  raise(SIGUSR2);
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), SIGRTMIN+2, (union sigval) {.sival_int = 3});
  sigqueue(getpid(), SIGRTMIN+2, (union sigval) {.sival_int = 4});
  R("short", read(sf, si, 100));
  long n = read(sf, si, 3*128);
  printf("%ld:", n/128);
  for (int i = 0; i<n/128; i++) printf(" %s%d/%d/%d", si[i].ssi_signo >= 32?"rt":"",
      si[i].ssi_signo >= 32?(int)si[i].ssi_signo-SIGRTMIN:(int)si[i].ssi_signo, si[i].ssi_code, si[i].ssi_int);
  puts("");
  n = read(sf, si, sizeof si);
  printf("%ld: %d\n", n/128, si[0].ssi_int);
  sigdelset(&m, SIGUSR1);
  R("other mask", signalfd(sf, &m, 0) == sf);
  raise(SIGUSR1);
  R("not in it", read(sf, si, 128));
  R("signalfd of pipe", signalfd(q[1], &m, 0));
  R("size", syscall(SYS_signalfd4, -1, &m, 4, 0));
  R("flags", signalfd(-1, &m, 1));
  R("bad", syscall(SYS_signalfd4, -1, 8, 8, 0));
  int s = eventfd(3, EFD_SEMAPHORE|EFD_NONBLOCK);
  for (int i = 0; i < 4; i++) {
    v = 0;
    errno = 0;
    n = read(s, &v, 8);
    printf("%ld %lu %s; ", n, (unsigned long)v, n < 0?strerror(errno):"");
  }
  puts("");
  s = eventfd(3, EFD_NONBLOCK);
  v=~0ull;
  R("max", write(s, &v, 8));
  v=~0ull-1-3;
  R("fill", write(s, &v, 8));
  v = 1;
  R("full", write(s, &v, 8));
  struct pollfd pf = {s, POLLIN|POLLOUT, 0};
  poll(&pf, 1, 0);
  printf("%x\n", pf.revents);
  R("short", write(s, &v, 7));
  R("short read", read(s, &v, 7));
  R("flags", eventfd(0, 8));
  names();
  return 0;
}
