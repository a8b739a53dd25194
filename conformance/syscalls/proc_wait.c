// Waiting for children of all kinds, clone3, pidfds, zombies in /proc, orphans, exec of a thread.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define R(what, x) do { errno=0; long r_=(x); printf("%s: %ld %s\n", what, r_<0?-1:r_, r_<0?strerror(errno):""); } while(0)
#ifndef __WALL
#define __WALL 0x40000000
#define __WCLONE 0x80000000
#define __WNOTHREAD 0x20000000
#endif

struct ca { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
    set_tid_size, cgroup; };

static long clone3(struct ca*a, size_t n) {
  return syscall(435, a, n);
}

static pid_t kid(int ms, int code) {
  pid_t p = fork();
  if (!p) {
    usleep(ms*1000);
    _exit(code);
  }
  return p;
}

static void state(pid_t p) {
  char n[64], b[2048];
  sprintf(n, "/proc/%d/stat", p);
  int f = open(n, 0);
  int k = f < 0?-1:read(f, b, 2047);
  if (k < 0) {
    puts("no stat");
    return;
  }
  b[k] = 0;
  close(f);
  char*q = strrchr(b, ')');
  char s;
  int pp, pg, se;
  sscanf(q+2, "%c %d %d %d", &s, &pp, &pg, &se);
  printf("state %c ppid %s\n", s, pp == getpid()?"me":"other");
  sprintf(n, "/proc/%d/status", p);
  FILE*F = fopen(n, "r");
  char l[256];
  while (fgets(l, 256, F)) if (!strncmp(l, "State", 5) || !strncmp(l, "Threads", 7) || !strncmp(l, "VmSize", 6))
      fputs(strncmp(l, "VmSize", 6)?l:"VmSize\n", stdout);
  fclose(F);
  sprintf(n, "/proc/%d/cmdline", p);
  f = open(n, 0);
  printf("cmdline %d\n", (int)read(f, b, 10));
  close(f);
  sprintf(n, "/proc/%d/exe", p);
  errno = 0;
  R("exe", readlink(n, b, 10) > 0?1:-1);
  sprintf(n, "/proc/%d/fd", p);
  f = open(n, O_DIRECTORY);
  R("fd dir", f < 0?f:0);
  close(f);
  sprintf(n, "/proc/%d/maps", p);
  f = open(n, 0);
  printf("maps %d\n", (int)read(f, b, 10));
  close(f);
  sprintf(n, "/proc/%d/cwd", p);
  R("cwd", readlink(n, b, 10) > 0?1:-1);
}
static int st;
static siginfo_t si;

static void info(void) {
  printf("  sig %d code %d status %d\n", si.si_signo, si.si_code, si.si_status);
}
static volatile int caught;
static siginfo_t last;

static void h(int n, siginfo_t*i, void*c) {
  caught = n;
  last = *i;
  (void)c;
}

static void on(int s, int fl) {
  struct sigaction a = {0};
  a.sa_sigaction = h;
  a.sa_flags = SA_SIGINFO|fl;
  sigaction(s, &a, 0);
}

static void *thr(void*a) {
  usleep(30000);
  if (a) {
    R("thread exec", execl("/proc/self/exe", "waits", "execd", (char*)0));
  }
  return 0;
}

static void *leaverun(void*a) {
  usleep(100000);
  puts("thread outlives leader");
  state(getpid());
  exit(9);
}

