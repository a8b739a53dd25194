// Scheduling, priorities, CPUs, barriers, what processes share, and looking into other processes. Without privileges.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(...) do { errno = 0; long r = syscall(__VA_ARGS__); \
  printf("%d %s: %ld %s\n", __LINE__, #__VA_ARGS__, r < 0 ? -1 : r, r < 0 ? strerror(errno) : ""); } while (0)
#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static struct { unsigned size, policy; unsigned long flags; int nice; unsigned prio; unsigned long runtime, deadline, period; unsigned min, max; } a;
static char big[8192] __attribute__((aligned(4096)));

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_RTPRIO, &none);
  setrlimit(RLIMIT_NICE, &none);
  if (getuid() == 0 && (setgid(1234) || setuid(1234))) return 1;
  prctl(PR_SET_DUMPABLE, 1);

  T(SYS_ioprio_get, 0, 0);
  T(SYS_ioprio_get, 1, 999999);
  T(SYS_ioprio_set, 1, 0, (2 << 13) | 3);
  T(SYS_ioprio_get, 1, 0);
  T(SYS_ioprio_set, 1, 0, 3 << 13);
  T(SYS_ioprio_get, 1, 0);
  T(SYS_ioprio_set, 1, 0, 3);
  T(SYS_ioprio_set, 1, 0, 0);
  T(SYS_ioprio_set, 1, 0, 1 << 13);
  T(SYS_ioprio_set, 1, 0, 4 << 13);
  T(SYS_ioprio_set, 4, 0, 0);
  T(SYS_ioprio_set, 1, 999999, 0);

  for (int c = 0; c < 7; c++) T(SYS_membarrier, 1 << c, 0, 0);
  T(SYS_membarrier, 1, 1, 0);
  T(SYS_membarrier, 3, 0, 0);

  unsigned cpu = 9999, node = 9999;
  T(SYS_getcpu, &cpu, &node, 0);
  CHECK(cpu < 4096 && node < 64);
  T(SYS_getcpu, 8, 0, 0);
  T(SYS_getcpu, 0, 0, 0);

  cpu_set_t set, first;
  CHECK(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0);
  CPU_ZERO(&first);
  for (int i = 0; i < CPU_SETSIZE; i++) if (CPU_ISSET(i, &set)) { CPU_SET(i, &first); break; }
  T(SYS_sched_setaffinity, 0, sizeof first, &first);
  CPU_ZERO(&set);
  CHECK(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0 && CPU_EQUAL(&set, &first));
  pid_t child = fork();
  if (!child) {
    CPU_ZERO(&set);
    CHECK(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0 && CPU_EQUAL(&set, &first));
    _exit(0);
  }
  waitpid(child, 0, 0);
  CPU_ZERO(&set);
  T(SYS_sched_setaffinity, 0, sizeof set, &set);
  T(SYS_sched_setaffinity, 999999, sizeof first, &first);
  T(SYS_sched_getaffinity, 0, 3, &set);
  T(SYS_sched_getaffinity, 0, 128, 8);

  struct sched_param p = {5};
  T(SYS_sched_setscheduler, 0, SCHED_FIFO, &p);
  T(SYS_sched_setscheduler, 0, SCHED_OTHER, &p);
  p.sched_priority = 0;
  T(SYS_sched_setscheduler, 0, SCHED_FIFO, &p);
  T(SYS_sched_setscheduler, 0, SCHED_BATCH, &p);
  T(SYS_sched_getscheduler, 0);
  T(SYS_sched_setscheduler, 0, SCHED_IDLE, &p);
  T(SYS_sched_setscheduler, 0, SCHED_OTHER, &p);
  T(SYS_sched_setscheduler, 0, 4, &p);
  T(SYS_sched_setscheduler, 0, 6, &p);
  T(SYS_sched_setscheduler, 0, 7, &p);
  T(SYS_sched_setscheduler, -1, 0, &p);
  T(SYS_sched_setscheduler, 0, 0, 0);
  T(SYS_sched_setscheduler, 0, 0, 8);
  T(SYS_sched_setscheduler, 999999, 0, &p);
  T(SYS_sched_getscheduler, 999999);
  T(SYS_sched_getparam, 0, &p);
  T(SYS_sched_setparam, 0, &p);
  for (int i = 0; i < 7; i++) {
    T(SYS_sched_get_priority_max, i);
    T(SYS_sched_get_priority_min, i);
  }
  T(SYS_sched_rr_get_interval, -1, &p);

  T(SYS_getpriority, PRIO_PROCESS, 0);
  T(SYS_setpriority, PRIO_PROCESS, 0, 3);
  T(SYS_getpriority, PRIO_PROCESS, 0);
  T(SYS_setpriority, PRIO_PROCESS, 0, 2);
  T(SYS_setpriority, 3, 0, 2);
  T(SYS_getpriority, 3, 0);
  T(SYS_getpriority, PRIO_PROCESS, 999999);

  T(SYS_sched_getattr, 0, &a, sizeof a, 0);
  printf("%u %u %lu %d %u\n", a.size, a.policy, a.flags, a.nice, a.prio);
  T(SYS_sched_getattr, 0, &a, 40, 0);
  T(SYS_sched_getattr, 0, &a, 5000, 0);
  T(SYS_sched_getattr, 0, &a, 56, 1);
  T(SYS_sched_getattr, 999999, &a, 56, 0);
  a.size = 56;
  a.nice = 7;
  T(SYS_sched_setattr, 0, &a, 0);
  T(SYS_sched_getattr, 0, &a, sizeof a, 0);
  printf("%d\n", a.nice);
  a.nice = 5;
  T(SYS_sched_setattr, 0, &a, 0);
  a.nice = 7;
  a.size = 40;
  T(SYS_sched_setattr, 0, &a, 0);
  printf("%u\n", a.size);
  a.size = 0;
  T(SYS_sched_setattr, 0, &a, 0);
  a.size = 56;
  a.flags = 0x1000;
  T(SYS_sched_setattr, 0, &a, 0);
  a.flags = 1;
  T(SYS_sched_setattr, 0, &a, 0);
  T(SYS_sched_getattr, 0, &a, sizeof a, 0);
  printf("%lu\n", a.flags);
  T(SYS_sched_getscheduler, 0);
  a.flags = 0;
  T(SYS_sched_setattr, 0, &a, 0);
  child = fork();
  if (!child) {
    T(SYS_sched_getscheduler, 0);
    T(SYS_getpriority, PRIO_PROCESS, 0);
    _exit(0);
  }
  waitpid(child, 0, 0);

  pid_t me = getpid();
  CHECK(syscall(SYS_kcmp, me, me, 0, 0, 9) == -1 && errno == EBADF);
  int same = dup(1);
  T(SYS_kcmp, me, me, 0, 1, same);
  T(SYS_kcmp, me, me, 1, 0, 0);
  T(SYS_kcmp, me, 999999, 1, 0, 0);
  T(SYS_kcmp, me, me, 9, 0, 0);
  int go[2];
  pipe(go);
  child = fork();
  if (!child) {
    char c;
    read(go[0], &c, 1);
    _exit(0);
  }
  prctl(PR_SET_DUMPABLE, 1);
  for (int t = 1; t < 7; t++) if (t != 5) printf("kcmp %d: %d\n", t, syscall(SYS_kcmp, me, child, t, 0, 0) == 0);
  T(SYS_kcmp, me, child, 0, 1, 1);
  int fd = syscall(SYS_pidfd_open, me, 0), other = syscall(SYS_pidfd_open, child, 0);
  T(SYS_pidfd_getfd, fd, 1, 1);
  T(SYS_pidfd_getfd, fd, 77, 0);
  T(SYS_pidfd_getfd, 1, 1, 0);
  int got = syscall(SYS_pidfd_getfd, other, go[0], 0);
  CHECK(got >= 0 && syscall(SYS_kcmp, me, me, 0, got, go[0]) == 0);

  struct { void *base; unsigned long length; } v = {big, sizeof big};
  T(SYS_process_madvise, fd, &v, 0, 20, 0);
  T(SYS_process_madvise, fd, &v, 1, 20, 0);
  T(SYS_process_madvise, fd, &v, 1, 20, 1);
  T(SYS_process_madvise, -1, &v, 1, 20, 0);
  T(SYS_process_madvise, fd, &v, 1, 99, 0);
  T(SYS_process_madvise, other, &v, 1, 4, 0);
  T(SYS_process_madvise, other, &v, 1, 20, 0);
  v.base = 0;
  T(SYS_process_madvise, fd, &v, 1, 20, 0);
  T(448, fd, 1);
  T(448, fd, 0);
  T(448, 1, 0);
  write(go[1], "x", 1);
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  T(SYS_pidfd_getfd, other, 1, 0);
  waitpid(child, 0, 0);
  T(SYS_pidfd_getfd, other, 1, 0);

  T(SYS_prctl, PR_MCE_KILL_GET, 0, 0, 0, 0);
  T(SYS_prctl, PR_MCE_KILL, 1, 1, 0, 0);
  T(SYS_prctl, PR_MCE_KILL_GET, 0, 0, 0, 0);
  T(SYS_prctl, PR_MCE_KILL, 1, 3, 0, 0);
  T(SYS_prctl, PR_MCE_KILL, 0, 0, 0, 0);
  T(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
  T(SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
  T(SYS_prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0);
  T(SYS_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0);
  for (int w = 0; w < 6; w++) T(SYS_prctl, PR_CAP_AMBIENT, w, w == 4 ? 0 : 3, 0, 0);
  T(SYS_prctl, PR_CAP_AMBIENT, 1, 63, 0, 0);
  T(SYS_prctl, PR_CAP_AMBIENT, 4, 3, 0, 0);
  T(SYS_prctl, PR_CAPBSET_DROP, 3, 0, 0, 0);
  T(SYS_prctl, PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0);
  T(SYS_prctl, PR_SET_MM, PR_SET_MM_ARG_START, big, 0, 0);
  T(SYS_prctl, PR_SET_MM, PR_SET_MM_ARG_START, big, 0, 1);
  T(SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
  T(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0);
  T(SYS_prctl, PR_GET_THP_DISABLE, 1, 0, 0, 0);
  T(SYS_prctl, PR_SET_THP_DISABLE, 0, 0, 0, 0);
  T(SYS_prctl, PR_SET_TIMING, 1, 0, 0, 0);
  T(SYS_prctl, PR_SET_TIMERSLACK, 1234, 0, 0, 0);
  T(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
  T(SYS_prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0);
  T(SYS_prctl, PR_SET_DUMPABLE, 2, 0, 0, 0);
  T(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
  T(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  T(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  T(SYS_prctl, 58, 0, 0, 0, 0);
  T(SYS_prctl, 1000, 0, 0, 0, 0);
  long auxv[128];
  CHECK(syscall(SYS_prctl, 0x41555856, auxv, sizeof auxv, 0, 0) % 16 == 0 && (auxv[0] == 33 || auxv[0] == 51));
  T(SYS_prctl, 0x41555856, auxv, sizeof auxv, 1, 0);
  T(SYS_personality, 0xffffffff);
  T(SYS_personality, 0x40000);
  T(SYS_personality, 0xffffffff);
  return 0;
}
