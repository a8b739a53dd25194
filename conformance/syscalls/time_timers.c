// Clocks, sleeping, interval timers, POSIX timers, CPU time.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
static volatile int fired;
static int value, code;
static void on_signal(int n, siginfo_t *info, void *context) {
  (void)n; (void)context;
  fired++;
  value = info->si_value.sival_int;
  code = info->si_code;
}
static long long now(int clock) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  for (int clock = 0; clock < 12; clock++) {
    struct timespec ts, res;
    int r = syscall(SYS_clock_gettime, clock, &ts);
    int q = syscall(SYS_clock_getres, clock, &res);
    printf("clock %d: %d %d\n", clock, r, q);
  }
  struct timespec ts;
  CHECK(syscall(SYS_clock_gettime, 77, &ts) < 0 && errno == EINVAL);
  CHECK(syscall(SYS_clock_gettime, 1, 8) < 0 && errno == EFAULT);
  long long a = now(CLOCK_MONOTONIC), b = now(CLOCK_MONOTONIC);
  CHECK(b >= a);
  CHECK(llabs(now(CLOCK_REALTIME) / 1000000000 - time(0)) <= 1);
  struct timeval tv;
  gettimeofday(&tv, 0);
  CHECK(llabs(tv.tv_sec - time(0)) <= 1);

  ts = (struct timespec){0, 20000000};
  a = now(CLOCK_MONOTONIC);
  CHECK(nanosleep(&ts, 0) == 0);
  b = now(CLOCK_MONOTONIC) - a;
  CHECK(b >= 20000000 && b < 200000000);
  clock_gettime(CLOCK_REALTIME, &ts);
  ts.tv_nsec += 20000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  a = now(CLOCK_MONOTONIC);
  CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, 0) == 0);
  b = now(CLOCK_MONOTONIC) - a;
  CHECK(b > 10000000 && b < 200000000);
  ts.tv_nsec = 1000000000;
  CHECK(nanosleep(&ts, 0) < 0 && errno == EINVAL);
  CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, 0) != 0);

  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = on_signal;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGALRM, &sa, 0);
  sigaction(SIGVTALRM, &sa, 0);
  sigaction(SIGRTMIN, &sa, 0);
  struct itimerval it = {{0, 10000}, {0, 10000}}, old;
  CHECK(setitimer(ITIMER_REAL, &it, 0) == 0);
  while (fired < 3) pause();
  memset(&it, 0, sizeof it);
  setitimer(ITIMER_REAL, &it, &old);
  CHECK(old.it_interval.tv_usec == 10000 && old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 10000);
  getitimer(ITIMER_REAL, &old);
  CHECK(old.it_value.tv_usec == 0 && old.it_interval.tv_usec == 0);
  // A loop without calls is interrupted, too.
  fired = 0;
  it.it_value.tv_usec = 10000;
  setitimer(ITIMER_REAL, &it, 0);
  while (!fired) ;
  CHECK(fired == 1);
  fired = 0;
  setitimer(ITIMER_VIRTUAL, &it, 0);
  while (!fired) ;
  CHECK(fired == 1);
  it.it_value.tv_usec = 1000000;
  CHECK(setitimer(ITIMER_REAL, &it, 0) < 0 && errno == EINVAL);
  CHECK(setitimer(9, &old, 0) < 0 && errno == EINVAL);
  CHECK(alarm(100) == 0 && alarm(0) == 100);

  timer_t timer;
  struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 4711};
  CHECK(timer_create(CLOCK_MONOTONIC, &se, &timer) == 0);
  struct itimerspec its = {{0, 0}, {0, 10000000}}, cur;
  fired = 0;
  CHECK(timer_settime(timer, 0, &its, 0) == 0);
  while (!fired) pause();
  printf("timer value %d code %d overrun %d\n", value, code, timer_getoverrun(timer));
  timer_gettime(timer, &cur);
  CHECK(cur.it_value.tv_sec == 0 && cur.it_value.tv_nsec == 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  its.it_interval.tv_nsec = its.it_value.tv_nsec = 5000000;
  timer_settime(timer, 0, &its, 0);
  usleep(52000);
  fired = 0;
  sigprocmask(SIG_UNBLOCK, &set, 0);
  CHECK(fired >= 1 && timer_getoverrun(timer) >= 5);
  // A signal that is pending already does not keep a timer's away.
  struct sigevent usr = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
  timer_t second;
  timer_create(CLOCK_MONOTONIC, &usr, &second);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, 0);
  raise(SIGUSR2);
  its.it_interval.tv_nsec = 0;
  timer_settime(second, 0, &its, 0);
  usleep(20000);
  siginfo_t info;
  struct timespec none = {0, 0};
  CHECK(sigtimedwait(&set, &info, &none) == SIGUSR2 && info.si_code == SI_TKILL);
  CHECK(sigtimedwait(&set, &info, &none) == SIGUSR2 && info.si_code == SI_TIMER);
  CHECK(sigtimedwait(&set, &info, &none) < 0 && errno == EAGAIN);
  timer_delete(second);
  CHECK(timer_delete(timer) == 0);
  CHECK(timer_delete(timer) < 0 && errno == EINVAL);
  se.sigev_signo = 99;
  CHECK(timer_create(CLOCK_MONOTONIC, &se, &timer) < 0 && errno == EINVAL);

  long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  usleep(50000);
  CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 30000000);
  cpu = now(CLOCK_THREAD_CPUTIME_ID);
  a = now(CLOCK_MONOTONIC);
  while (now(CLOCK_MONOTONIC) - a < 30000000) ;
  CHECK(now(CLOCK_THREAD_CPUTIME_ID) - cpu > 5000000);
  struct tms tms;
  CHECK(times(&tms) != -1);
  struct rusage ru;
  CHECK(getrusage(RUSAGE_SELF, &ru) == 0 && ru.ru_maxrss > 0);
  clockid_t other;
  CHECK(clock_getcpuclockid(getpid(), &other) == 0 && now(other) > 0);
  return 0;
}