int main(int c, char**v) {
  setvbuf(stdout, 0, _IONBF, 0);
  if (c > 1) {
    printf("execd pid same %d tid same %d\n", getpid() == atoi(getenv("OLDPID")), gettid() == getpid());
    return 7;
  }
  R("no child", waitpid(-1, &st, 0));
  R("waitid none", waitid(P_ALL, 0, &si, WEXITED));
  R("waitid no opt", waitid(P_ALL, 0, &si, 0));
  R("bad opt", waitpid(-1, &st, 0x10));
  R("P 9", waitid(9, 0, &si, WEXITED));
  R("waitpid INT_MIN", waitpid(-2147483647-1, &st, 0));
  pid_t p = kid(10, 3);
  memset(&si, 1, sizeof si);
  R("nohang", waitid(P_PID, p, &si, WEXITED|WNOHANG));
  info();
  R("nowait", waitid(P_PID, p, &si, WEXITED|WNOWAIT));
  info();
  state(p);
  R("kill zombie", kill(p, 0));
  R("getpgid zombie", getpgid(p) == getpgid(0)?0:-1);
  R("nowait again", waitid(P_ALL, 0, &si, WEXITED|WNOWAIT));
  info();
  R("reap", waitid(P_ALL, 0, &si, WEXITED));
  info();
  R("gone", waitpid(p, &st, 0));
  R("kill gone", kill(p, 0));
  p = kid(500, 0);
  kill(p, SIGSTOP);
  R("stopped", waitid(P_PID, p, &si, WSTOPPED|WNOWAIT));
  info();
  state(p);
  R("stopped again", waitid(P_PID, p, &si, WSTOPPED));
  info();
  R("stopped no more", waitid(P_PID, p, &si, WSTOPPED|WNOHANG));
  pid_t ended = kid(0, 1);
  waitid(P_PID, ended, &si, WEXITED|WNOWAIT);
  R("what has ended does not stop", waitid(P_PID, ended, &si, WSTOPPED));
  R("nor go on", waitid(P_PID, ended, &si, WCONTINUED|WNOHANG));
  R("it ends", waitid(P_PID, ended, &si, WEXITED));
  info();
  kill(p, SIGCONT);
  R("cont", waitpid(p, &st, WCONTINUED) == p);
  printf("%x\n", st);
  kill(p, SIGKILL);
  R("killed", waitid(P_PID, p, &si, WEXITED));
  info();
  p = kid(10, 4);
  int pf = syscall(SYS_pidfd_open, p, 0);
  R("P_PIDFD", waitid(3, pf, &si, WEXITED));
  info();
  R("P_PIDFD gone", waitid(3, pf, &si, WEXITED));
  R("P_PIDFD bad", waitid(3, 1, &si, WEXITED));
  R("P_PIDFD bad", waitid(3, 99, &si, WEXITED));
  R("pidfd flag", syscall(SYS_pidfd_open, getpid(), 1));
  R("pidfd 0", syscall(SYS_pidfd_open, 0, 0));
  R("pidfd gone", syscall(SYS_pidfd_open, p, 0));
  R("pidfd_send gone", syscall(SYS_pidfd_send_signal, pf, 0, 0, 0));
  p = kid(50, 4);
  pf = syscall(SYS_pidfd_open, p, O_NONBLOCK);
  R("P_PIDFD nonblock", waitid(3, pf, &si, WEXITED));
  waitpid(p, 0, 0);
  // clone children
  signal(SIGUSR1, SIG_IGN);
  p = syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
  if (!p) _exit(5);
  usleep(20000);
  R("plain wait of clone child", waitpid(p, &st, 0));
  R("WCLONE", waitpid(p, &st, __WCLONE) == p);
  printf("%x\n", st);
  p = syscall(SYS_clone, 0, 0, 0, 0, 0);
  if (!p) _exit(5);
  usleep(20000);
  R("WALL", waitpid(p, &st, __WALL) == p);
  // clone3
  struct ca a = {0};
  int pidfd = -7;
  R("clone3 short", clone3(&a, 63));
  R("clone3 null", clone3(0, 64));
  a.flags = CLONE_SIGHAND;
  R("clone3 sighand", clone3(&a, 88));
  a.flags = CLONE_THREAD|CLONE_SIGHAND|CLONE_VM;
  a.exit_signal = SIGCHLD;
  R("thread+exit", clone3(&a, 88));
  a.flags = 0;
  a.exit_signal = 65;
  R("exit 65", clone3(&a, 88));
  a.exit_signal = SIGCHLD;
  a.stack = 4096;
  R("stack no size", clone3(&a, 88));
  a.stack = 0;
  a.flags = 1ull<<40;
  R("unknown", clone3(&a, 88));
  a.flags = 0x100000000ull|CLONE_SIGHAND|CLONE_VM;
  R("clear+sighand", clone3(&a, 88));
  a.flags = 0x200000000ull;
  a.cgroup = 99999;
  R("cgroup", clone3(&a, 88));
  a.cgroup = 0;
  char big[200] = {0};
  a.flags = CLONE_PIDFD|CLONE_PARENT_SETTID;
  a.pidfd = (uintptr_t)&pidfd;
  int ptid = 0;
  a.parent_tid = (uintptr_t)&ptid;
  memcpy(big, &a, 88);
  p = clone3((void*)big, 200);
  if (!p) _exit(6);
  printf("ptid %d pidfd %d\n", ptid == p, pidfd >= 0);
  R("wait", waitid(3, pidfd, &si, WEXITED));
  info();
  big[150] = 1;
  R("big nonzero", clone3((void*)big, 200));
  R("5000", clone3((void*)big, 5000));
  on(SIGUSR2, 0);
  signal(SIGHUP, SIG_IGN);
  memset(&a, 0, sizeof a);
  a.flags = 0x100000000ull;
  a.exit_signal = SIGCHLD;
  p = clone3(&a, 88);
  if (!p) {
    struct sigaction o;
    sigaction(SIGUSR2, 0, &o);
    printf("usr2 default %d\n", o.sa_handler == SIG_DFL);
    sigaction(SIGHUP, 0, &o);
    printf("hup ign %d\n", o.sa_handler == SIG_IGN);
    _exit(0);
  }
  waitpid(p, 0, 0);
  signal(SIGHUP, SIG_DFL);
  pid_t want = 0;
  a.flags = 0;
  a.set_tid = (uintptr_t)&want;
  a.set_tid_size = 1;
  R("set_tid 0", clone3(&a, 88));
  a.set_tid_size = 40;
  R("set_tid 40", clone3(&a, 88));
  a.set_tid_size = 2;
  want = 500;
  R("set_tid 2", clone3(&a, 88));
  a.set_tid_size = 0;
  R("set_tid ptr no size", clone3(&a, 88));
  a.set_tid = 0;
  a.set_tid_size = 1;
  R("set_tid size no ptr", clone3(&a, 88));
  // SIGCHLD info, NOCLDSTOP, NOCLDWAIT
  on(SIGCHLD, 0);
  p = kid(10, 8);
  pause();
  printf("chld code %d status %d pid %d\n", last.si_code, last.si_status, last.si_pid == p);
  wait(0);
  p = kid(300, 0);
  caught = 0;
  kill(p, SIGSTOP);
  usleep(20000);
  printf("caught %d code %d status %d\n", caught, last.si_code, last.si_status);
  caught = 0;
  kill(p, SIGCONT);
  usleep(20000);
  printf("caught %d code %d status %d\n", caught, last.si_code, last.si_status);
  on(SIGCHLD, SA_NOCLDSTOP);
  caught = 0;
  kill(p, SIGSTOP);
  usleep(20000);
  printf("nocldstop %d\n", caught);
  kill(p, SIGKILL);
  usleep(20000);
  printf("caught %d code %d status %d\n", caught, last.si_code, last.si_status);
  wait(0);
  on(SIGCHLD, SA_NOCLDWAIT);
  caught = 0;
  p = kid(10, 0);
  R("nocldwait", wait(&st));
  printf("caught %d\n", caught);
  signal(SIGCHLD, SIG_DFL);
  // pdeathsig, subreaper
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  p = fork();
  if (!p) {
    pid_t g = fork();
    if (!g) {
      on(SIGUSR1, 0);
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      for (int i = 0; i < 100 && !caught; i++) usleep(5000);
      printf("pdeath %d ppid main %d\n", caught, getppid() == atoi(getenv("OLDPID")?:"0") || 1);
      _exit(11);
    }
    usleep(50000);
    _exit(10);
  }
  R("wait", waitpid(p, &st, 0) == p);
  R("adopted", wait(&st) > 0);
  printf("%d\n", WEXITSTATUS(st));
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  // vfork: parent waits, shares memory
  static volatile int shared;
  p = vfork();
  if (!p) {
    shared = 5;
    usleep(20000);
    _exit(2);
  }
  printf("vfork shared %d\n", shared);
  waitpid(p, &st, 0);
  // setpgid/session
  p = kid(300, 0);
  R("setpgid child", setpgid(p, p));
  R("getpgid", getpgid(p) == p);
  R("setpgid nogroup", setpgid(p, 1));
  R("setpgid neg", setpgid(p, -1));
  R("setpgid other", setpgid(1, 0));
  R("getsid", getsid(p) == getsid(0)?0:1);
  kill(p, 9);
  R("waitpid group", waitpid(-p, &st, 0) == p);
  R("getpgid gone", getpgid(p));
  // orphaned stopped group gets HUP, CONT
  int pp[2];
  pipe(pp);
  p = fork();
  if (!p) {
    setpgid(0, 0);
    pid_t g = fork();
    if (!g) {
      on(SIGHUP, 0);
      on(SIGCONT, 0);
      raise(SIGSTOP);
      usleep(20000);
      write(pp[1], caught == SIGCONT || caught == SIGHUP?"y":"n", 1);
      _exit(0);
    }
    waitpid(g, &st, WUNTRACED);
    _exit(0);
  }
  waitpid(p, &st, 0);
  char ch='-';
  close(pp[1]);
  read(pp[0], &ch, 1);
  printf("orphaned group %c\n", ch);
  // zombie leader with live thread
  p = fork();
  if (!p) {
    pthread_t t;
    pthread_create(&t, 0, leaverun, 0);
    usleep(10000);
    syscall(SYS_exit, 4);
  }
  usleep(50000);
  R("nohang while thread lives", waitpid(p, &st, WNOHANG));
  waitpid(p, &st, 0);
  printf("status %x\n", st);
  // exec from thread
  p = fork();
  if (!p) {
    char e[32];
    sprintf(e, "%d", getpid());
    setenv("OLDPID", e, 1);
    pthread_t t;
    pthread_create(&t, 0, thr, (void*)1);
    pause();
  }
  waitpid(p, &st, 0);
  printf("status %x\n", st);
  return 0;
}
