// Ids, limits, priorities, names, affinity, capabilities; what a process knows of itself.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static long personality_query(void) { return syscall(SYS_personality, 0xffffffff); }
static void drop(void) {
  gid_t groups[3] = {30, 10, 20}, got[8];
  CHECK(setgroups(3, groups) == 0);
  int n = getgroups(8, got);
  printf("groups %d: %d %d %d\n", n, got[0], got[1], got[2]);
  CHECK(getgroups(2, got) < 0 && errno == EINVAL);
  CHECK(setresgid(100, 101, 102) == 0);
  gid_t r, e, s;
  getresgid(&r, &e, &s);
  printf("gids %d %d %d\n", r, e, s);
  CHECK(setresuid(1000, 1001, 1002) == 0);
  uid_t ru, eu, su;
  getresuid(&ru, &eu, &su);
  printf("uids %d %d %d\n", ru, eu, su);
  CHECK(setuid(0) < 0 && errno == EPERM);
  CHECK(seteuid(1002) == 0 && geteuid() == 1002);
  CHECK(seteuid(1000) == 0);
  CHECK(setreuid(-1, 55) < 0 && errno == EPERM);
  CHECK(setgid(0) < 0 && errno == EPERM);
  CHECK(setgroups(0, 0) < 0 && errno == EPERM);
  CHECK(kill(getppid(), 0) < 0 && errno == EPERM);
  CHECK(sethostname("x", 1) < 0 && errno == EPERM);
  CHECK(setpriority(PRIO_PROCESS, 0, -5) < 0 && errno == EACCES);
  struct rlimit rl = {100, 1 << 20};
  getrlimit(RLIMIT_NOFILE, &rl);
  rl.rlim_cur = 50;
  CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
  rl.rlim_max++;
  CHECK(setrlimit(RLIMIT_NOFILE, &rl) < 0 && errno == EPERM);
  CHECK(fcntl(0, F_DUPFD, 50) < 0 && errno == EINVAL);
  int last = -1, fd;
  while ((fd = dup(1)) >= 0) last = fd;
  printf("last %d %s\n", last, strerror(errno));
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  CHECK(getpid() == syscall(SYS_gettid));
  CHECK(getuid() == geteuid() && getauxval(AT_UID) == getuid());
  struct utsname u;
  CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux") && !strcmp(u.machine, "x86_64"));
  CHECK(syscall(SYS_uname, 8) < 0 && errno == EFAULT);
  struct sysinfo si;
  CHECK(sysinfo(&si) == 0 && si.totalram > 0 && si.mem_unit > 0);
  unsigned char a[32] = {0}, b[32] = {0};
  CHECK(getrandom(a, 32, 0) == 32 && getrandom(b, 32, GRND_NONBLOCK) == 32 && memcmp(a, b, 32));
  CHECK(getrandom(a, 32, 0x80) < 0 && errno == EINVAL);
  CHECK(getrandom((void *)8, 32, 0) < 0 && errno == EFAULT);
  char name[17] = {0};
  CHECK(prctl(PR_SET_NAME, "a name that is much too long") == 0);
  prctl(PR_GET_NAME, name);
  printf("name '%s'\n", name);
  int value;
  CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && prctl(PR_GET_PDEATHSIG, &value) == 0 && value == SIGTERM);
  CHECK(prctl(PR_SET_PDEATHSIG, 99) < 0 && errno == EINVAL);
  CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
  printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
  CHECK(prctl(PR_SET_DUMPABLE, 5) < 0 && errno == EINVAL);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
  CHECK(prctl(12345) < 0 && errno == EINVAL);
  CHECK(prctl(PR_CAPBSET_READ, 77) < 0 && errno == EINVAL);
  int given = getpriority(PRIO_PROCESS, 0);
  printf("priority %d\n", given >= -20 && given < 20);
  CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0 && getpriority(PRIO_PROCESS, 0) == 7);
  CHECK(getpriority(9, 0) < 0 && errno == EINVAL);
  CHECK(getpriority(PRIO_PROCESS, 3999999) < 0 && errno == ESRCH);
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1);
  CHECK(syscall(SYS_sched_getaffinity, 0, 0, &set) < 0 && errno == EINVAL);
  CHECK(syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER);
  struct { int sched_priority; char rest[40]; } param = {0};
  CHECK(syscall(SYS_sched_getparam, 0, &param) == 0 && param.sched_priority == 0);
  CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_FIFO) == 1);
  CHECK(sched_get_priority_max(77) < 0 && errno == EINVAL);
  CHECK(sched_yield() == 0);
  unsigned cpu = 99, node = 99;
  CHECK(syscall(SYS_getcpu, &cpu, &node, 0) == 0 && cpu < 4096 && node == 0);
  struct rlimit rl, old;
  CHECK(getrlimit(99, &rl) < 0 && errno == EINVAL);
  CHECK(getrlimit(RLIMIT_STACK, &rl) == 0 && rl.rlim_cur == 8 << 20);
  rl.rlim_cur = 4 << 20;
  CHECK(prlimit(0, RLIMIT_STACK, &rl, &old) == 0 && old.rlim_cur == 8 << 20);
  getrlimit(RLIMIT_STACK, &rl);
  printf("stack %d\n", (int)rl.rlim_cur);
  rl.rlim_cur = 10, rl.rlim_max = 5;
  CHECK(setrlimit(RLIMIT_CORE, &rl) < 0 && errno == EINVAL);
  CHECK(personality_query() == 0);
  CHECK(syscall(SYS_set_tid_address, &value) == getpid());
  CHECK(syscall(SYS_arch_prctl, 0x7777, 0) < 0 && errno == EINVAL);
  CHECK(syscall(SYS_arch_prctl, 0x1002, -1L) < 0 && errno == EPERM);
  unsigned header[2] = {0x20080522, 0}, data[6];
  CHECK(syscall(SYS_capget, header, data) == 0);
  header[0] = 1;
  CHECK(syscall(SYS_capget, header, data) < 0 && errno == EINVAL && header[0] == 0x20080522);
  if (getuid() == 0) {
    pid_t child = fork();
    if (!child) {
      drop();
      _exit(0);
    }
    waitpid(child, 0, 0);
  }
  char path[64], text[256];
  int fd = open("/proc/self/comm", O_RDONLY);
  int n = read(fd, text, sizeof text);
  printf("comm %.*s", n, text);
  close(fd);
  n = readlink("/proc/self", path, sizeof path);
  CHECK(n > 0 && atoi(path) == getpid());
  fd = open("/proc/self/cmdline", O_RDONLY);
  n = read(fd, text, sizeof text);
  CHECK(n > 1 && text[n - 1] == 0);
  CHECK(syscall(9999) < 0 && errno == ENOSYS);
  CHECK(syscall(-1L) < 0 && errno == ENOSYS);
  return 0;
}
