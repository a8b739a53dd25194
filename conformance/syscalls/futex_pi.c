// Locks with priority inheritance: waiting, handing on, time-outs, deadlocks, owners that die, condition variables; and
// the calls that divide futex up.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE = 3, FUTEX_LOCK_PI = 6, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI,
  FUTEX_WAIT_REQUEUE_PI = 11, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2, PRIV = 128 };
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu
struct robust_list { struct robust_list *next; };
struct robust_list_head { struct robust_list list; long futex_offset; struct robust_list *list_op_pending; };
struct futex_waitv { uint64_t val, uaddr; uint32_t flags, reserved; };
#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static uint32_t lock, other, cond, tids[8];
static long futex(void *a, int op, uint32_t v, const void *t, void *b, uint32_t w) {
  return syscall(SYS_futex, a, op, v, t, b, w);
}
static void result(const char *what, long r) {
  printf("%s: %ld %s\n", what, r < 0 ? -1L : r, r < 0 ? strerror(errno) : "");
}
static void nap(int ms) { usleep(ms * 1000); }
static struct timespec in(int clock, int ms) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  ts.tv_nsec += ms * 1000000L;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  return ts;
}
static const char *word(uint32_t v) {
  static char text[80];
  uint32_t tid = v & FUTEX_TID_MASK;
  int who = -1;
  for (int i = 0; i < 8; i++) if (tid && tids[i] == tid) who = i;
  sprintf(text, "%s%s%s", tid ? (char[]){'T', '0' + who, 0} : "free", v & FUTEX_WAITERS ? " waiters" : "",
          v & FUTEX_OWNER_DIED ? " died" : "");
  return text;
}

