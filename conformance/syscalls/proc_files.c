// What is in /proc: files of processes, of the system, of the network, of descriptors.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char buf[1<<16];

static long slurp(const char *name) {
  int f = open(name, O_RDONLY);
  if (f < 0) return -errno;
  long n = 0, r;
  while ((r = read(f, buf+n, sizeof buf-1-n)) > 0) n += r;
  if (r < 0) n = -errno;
  close(f);
  buf[n < 0?0:n] = 0;
  return n;
}

static void first(const char *name) {
  long n = slurp(name);
  if (n < 0) {
    printf("%s: %s\n", name, strerror(-n));
    return;
  }
  char *e = strchr(buf, '\n');
  if (e) *e = 0;
  printf("%s: %s\n", name, buf);
}

static void there(const char *name) {
  long n = slurp(name);
  printf("%s: %s\n", name, n < 0?strerror(-n):n?"something":"nothing");
}

static void words(const char *name) {
  long n = slurp(name);
  int w = 0;
  if (n > 0) {
    buf[strcspn(buf, "\n")] = 0;
    for (char*p = strtok(buf, " \t"); p; p = strtok(0, " \t")) w++;
  }
  printf("%s: %d words\n", name, w);
}

static void labels(const char *name) {
  slurp(name);
  for (char*l = strtok(buf, "\n"); l; l = strtok(0, "\n")) {
    char*c = strchr(l, ':');
    if (c && !strstr(l, "[rollup]")) {
      c[1] = 0;
      printf("%s ", l);
    }
  }
  puts("");
}

static void own(const char *name, int fd, int path) {
  struct stat st;
  fstat(fd, &st);
  char ino[24];
  sprintf(ino, " %lu", (unsigned long)st.st_ino);
  slurp(name);
  for (char*l = strtok(buf, "\n"); l; l = strtok(0, "\n")) {
    char*p = strstr(l, ino);
    if (!p || (p[strlen(ino)]!=' '&&p[strlen(ino)])) continue;
    if (path) {
      *p = 0;
      printf("%s: %.16s |%s\n", name, l+18+9+9, p+strlen(ino));
      return;
    }
    char la[64], ra[64], stt[8];
    sscanf(strchr(l, ':')+1, "%63s %63s %7s", la, ra, stt);
    *strchr(la, ':') = 0;
    if (strchr(ra, ':')) *strchr(ra, ':') = 0;
    printf("%s: %s %s %s\n", name, la, ra, stt);
    return;
  }
  printf("%s: not listed\n", name);
}

