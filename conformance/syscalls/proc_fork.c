// Processes: fork, vfork, exec, wait in all forms, groups, sessions, orphans.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
static int global = 1;
static int chld;
static void on_chld(int n, siginfo_t *info, void *context) {
  (void)n; (void)context;
  chld = info->si_code * 1000 + info->si_status;
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IONBF, 0);
  if (argc > 1) {
    printf("exec'd:");
    for (int i = 1; i < argc; i++) printf(" %s", argv[i]);
    printf(" env %s\n", getenv("GREETING") ? getenv("GREETING") : "none");
    return 21;
  }
  int status;
  pid_t child = fork();
  if (!child) {
    global = 2;
    _exit(getppid() > 1 ? 33 : 34);
  }
  CHECK(waitpid(child, &status, 0) == child);
  printf("status %x global %d\n", status, global);
  CHECK(wait(&status) < 0 && errno == ECHILD);
  CHECK(waitpid(child, &status, 0) < 0 && errno == ECHILD);
  CHECK(kill(child, 0) < 0 && errno == ESRCH);

  child = vfork();
  if (!child) {
    global = 3;
    _exit(1);
  }
  waitpid(child, &status, 0);
  printf("vfork global %d status %x\n", global, status);

  child = vfork();
  if (!child) {
    char *args[] = {argv[0], "one", "two words", "", 0};
    char *env[] = {"GREETING=hello", 0};
    execve("/proc/self/exe", args, env);
    _exit(99);
  }
  waitpid(child, &status, 0);
  printf("exec status %x\n", status);
  char *no[] = {"x", 0};
  CHECK(execve("/does/not/exist", no, no) < 0 && errno == ENOENT);
  CHECK(execve("/", no, no) < 0 && errno == EACCES);
  CHECK(execve("/etc/passwd", no, no) < 0 && errno == EACCES);
  CHECK(execve((char *)8, no, no) < 0 && errno == EFAULT);
  CHECK(execve("/proc/self/exe", (char **)8, no) < 0 && errno == EFAULT);

  // WNOHANG and WNOWAIT.
  int p[2];
  pipe(p);
  child = fork();
  if (!child) {
    char c;
    close(p[1]);
    read(p[0], &c, 1);
    _exit(44);
  }
  CHECK(waitpid(child, &status, WNOHANG) == 0);
  siginfo_t info;
  memset(&info, 0x55, sizeof info);
  CHECK(waitid(P_PID, child, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0 && info.si_signo == 0);
  close(p[0]);
  close(p[1]);
  CHECK(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
  printf("waitid code %d status %d\n", info.si_code, info.si_status);
  CHECK(waitid(P_ALL, 0, &info, WEXITED) == 0 && info.si_pid == child);
  CHECK(waitid(P_ALL, 0, &info, WEXITED) < 0 && errno == ECHILD);
  CHECK(waitid(P_ALL, 0, &info, 0) < 0 && errno == EINVAL);
  CHECK(waitpid(-1, &status, 0x4000) < 0 && errno == EINVAL);

  // Several children, in the order of their ends.
  pid_t kids[3];
  for (int i = 0; i < 3; i++) {
    kids[i] = fork();
    if (!kids[i]) {
      usleep(60000 - 20000 * i);
      _exit(i);
    }
  }
  for (int i = 0; i < 3; i++) {
    pid_t r = wait(&status);
    for (int k = 0; k < 3; k++) if (r == kids[k]) printf("child %d exits %d\n", k, WEXITSTATUS(status));
  }

  // SIGCHLD tells.
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = on_chld;
  sa.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGCHLD, &sa, 0);
  child = fork();
  if (!child) _exit(17);
  waitpid(child, &status, 0);
  printf("sigchld %d\n", chld);
  child = fork();
  if (!child) {
    raise(SIGKILL);
    _exit(1);
  }
  waitpid(child, &status, 0);
  printf("sigchld %d\n", chld);
  signal(SIGCHLD, SIG_IGN);
  child = fork();
  if (!child) _exit(1);
  CHECK(waitpid(child, &status, 0) < 0 && errno == ECHILD);
  signal(SIGCHLD, SIG_DFL);

  // Groups and sessions.
  child = fork();
  if (!child) {
    CHECK(getpgrp() == getpgid(getppid()));
    CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
    CHECK(setsid() < 0 && errno == EPERM);
    pid_t grand = fork();
    if (!grand) {
      CHECK(getpgrp() == getppid());
      pid_t s = setsid();
      CHECK(s == getpid() && getsid(0) == s && getpgrp() == s);
      CHECK(setpgid(0, 0) < 0 && errno == EPERM);
      _exit(0);
    }
    waitpid(grand, &status, 0);
    CHECK(setpgid(0, 999999) < 0 && errno == EPERM);
    CHECK(setpgid(0, -1) < 0 && errno == EINVAL);
    CHECK(setpgid(999999, 0) < 0 && errno == ESRCH);
    CHECK(getpgid(999999) < 0 && errno == ESRCH);
    _exit(7);
  }
  waitpid(child, &status, 0);
  printf("group child %d\n", WEXITSTATUS(status));
  child = fork();
  if (!child) {
    setpgid(0, 0);
    for (;;) pause();
  }
  setpgid(child, child);
  CHECK(waitpid(-child, &status, WNOHANG) == 0);
  CHECK(kill(-child, SIGTERM) == 0);
  CHECK(waitpid(-child, &status, 0) == child && WTERMSIG(status) == SIGTERM);

  // Orphans get a new parent; a subreaper is one.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pipe(p);
  child = fork();
  if (!child) {
    pid_t middle = getpid();
    if (!fork()) {
      while (getppid() == middle) usleep(1000);
      write(p[1], "o", 1);
      _exit(55);
    }
    _exit(0);
  }
  waitpid(child, &status, 0);
  char c;
  read(p[0], &c, 1);
  pid_t orphan = wait(&status);
  CHECK(orphan != child && WEXITSTATUS(status) == 55);

  // clone with a stack of its own, sharing memory.
  static char stack[65536] __attribute__((aligned(16)));
  global = 0;
  int fn(void *arg) { global = *(int *)arg; return 9; }
  int value = 42;
  child = clone(fn, stack + sizeof stack, CLONE_VM | SIGCHLD, &value);
  waitpid(child, &status, 0);
  printf("clone global %d status %d\n", global, WEXITSTATUS(status));
  child = clone(fn, stack + sizeof stack, CLONE_VM | SIGUSR1, &value);
  signal(SIGUSR1, SIG_IGN);
  CHECK(waitpid(child, &status, 0) < 0 && errno == ECHILD);
  CHECK(waitpid(child, &status, __WALL) == child);
  CHECK(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) < 0 && errno == EINVAL);
  CHECK(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0) < 0 && errno == EINVAL);

  struct rusage ru;
  CHECK(getrusage(RUSAGE_CHILDREN, &ru) == 0);
  CHECK(getrusage(77, &ru) < 0 && errno == EINVAL);

  // pidfd.
  child = fork();
  if (!child) {
    for (;;) pause();
  }
  int pidfd = syscall(SYS_pidfd_open, child, 0);
  CHECK(pidfd >= 0);
  CHECK((fcntl(pidfd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(syscall(SYS_pidfd_send_signal, pidfd, SIGUSR2, 0, 0) == 0);
  CHECK(waitid(3, pidfd, &info, WEXITED) == 0 && info.si_status == SIGUSR2);
  CHECK(syscall(SYS_pidfd_send_signal, pidfd, SIGUSR2, 0, 0) < 0 && errno == ESRCH);
  CHECK(syscall(SYS_pidfd_open, -1, 0) < 0 && errno == EINVAL);
  return 0;
}
