// args: 20260101 2
// timeout: 60
// Random forks, signals, threads, futexes, pipes and exits until the time is over: every wait status, every byte
// through a pipe and every count must be right. Arguments: seed, seconds.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint32_t state;
static uint32_t next(uint32_t below) {
  state = state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)state * below) >> 32);
}
static void fail(const char *what, long got, long expected) {
  printf("%s: %ld, not %ld\n", what, got, expected);
  fflush(stdout);
  kill(0, SIGKILL);
}
static void check(const char *what, long got, long expected) {
  if (got != expected) fail(what, got, expected);
}
static pid_t reap(pid_t pid, int *status) {
  pid_t r;
  while ((r = waitpid(pid, status, 0)) < 0 && errno == EINTR) ;
  return r;
}

// A child ends in one of several ways; the parent knows which.
static void ends(void) {
  int how = next(6), code = next(200);
  pid_t pid = how == 5 ? vfork() : fork();
  if (!pid) {
    if (how == 0) _exit(code);
    if (how == 1) kill(getpid(), SIGTERM);
    if (how == 2) for (;;) pause();
    if (how == 3) *(volatile int *)8 = 1;
    if (how == 4) {
      for (volatile int i = 0; i < 20000; i++) ;
      _exit(code);
    }
    _exit(code);
  }
  check("fork", pid > 0, 1);
  if (how == 2) {
    if (next(2)) sched_yield();
    kill(pid, SIGKILL);
  }
  int status;
  check("pid", reap(pid, &status), pid);
  if (how == 1) check("terminated", WTERMSIG(status), SIGTERM);
  else if (how == 2) check("killed", WTERMSIG(status), SIGKILL);
  else if (how == 3) check("segv", WTERMSIG(status), SIGSEGV);
  else check("code", WEXITSTATUS(status), code);
}

// Several children at once, some of which have children of their own.
static void crowd(void) {
  int count = 2 + next(12);
  pid_t pids[16];
  int codes[16];
  for (int i = 0; i < count; i++) {
    codes[i] = next(250);
    int nested = next(3) == 0;
    pids[i] = fork();
    check("crowd", pids[i] >= 0, 1);
    if (!pids[i]) {
      if (nested) {
        pid_t inner = fork();
        if (!inner) _exit(77);
        int status;
        reap(inner, &status);
        check("nested", WEXITSTATUS(status), 77);
      }
      if (next(2)) usleep(next(2000));
      _exit(codes[i]);
    }
    next(4);
  }
  for (int left = count; left > 0; left--) {
    int status;
    pid_t pid = reap(-1, &status);
    int at = 0;
    while (at < count && pids[at] != pid) at++;
    if (at == count) fail("unknown child", pid, -1);
    check("crowd code", WEXITSTATUS(status), codes[at]);
    pids[at] = -1;
  }
}

