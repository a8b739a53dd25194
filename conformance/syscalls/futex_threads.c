// Threads, mutexes, condition variables, barriers, futex operations, thread-directed signals.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// musl-gcc has no kernel headers.
enum {
  FUTEX_WAIT, FUTEX_WAKE, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_WAIT_BITSET = 9,
  FUTEX_WAKE_BITSET, FUTEX_PRIVATE_FLAG = 128
};
// *addr2 += 3, compared with 10.
#define ADD_3_EQUAL_10 (1u << 28 | 3 << 12 | 10)
#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;
static long sys_futex(uint32_t *addr, int op, uint32_t val, void *timeout, uint32_t *addr2, uint32_t val3) {
  return syscall(SYS_futex, addr, op, val, timeout, addr2, val3);
}

static void *adder(void *arg) {
  for (int i = 0; i < 20000; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  return arg;
}
static void *pingpong(void *arg) {
  int me = (int)(intptr_t)arg;
  for (int i = 0; i < 1000; i++) {
    pthread_mutex_lock(&mutex);
    while (turn != me) pthread_cond_wait(&cond, &mutex);
    turn = !me;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
  }
  return 0;
}
static __thread int tls = 5;
static void *tls_thread(void *arg) {
  tls += (int)(intptr_t)arg;
  return (void *)(intptr_t)tls;
}
static volatile int stop;
static void *spinner(void *arg) {
  while (!stop) ;
  return arg;
}
static uint32_t word;
static void *futex_waiter(void *arg) {
  return (void *)(intptr_t)sys_futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, 0, 0, (uint32_t)(intptr_t)arg);
}
static volatile pthread_t signalled;
static void on_signal(int n) { (void)n; signalled = pthread_self(); }
static void *pauser(void *arg) {
  pause();
  return arg;
}
static pthread_mutex_t robust;
static void *dies_holding(void *arg) {
  pthread_mutex_lock(&robust);
  return arg;
}
static void *cancelled(void *arg) {
  for (;;) sleep(10);
  return arg;
}
static void *exit_thread(void *arg) {
  usleep(10000);
  _exit((int)(intptr_t)arg);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  pthread_t t[8];
  void *r;
  for (long i = 0; i < 8; i++) pthread_create(&t[i], 0, adder, (void *)i);
  long sum = 0;
  for (int i = 0; i < 8; i++) pthread_join(t[i], &r), sum += (long)r;
  printf("counter %d sum %ld\n", counter, sum);
  for (long i = 0; i < 2; i++) pthread_create(&t[i], 0, pingpong, (void *)i);
  for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
  printf("turn %d\n", turn);
  for (long i = 0; i < 3; i++) pthread_create(&t[i], 0, tls_thread, (void *)i);
  for (int i = 0; i < 3; i++) pthread_join(t[i], &r), printf("tls %ld\n", (long)r);
  printf("tls %d\n", tls);

  pthread_create(&t[0], 0, spinner, 0);
  usleep(20000);
  stop = 1;
  pthread_join(t[0], 0);
  puts("spinner stopped");

  // Raw futexes.
  struct timespec ts = {0, 10000000};
  word = 1;
  CHECK(sys_futex(&word, FUTEX_WAIT, 0, 0, 0, 0) < 0 && errno == EAGAIN);
  CHECK(sys_futex(&word, FUTEX_WAIT, 1, &ts, 0, 0) < 0 && errno == ETIMEDOUT);
  CHECK(sys_futex((void *)8, FUTEX_WAIT, 0, 0, 0, 0) < 0 && errno == EFAULT);
  CHECK(sys_futex((void *)((char *)&word + 1), FUTEX_WAIT, 0, 0, 0, 0) < 0 && errno == EINVAL);
  CHECK(sys_futex(&word, 99, 0, 0, 0, 0) < 0 && errno == ENOSYS);
  CHECK(sys_futex(&word, FUTEX_WAKE, 1, 0, 0, 0) == 0);
  ts.tv_nsec = 1000000000;
  CHECK(sys_futex(&word, FUTEX_WAIT, 1, &ts, 0, 0) < 0 && errno == EINVAL);
  CHECK(sys_futex(&word, FUTEX_WAIT_BITSET, 1, 0, 0, 0) < 0 && errno == EINVAL);
  word = 0;
  pthread_create(&t[0], 0, futex_waiter, (void *)1);
  pthread_create(&t[1], 0, futex_waiter, (void *)2);
  usleep(20000);
  CHECK(sys_futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, 0, 0, 4) == 0);
  CHECK(sys_futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, 0, 0, 2) == 1);
  pthread_join(t[1], &r);
  uint32_t other = 7;
  CHECK(sys_futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)1, &other, 3) < 0 && errno == EAGAIN);
  CHECK(sys_futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)1, &other, 0) == 1);
  CHECK(sys_futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0) == 0);
  CHECK(sys_futex(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0) == 1);
  pthread_join(t[0], &r);
  printf("waiter %ld\n", (long)r);
  uint32_t x = 5, y = 10;
  CHECK(sys_futex(&x, FUTEX_WAKE_OP, 1, (void *)1, &y, ADD_3_EQUAL_10) == 0 && y == 13);
  // FUTEX_LOCK_PI.
  uint32_t pi = 0;
  CHECK(sys_futex(&pi, FUTEX_LOCK_PI, 0, 0, 0, 0) == 0 && pi == (uint32_t)syscall(SYS_gettid));
  CHECK(sys_futex(&pi, FUTEX_LOCK_PI, 0, 0, 0, 0) < 0 && errno == EDEADLK);
  CHECK(sys_futex(&pi, FUTEX_UNLOCK_PI, 0, 0, 0, 0) == 0 && pi == 0);
  CHECK(sys_futex(&pi, FUTEX_UNLOCK_PI, 0, 0, 0, 0) < 0 && errno == EPERM);

  // Signals to threads.
  signal(SIGUSR1, on_signal);
  pthread_create(&t[0], 0, pauser, 0);
  usleep(10000);
  pthread_kill(t[0], SIGUSR1);
  pthread_join(t[0], 0);
  CHECK(signalled == t[0]);

  pthread_mutexattr_t attr;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attr);
  pthread_create(&t[0], 0, dies_holding, 0);
  pthread_join(t[0], 0);
  CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(&robust) == 0);
  CHECK(pthread_mutex_unlock(&robust) == 0);

  pthread_create(&t[0], 0, cancelled, 0);
  usleep(10000);
  CHECK(pthread_cancel(t[0]) == 0);
  pthread_join(t[0], &r);
  CHECK(r == PTHREAD_CANCELED);
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += 10000000;
  if (deadline.tv_nsec >= 1000000000) deadline.tv_sec++, deadline.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  CHECK(pthread_cond_timedwait(&cond, &mutex, &deadline) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
  sem_t sem;
  sem_init(&sem, 0, 0);
  CHECK(sem_timedwait(&sem, &deadline) < 0 && errno == ETIMEDOUT);

  // exit_group from another thread ends all; fork from a thread has one.
  pid_t child = fork();
  if (!child) {
    pthread_create(&t[0], 0, exit_thread, (void *)23);
    for (;;) pause();
  }
  int status;
  waitpid(child, &status, 0);
  printf("exit from thread %d\n", WEXITSTATUS(status));
  child = fork();
  if (!child) {
    pthread_create(&t[0], 0, pauser, 0);
    char *args[] = {"true", 0};
    execv("/bin/true", args);
    _exit(1);
  }
  waitpid(child, &status, 0);
  printf("exec with threads %x\n", status);
  return 0;
}