static void info(int fd) {
  char n[64];
  sprintf(n, "/proc/self/fdinfo/%d", fd);
  slurp(n);
  for (char*l = strtok(buf, "\n"); l; l = strtok(0, "\n")) {
    if (!strncmp(l, "ino", 3) || !strncmp(l, "mnt_id", 6) || !strncmp(l, "it_value", 8) || !strncmp(l, "Pid", 3)
        || !strncmp(l, "NSpid", 5) || !strncmp(l, "tfd", 3)) l[strcspn(l, ":")] = 0;
    if (strncmp(l, "eventfd-id", 10)) printf("%s; ", l);
  }
  puts("");
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  const char *self[] = {"auxv", "cgroup", "cmdline", "comm", "environ", "limits", "maps", "mountinfo", "mounts",
      "mountstats", "oom_score_adj", "smaps", "smaps_rollup", "stat", "statm", "status", "syscall", "wchan", "io",
      "timerslack_ns", "coredump_filter", "sched", "schedstat", "personality", "uid_map", "gid_map", "setgroups",
      "loginuid", "sessionid", "oom_score", "oom_adj", "cpuset", "numa_maps", "timers", "net/tcp", "net/unix",
      "task", "no-such"};
  for (unsigned i = 0; i<sizeof self/sizeof*self; i++) {
    char n[64];
    sprintf(n, "/proc/self/%s", self[i]);
    there(n);
  }
  const char *all[] = {"cmdline", "consoles", "cpuinfo", "devices", "execdomains", "filesystems", "interrupts",
      "loadavg", "meminfo", "mounts", "partitions", "softirqs", "stat", "swaps", "uptime", "version", "vmstat",
      "zoneinfo", "buddyinfo", "sysvipc/msg", "sysvipc/sem", "sysvipc/shm", "tty/drivers", "net/dev", "net/route",
      "net/tcp6", "net/udp", "net/sockstat", "net/if_inet6", "self/task", "thread-self/children",
      "sys/kernel/osrelease", "sys/kernel/random/uuid"};
  for (unsigned i = 0; i<sizeof all/sizeof*all; i++) {
    char n[64];
    sprintf(n, "/proc/%s", all[i]);
    there(n);
  }
  const char *sys[] = {"fs/nr_open", "fs/mqueue/msgsize_max", "kernel/ostype", "kernel/ngroups_max",
      "kernel/overflowuid", "kernel/msgmax", "kernel/msgmnb", "kernel/shmmni", "net/core/wmem_default",
      "net/ipv4/ip_local_port_range", "fs/lease-break-time"};
  for (unsigned i = 0; i<sizeof sys/sizeof*sys; i++) {
    char n[64];
    sprintf(n, "/proc/sys/%s", sys[i]);
    first(n);
  }
  words("/proc/self/stat");
  words("/proc/self/statm");
  words("/proc/loadavg");
  words("/proc/uptime");
  words("/proc/stat");
  labels("/proc/self/io");
  labels("/proc/self/smaps_rollup");
  int missing = 0;
  slurp("/proc/self/status");
  const char*want[] = {"Name", "Umask", "State", "Tgid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize",
      "Groups", "VmPeak", "VmSize", "VmLck", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem", "VmData", "VmStk",
      "VmExe", "VmLib", "VmPTE", "VmSwap", "CoreDumping", "THP_enabled", "Threads", "SigQ", "SigPnd", "ShdPnd",
      "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
      "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed", "Mems_allowed_list", "voluntary_ctxt_switches",
      "nonvoluntary_ctxt_switches"};
  for (unsigned i = 0; i<sizeof want/sizeof*want; i++) {
    char k[64];
    sprintf(k, "\n%s:\t", want[i]);
    if (!strstr(buf, i?k:k+1)) printf("status lacks %s\n", want[i]), missing++;
  }
  printf("missing %d\n", missing);
  slurp("/proc/self/smaps");
  printf("VmFlags %d Rss %d\n", strstr(buf, "\nVmFlags: rd") != 0, strstr(buf, "\nRss: ") != 0);
  char link[64];
  int kinds = 0;
  const char*ns[] = {"mnt", "net", "pid", "user", "uts", "ipc"};
  for (int i = 0; i < 6; i++) {
    char n[64];
    sprintf(n, "/proc/self/ns/%s", ns[i]);
    long r = readlink(n, link, 63);
    if (r > 0 && !strncmp(link, ns[i], strlen(ns[i])) && link[strlen(ns[i])]==':') kinds++;
  }
  printf("namespaces %d\n", kinds);
  DIR*d = opendir("/proc/self/map_files");
  int maps = 0;
  struct dirent*e;
  while (d && (e = readdir(d))) {
    unsigned long a, b;
    if (sscanf(e->d_name, "%lx-%lx", &a, &b) == 2) maps++;
  }
  printf("map_files %d\n", maps > 0);
  int l = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in in = {AF_INET};
  in.sin_addr.s_addr = htonl(0x7f000001);
  bind(l, (void*)&in, sizeof in);
  own("/proc/net/tcp", l, 0);
  listen(l, 4);
  socklen_t len = sizeof in;
  getsockname(l, (void*)&in, &len);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  connect(c, (void*)&in, sizeof in);
  int a = accept(l, 0, 0);
  own("/proc/net/tcp", l, 0);
  own("/proc/net/tcp", c, 0);
  own("/proc/net/tcp", a, 0);
  close(c);
  usleep(20000);
  own("/proc/net/tcp", a, 0);
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  own("/proc/net/udp", u, 0);
  in.sin_port = 0;
  bind(u, (void*)&in, sizeof in);
  own("/proc/net/udp", u, 0);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  own("/proc/net/unix", s, 1);
  struct sockaddr_un un = {AF_UNIX, "\0posixx-proc"};
  bind(s, (void*)&un, 2+12);
  own("/proc/net/unix", s, 1);
  listen(s, 1);
  own("/proc/net/unix", s, 1);
  int p[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
  own("/proc/net/unix", p[0], 1);
  info(eventfd(5, EFD_SEMAPHORE));
  sigset_t m;
  sigemptyset(&m);
  sigaddset(&m, SIGUSR1);
  info(signalfd(-1, &m, 0));
  info(timerfd_create(CLOCK_MONOTONIC, 0));
  info(syscall(SYS_pidfd_open, getpid(), 0));
  int ep = epoll_create1(0);
  struct epoll_event ev = {EPOLLIN, {.u64 = 0x123456789}};
  epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
  info(ep);
  info(open("/dev/null", O_WRONLY|O_APPEND));
  struct sigevent se;
  memset(&se, 0, sizeof se);
  se.sigev_notify = SIGEV_SIGNAL;
  se.sigev_signo = SIGUSR1;
  se.sigev_value.sival_int = 7;
  timer_t t;
  timer_create(CLOCK_MONOTONIC, &se, &t);
  slurp("/proc/self/timers");
  char*q = strstr(buf, "pid.");
  if (q) {
    *q = 0;
  }
  printf("%s\n", buf);

  /* Memory as a file: also where the program itself may not write. */
  int mem = open("/proc/self/mem", O_RDWR);
  char *page = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 2 * 4096, 4096);
  strcpy(page, "before");
  mprotect(page, 4096, PROT_READ);
  printf("mem: write %d", (int)pwrite(mem, "behind", 6, (long)page));
  printf(" %s read %d", page, (int)pread(mem, buf, 6, (long)page));
  printf(" %.6s over the end %d", buf, (int)pread(mem, buf, 8192, (long)page + 4096));
  errno = 0;
  printf(" nothing %d", (int)pread(mem, buf, 8, (long)page + 2 * 4096));
  printf(" %d", errno);
  printf(" at 0 %d", (int)pread(mem, buf, 8, 0));
  lseek(mem, (long)page + 2, SEEK_SET);
  printf(" %d %.4s\n", (int)read(mem, buf, 4), buf);

  /* A descriptor of /proc/PID is as good as a pidfd for signals. */
  int own = open("/proc/self/", O_RDONLY | O_DIRECTORY), path = open("/proc/self/", O_PATH);
  int task = open("/proc/self/task/", O_RDONLY);
  printf("signal by directory: %d", (int)syscall(SYS_pidfd_send_signal, own, 0, 0, 0));
  printf(" %d", (int)syscall(SYS_pidfd_send_signal, path, 0, 0, 0));
  printf(" %d\n", (int)syscall(SYS_pidfd_send_signal, task, 0, 0, 0));
  return 0;
}
