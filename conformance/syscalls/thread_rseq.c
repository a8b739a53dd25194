// Restartable sequences: registration, and critical sections that a signal or another thread interrupts.
// timeout: 60
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct rseq { uint32_t cpu_id_start, cpu_id; uint64_t rseq_cs; uint32_t flags, node_id, mm_cid, end; } __attribute__((aligned(32)));
struct rseq_cs { uint32_t version, flags; uint64_t start, length, abort; } __attribute__((aligned(32)));
#define SIG 0x53053053

static _Thread_local struct rseq area;
static struct rseq_cs section;
static volatile long spins, aborted, fired;

static void result(const char *what, long r) {
  printf("%s: %ld %s\n", what, r < 0 ? -1L : r, r < 0 ? strerror(errno) : "");
}
static void on_signal(int n) { (void)n; fired++; }

/** Counts in a critical section until something aborts it. */
static void spin(void) {
  __asm__ volatile(
    "leaq 1f(%%rip), %%rax\n\t movq %%rax, 8(%1)\n\t"
    "leaq 2f(%%rip), %%rcx\n\t subq %%rax, %%rcx\n\t movq %%rcx, 16(%1)\n\t"
    "leaq 3f(%%rip), %%rax\n\t movq %%rax, 24(%1)\n\t"
    "movq %1, 8(%0)\n"
    "1: incq spins(%%rip)\n\t jmp 1b\n"
    "2: jmp 4f\n\t"
    ".long 0x53053053\n"
    "3: incq aborted(%%rip)\n"
    "4:\n"
    : : "r"(&area), "r"(&section) : "rax", "rcx", "memory", "cc");
}
static volatile int stop;
static void *busy(void *arg) {
  while (!stop) spins++;
  return arg;
}
static void *spinner(void *arg) {
  result("thread registers", syscall(SYS_rseq, &area, 32, 0, SIG));
  spin();
  result("thread aborted, section forgotten", area.rseq_cs);
  return arg;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  result("short", syscall(SYS_rseq, &area, 16, 0, SIG));
  result("misaligned", syscall(SYS_rseq, (char *)&area + 8, 32, 0, SIG));
  result("flags", syscall(SYS_rseq, &area, 32, 4, SIG));
  result("not registered", syscall(SYS_rseq, &area, 32, 1, SIG));
  result("bad address", syscall(SYS_rseq, (void *)-4096L, 32, 0, SIG));
  result("register", syscall(SYS_rseq, &area, 32, 0, SIG));
  printf("%d %d\n", area.cpu_id < 4096, area.cpu_id == area.cpu_id_start);
  result("again", syscall(SYS_rseq, &area, 32, 0, SIG));
  result("again, other signature", syscall(SYS_rseq, &area, 32, 0, SIG + 1));
  static struct rseq second;
  result("second", syscall(SYS_rseq, &second, 32, 0, SIG));
  result("unregister, other signature", syscall(SYS_rseq, &area, 32, 1, SIG + 1));
  result("unregister, other area", syscall(SYS_rseq, &second, 32, 1, SIG));
  result("unregister", syscall(SYS_rseq, &area, 32, 1, SIG));
  printf("%d %d\n", (int)area.cpu_id, (int)area.cpu_id_start);
  result("register", syscall(SYS_rseq, &area, 32, 0, SIG));

  // A signal in a critical section.
  signal(SIGALRM, on_signal);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  setitimer(ITIMER_REAL, &soon, 0);
  spin();
  printf("signal: aborted %d, counted %d, section forgotten %d\n", aborted == 1, spins > 0, area.rseq_cs == 0);
  while (!fired) usleep(1000);
  // A signal outside of the section that is announced.
  area.rseq_cs = (uintptr_t)&section;
  raise(SIGALRM);
  printf("outside: aborted %ld, section forgotten %d\n", aborted, area.rseq_cs == 0);
  // A child has what its parent registered.
  pid_t child = fork();
  int status;
  if (!child) {
    result("child", syscall(SYS_rseq, &area, 32, 0, SIG));
    _exit(0);
  }
  waitpid(child, &status, 0);
  // A section that makes no sense.
  for (int wrong = 0; wrong < 4; wrong++) {
    child = fork();
    if (!child) {
      if (wrong == 0) section.version = 1;
      if (wrong == 1) section.abort += 4;
      if (wrong == 2) section.abort = section.start;
      area.rseq_cs = wrong == 3 ? 64 : (uintptr_t)&section;
      raise(SIGALRM);
      puts("unharmed");
      _exit(0);
    }
    waitpid(child, &status, 0);
    printf("wrong %d: signal %d\n", wrong, WTERMSIG(status));
  }
  // Other threads want the CPU.
  pthread_t threads[9];
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], 0, busy, 0);
  pthread_create(&threads[8], 0, spinner, 0);
  pthread_join(threads[8], 0);
  stop = 1;
  for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
  printf("preempted: aborted %ld\n", aborted);
  return 0;
}