// Bytes through a chain of processes.
static void chain(void) {
  int stages = 1 + next(4), total = next(200000), in[2];
  check("pipe", pipe(in), 0);
  pid_t pids[6];
  pids[0] = fork();
  if (!pids[0]) {
    close(in[0]);
    unsigned char b[5000];
    for (int done = 0; done < total;) {
      int n = 1 + next(sizeof b);
      if (n > total - done) n = total - done;
      for (int i = 0; i < n; i++) b[i] = (done + i) * 31 + 7;
      int wrote = 0;
      while (wrote < n) {
        int r = write(in[1], b + wrote, n - wrote);
        if (r < 0) _exit(1);
        wrote += r;
      }
      done += n;
    }
    _exit(0);
  }
  close(in[1]);
  int from = in[0];
  for (int s = 1; s <= stages; s++) {
    int out[2];
    check("pipe", pipe(out), 0);
    pids[s] = fork();
    if (!pids[s]) {
      close(out[0]);
      char b[3000];
      int n;
      while ((n = read(from, b, 1 + next(sizeof b))) > 0)
        for (int w = 0, r; w < n; w += r)
          if ((r = write(out[1], b + w, n - w)) < 0) _exit(1);
      _exit(0);
    }
    close(from);
    close(out[1]);
    from = out[0];
  }
  unsigned char b[7000];
  int n, seen = 0;
  while ((n = read(from, b, sizeof b)) > 0)
    for (int i = 0; i < n; i++, seen++)
      if (b[i] != (unsigned char)(seen * 31 + 7)) fail("byte", b[i], (unsigned char)(seen * 31 + 7));
  check("bytes", seen, total);
  close(from);
  for (int s = 0; s <= stages; s++) {
    int status;
    check("stage", reap(pids[s], &status), pids[s]);
    check("stage status", status, 0);
  }
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, queue;
static void *count_up(void *arg) {
  for (int i = 0; i < (int)(intptr_t)arg; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    if (i % 64 == 0) sched_yield();
    pthread_mutex_unlock(&mutex);
  }
  return 0;
}
static void *consume(void *arg) {
  for (int i = 0; i < (int)(intptr_t)arg; i++) {
    pthread_mutex_lock(&mutex);
    while (queue == 0) pthread_cond_wait(&cond, &mutex);
    queue--;
    pthread_mutex_unlock(&mutex);
  }
  return 0;
}
static void threads(void) {
  int n = 1 + next(6), each = next(2000);
  pthread_t t[8], c;
  counter = queue = 0;
  pthread_create(&c, 0, consume, (void *)(intptr_t)each);
  for (int i = 0; i < n; i++) check("thread", pthread_create(&t[i], 0, count_up, (void *)(intptr_t)each), 0);
  for (int i = 0; i < each; i++) {
    pthread_mutex_lock(&mutex);
    queue++;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
  }
  for (int i = 0; i < n; i++) pthread_join(t[i], 0);
  pthread_join(c, 0);
  check("counter", counter, n * each);
  check("queue", queue, 0);
}

static volatile sig_atomic_t signals;
static void on_signal(int n) {
  (void)n;
  signals++;
}
static void on_tick(int n) { (void)n; }
// Queued signals from a child: none is lost.
static void storm(void) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 3);
  sigprocmask(SIG_BLOCK, &set, &old);
  int count = 1 + next(60);
  signals = 0;
  pid_t parent = getpid(), pid = fork();
  if (!pid) {
    for (int i = 0; i < count; i++)
      if (sigqueue(parent, SIGRTMIN + 3, (union sigval){.sival_int = i})) _exit(1);
    _exit(0);
  }
  int way = next(2);
  for (int i = 0; way == 0 && i < count; i++) {
    siginfo_t info;
    int r;
    while ((r = sigwaitinfo(&set, &info)) < 0 && errno == EINTR) ;
    check("order", info.si_value.sival_int, i);
  }
  if (way == 1) while (signals < count) sigsuspend(&old);
  check("handled", signals, way ? count : 0);
  int status;
  reap(pid, &status);
  check("storm", status, 0);
  sigprocmask(SIG_SETMASK, &old, 0);
}

// Stop and continue.
static void stops(void) {
  pid_t pid = fork();
  if (!pid) {
    for (;;) {
      if (next(2)) usleep(100);
      else getppid();
    }
  }
  int status;
  for (int i = next(4); i >= 0; i--) {
    kill(pid, SIGSTOP);
    pid_t r;
    while ((r = waitpid(pid, &status, WUNTRACED)) < 0 && errno == EINTR) ;
    check("stopped", WIFSTOPPED(status), 1);
    kill(pid, SIGCONT);
    while ((r = waitpid(pid, &status, WCONTINUED)) < 0 && errno == EINTR) ;
    check("continued", WIFCONTINUED(status), 1);
  }
  kill(pid, SIGKILL);
  reap(pid, &status);
  check("stops", WTERMSIG(status), SIGKILL);
}

// Memory shared with a child, handed back and forth.
static void shared(void) {
  volatile int *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int rounds = next(200);
  pid_t pid = fork();
  if (!pid) {
    for (int i = 0; i < rounds; i++) {
      while (*word != 2 * i + 1) sched_yield();
      *word = 2 * i + 2;
    }
    _exit(0);
  }
  for (int i = 0; i < rounds; i++) {
    *word = 2 * i + 1;
    while (*word != 2 * i + 2) sched_yield();
  }
  int status;
  reap(pid, &status);
  check("shared", status, 0);
  munmap((void *)word, 4096);
}

int main(int argc, char **argv) {
  state = argc > 1 ? strtoul(argv[1], 0, 0) : 1;
  int seconds = argc > 2 ? atoi(argv[2]) : 5;
  setpgid(0, 0);
  struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGRTMIN + 3, &sa, 0);
  struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &tick, 0);
  // Signals come in between everything.
  timer_t timer;
  struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  timer_create(CLOCK_MONOTONIC, &se, &timer);
  timer_settime(timer, 0, &(struct itimerspec){{0, 3000000}, {0, 3000000}}, 0);
  void (*const work[])(void) = {ends, crowd, chain, threads, storm, stops, shared};
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  for (time_t end = ts.tv_sec + seconds; ts.tv_sec < end; clock_gettime(CLOCK_MONOTONIC, &ts))
    work[next(sizeof work / sizeof *work)]();
  int status;
  check("no child left", waitpid(-1, &status, WNOHANG), -1);
  printf("seed %s ok\n", argc > 1 ? argv[1] : "1");
  return 0;
}