static int order[8], ordered;
static void *locker(void *arg) {
  int n = (intptr_t)arg;
  tids[n] = gettid();
  long r = futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
  if (r < 0) result("locker", r);
  order[ordered++] = n;
  nap(10);
  uint32_t mine = gettid();
  if (!__atomic_compare_exchange_n(&lock, &mine, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  return 0;
}
static void *crossing(void *arg) {
  tids[1] = gettid();
  futex(&other, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
  nap(150);
  result("crossing takes the lock", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  futex(&other, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  return arg;
}
static void *dies(void *arg) {
  tids[1] = gettid();
  result("dying owner locks", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  nap(300);
  syscall(SYS_exit, 0);
  return arg;
}
static void *requeued(void *arg) {
  int n = (intptr_t)arg;
  tids[n] = gettid();
  long r = futex(&cond, FUTEX_WAIT_REQUEUE_PI | PRIV, 7, 0, &lock, 0);
  if (r < 0) result("requeued", r);
  order[ordered++] = n;
  if ((lock & FUTEX_TID_MASK) != (uint32_t)gettid()) puts("woken without the lock");
  nap(5);
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  return 0;
}
static void *requeue_late(void *arg) {
  struct timespec ts = in(CLOCK_MONOTONIC, 400);
  result("requeued, then late", futex(&cond, FUTEX_WAIT_REQUEUE_PI | PRIV, 7, &ts, &lock, 0));
  return arg;
}
static void *plain_waiter(void *arg) {
  struct timespec ts = {0, 400000000};
  result("plain waiter", futex(&cond, FUTEX_WAIT | PRIV, 7, &ts, 0, 0));
  return arg;
}
static void *waits2(void *arg) {
  result("futex_wait", syscall(455, &cond, 7L, 6L, 0x82, 0, 0));
  return arg;
}
static void on_signal(int n) { (void)n; }

struct node { struct robust_list list; uint32_t futex; };
static struct robust_list_head head;
static struct node *nodes;

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  pthread_t t[8];
  tids[0] = gettid();

  result("lock", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  puts(word(lock));
  result("lock again", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  result("trylock again", futex(&lock, FUTEX_TRYLOCK_PI | PRIV, 0, 0, 0, 0));
  result("unlock", futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0));
  puts(word(lock));
  result("unlock what is free", futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0));
  result("misaligned", futex((char *)&lock + 1, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  result("bad address", futex((void *)64, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  lock = 0x3ffffff;
  result("owner that is nobody", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  printf("%#x\n", lock);
  lock = FUTEX_OWNER_DIED;
  result("owner died", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  puts(word(lock));
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  puts(word(lock));

  futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
  for (intptr_t i = 1; i <= 4; i++) {
    pthread_create(&t[i], 0, locker, (void *)i);
    nap(40);
  }
  puts(word(lock));
  result("plain wake of lockers", futex(&lock, FUTEX_WAKE | PRIV, 1, 0, 0, 0));
  result("plain requeue of lockers", futex(&lock, FUTEX_REQUEUE | PRIV, 1, (void *)1, &other, 0));
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  puts(word(lock));
  struct timespec ts = in(CLOCK_REALTIME, 5);
  result("late", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, &ts, 0, 0));
  ts = in(CLOCK_MONOTONIC, 5);
  result("late on the other clock", futex(&lock, FUTEX_LOCK_PI2 | PRIV, 0, &ts, 0, 0));
  for (int i = 1; i <= 4; i++) pthread_join(t[i], 0);
  for (int i = 0; i < 4; i++) printf("%d ", order[i]);
  puts("took it");

  lock = other = 0;
  futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
  pthread_create(&t[1], 0, crossing, 0);
  nap(300);
  result("deadlock of two", futex(&other, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  pthread_join(t[1], 0);

  lock = 0;
  pthread_create(&t[1], 0, dies, 0);
  nap(20);
  result("lock of a thread that ends", futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0));
  puts(word(lock));
  lock = 0;

  // Condition variables: the lock is free, then held.
  for (int held = 0; held < 2; held++) {
    lock = 0, cond = 7, ordered = 0;
    for (intptr_t i = 1; i <= 3; i++) {
      pthread_create(&t[i], 0, requeued, (void *)i);
      nap(40);
    }
    result("plain wake of a requeue waiter", futex(&cond, FUTEX_WAKE | PRIV, 1, 0, 0, 0));
    if (held) futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
    result("requeue to itself", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)9, &cond, 7));
    result("requeue two", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 2, (void *)9, &lock, 7));
    result("requeue elsewhere", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)9, &other, 7));
    result("requeue after a change", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)9, &lock, 6));
    result("requeue", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)1, &lock, 7));
    if (held) puts(word(lock));
    result("requeue the rest", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)9, &lock, 7));
    if (held) futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
    for (int i = 1; i <= 3; i++) pthread_join(t[i], 0);
    for (int i = 0; i < 3; i++) printf("%d ", order[i]);
    puts("woke");
  }
  lock = 0, cond = 7;
  ts = in(CLOCK_MONOTONIC, 5);
  result("requeue waiter, late", futex(&cond, FUTEX_WAIT_REQUEUE_PI | PRIV, 7, &ts, &lock, 0));
  result("requeue waiter, other value", futex(&cond, FUTEX_WAIT_REQUEUE_PI | PRIV, 8, 0, &lock, 0));
  result("requeue waiter, same word", futex(&cond, FUTEX_WAIT_REQUEUE_PI | PRIV, 7, 0, &cond, 0));
  futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
  pthread_create(&t[1], 0, requeue_late, 0);
  nap(30);
  result("requeue", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)9, &lock, 7));
  pthread_join(t[1], 0);
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  pthread_create(&t[1], 0, plain_waiter, 0);
  nap(20);
  result("requeue of a plain waiter", futex(&cond, FUTEX_CMP_REQUEUE_PI | PRIV, 1, (void *)9, &lock, 7));
  pthread_join(t[1], 0);

  // A signal is handled, and the wait goes on.
  struct sigaction sa = {0};
  sa.sa_handler = on_signal;
  sigaction(SIGUSR1, &sa, 0);
  lock = 0, ordered = 0;
  futex(&lock, FUTEX_LOCK_PI | PRIV, 0, 0, 0, 0);
  pthread_create(&t[1], 0, locker, (void *)1);
  nap(20);
  pthread_kill(t[1], SIGUSR1);
  nap(20);
  printf("after the signal: %d took it\n", ordered);
  futex(&lock, FUTEX_UNLOCK_PI | PRIV, 0, 0, 0, 0);
  pthread_join(t[1], 0);
  printf("in the end: %d\n", ordered);

  // Robust lists over processes.
  nodes = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int pi = 0; pi < 2; pi++) {
    memset(nodes, 0, 4096);
    pid_t child = fork();
    if (!child) {
      uint32_t me = gettid();
      head.list.next = (void *)((uintptr_t)&nodes[0].list + pi);
      head.futex_offset = offsetof(struct node, futex);
      nodes[0].list.next = (void *)((uintptr_t)&nodes[1].list + pi);
      nodes[1].list.next = &head.list;
      head.list_op_pending = (void *)((uintptr_t)&nodes[2].list + pi);
      syscall(SYS_set_robust_list, &head, sizeof head);
      if (pi) for (int i = 0; i < 3; i++) futex(&nodes[i].futex, FUTEX_LOCK_PI, 0, 0, 0, 0);
      else nodes[0].futex = me | FUTEX_WAITERS, nodes[1].futex = me, nodes[2].futex = me;
      nodes[3].futex = me;
      nap(300);
      _exit(0);
    }
    tids[1] = child;
    nap(20);
    if (pi) {
      result("robust lock", futex(&nodes[1].futex, FUTEX_LOCK_PI, 0, 0, 0, 0));
    } else {
      struct timespec limit = {5, 0};
      result("robust wait", futex(&nodes[0].futex, FUTEX_WAIT, child | FUTEX_WAITERS, &limit, 0, 0));
    }
    waitpid(child, 0, 0);
    for (int i = 0; i < 4; i++) printf("%d: %s\n", i, word(nodes[i].futex));
  }
  uint32_t dead = nodes[3].futex = 4194302;
  CHECK(futex(&nodes[3].futex, FUTEX_TRYLOCK_PI, 0, 0, 0, 0) < 0 && errno == ESRCH);
  CHECK(nodes[3].futex == (dead | FUTEX_WAITERS));

  // futex_wait, futex_wake, futex_requeue.
  cond = 7, other = 1;
  result("wait, other value", syscall(455, &cond, 8L, -1L & 0xffffffff, 0x82, 0, 0));
  result("wait, no bits", syscall(455, &cond, 7L, 0L, 0x82, 0, 0));
  result("wait, byte", syscall(455, &cond, 7L, 1L, 0x80, 0, 0));
  result("wait, wide value", syscall(455, &cond, 1L << 32, 1L, 0x82, 0, 0));
  ts = in(CLOCK_MONOTONIC, 5);
  result("wait, late", syscall(455, &cond, 7L, 1L, 0x82, &ts, CLOCK_MONOTONIC));
  ts = in(CLOCK_REALTIME, 5);
  result("wait, late by the wall", syscall(455, &cond, 7L, 1L, 0x82, &ts, CLOCK_REALTIME));
  result("wait, no such clock", syscall(455, &cond, 7L, 1L, 0x82, &ts, CLOCK_BOOTTIME));
  pthread_create(&t[1], 0, waits2, 0);
  nap(20);
  result("wake, other bits", syscall(454, &cond, 1L, 1, 0x82));
  result("wake, none", syscall(454, &cond, 2L, 0, 0x82));
  struct futex_waitv two[2] = {{7, (uintptr_t)&cond, 0x82, 0}, {1, (uintptr_t)&other, 0x82, 0}};
  result("requeue, flags", syscall(456, two, 1, 0, 1));
  two[0].val = 8;
  result("requeue, other value", syscall(456, two, 0, 0, 1));
  two[0].val = 7;
  result("requeue", syscall(456, two, 0, 0, 1));
  result("wake where it was", syscall(454, &cond, 2L, 1, 0x82));
  long woken = syscall(454, &other, 2L, 1, 0x82);
  pthread_join(t[1], 0);
  result("wake where it is", woken);
  result("waitv, bad entry", syscall(449, two, 129, 0, 0, 0));
  two[1].flags = 0x81;
  result("waitv, half words", syscall(449, two, 2, 0, 0, 0));
  two[1].flags = 0x82;
  two[1].val = 2;
  result("waitv, other value", syscall(449, two, 2, 0, 0, 0));
  return 0;
}
