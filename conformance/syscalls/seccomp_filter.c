// seccomp(2): strict mode, filters and what they return, inheritance, TSYNC, programs that are refused.
// flags: -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define COUNT(array) (sizeof array / sizeof *array)

static long install(struct sock_filter *filter, unsigned short count, unsigned flags) {
  struct sock_fprog program = {count, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* Calls `number` gives `action`, all others are allowed. */
static long on(long number, unsigned action, unsigned flags) {
  struct sock_filter filter[] = {LOAD(nr), IF(number, 0, 1), RETURN(action), RETURN(SECCOMP_RET_ALLOW)};
  return install(filter, COUNT(filter), flags);
}

static void told(const char *what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void in_child(const char *name, void (*work)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    work();
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  printf("%s: %s %d\n", name, WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void show_status(void) {
  char line[256];
  FILE *file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file)) if (!strncmp(line, "Seccomp", 7)) printf("%s", line);
  fclose(file);
}

static void strict(void) {
  show_status();
  told("mode", prctl(PR_GET_SECCOMP));
  fflush(stdout);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) return;
  write(1, "writes\n", 7);
  syscall(SYS_exit, 7);
}

static void strict_killed(void) {
  syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0);
  getppid();
}

static void errors(void) {
  told("errno", on(SYS_getppid, SECCOMP_RET_ERRNO | EMLINK, 0));
  told("getppid", syscall(SYS_getppid));
  told("zero", on(SYS_getppid, SECCOMP_RET_ERRNO, 0));
  told("getppid", syscall(SYS_getppid));
  told("stricter", on(SYS_getpid, SECCOMP_RET_ERRNO | 5000, 0));
  told("getpid", syscall(SYS_getpid));
  told("trace", on(SYS_getuid, SECCOMP_RET_TRACE | 1, 0));
  told("getuid", syscall(SYS_getuid));
  told("log", on(SYS_getgid, SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG));
  told("getgid", syscall(SYS_getgid) < 0);
  show_status();
  pid_t pid = fork();
  if (pid == 0) {
    told("child", syscall(SYS_getpid));
    told("mode", prctl(PR_GET_SECCOMP));
    told("strict now", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, 0, 0);
}

static void arguments(void) {
  // dup2 to 77 is refused, but with an old descriptor whose upper half is not 0 it is something else.
  struct sock_filter filter[] = {
    LOAD(arch), IF(AUDIT_ARCH_X86_64, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr), IF(SYS_dup2, 0, 8),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
    BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 7), BPF_STMT(BPF_MISC | BPF_TAX, 0),
    BPF_STMT(BPF_MISC | BPF_TXA, 0), IF(70, 0, 1), RETURN(SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW),
  };
  told("install", install(filter, COUNT(filter), 0));
  told("dup2 77", dup2(1, 77));
  told("dup2 78", dup2(1, 78));
}

static void on_sys(int signal, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  printf("SIGSYS %d code %d call %d arch %d errno %d, rax %d, address %s\n", signal, info->si_code, info->si_syscall == SYS_getppid,
    info->si_arch == AUDIT_ARCH_X86_64, info->si_errno, uc->uc_mcontext.gregs[REG_RAX] == SYS_getppid,
    (long long)info->si_call_addr == uc->uc_mcontext.gregs[REG_RIP] ? "behind the call" : "elsewhere");
  uc->uc_mcontext.gregs[REG_RAX] = 4711;
}

static void trap(void) {
  struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, 0);
  told("install", on(SYS_getppid, SECCOMP_RET_TRAP | 33, 0));
  told("getppid", syscall(SYS_getppid));
}

static void trap_default(void) {
  on(SYS_getppid, SECCOMP_RET_TRAP, 0);
  syscall(SYS_getppid);
}

static void *victim(void *unused) {
  syscall(SYS_getppid);
  return unused;
}

static void kill_thread(void) {
  pthread_t thread;
  on(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
  pthread_create(&thread, 0, victim, 0);
  while (syscall(SYS_tgkill, getpid(), getpid() + 1, 0) == 0) usleep(1000);
  printf("the thread is gone\n");
  fflush(stdout);
  syscall(SYS_getppid);
}

static void kill_process(void) {
  pthread_t thread;
  on(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0);
  pthread_create(&thread, 0, victim, 0);
  pause();
}

static int gates[2], held[2];

static void *waits(void *unused) {
  char c;
  read(gates[0], &c, 1);
  told("in the other thread", syscall(SYS_getppid));
  told("its mode", prctl(PR_GET_SECCOMP));
  return unused;
}

static void *differs(void *unused) {
  char c;
  on(SYS_getpgrp, SECCOMP_RET_ERRNO | 1, 0);
  write(gates[1], "x", 1);
  read(held[0], &c, 1);
  return unused;
}

static void tsync(void) {
  pthread_t thread;
  char c;
  alarm(20);
  pipe(gates);
  pthread_create(&thread, 0, waits, 0);
  told("tsync", on(SYS_getppid, SECCOMP_RET_ERRNO | EL2HLT, SECCOMP_FILTER_FLAG_TSYNC));
  write(gates[1], "x", 1);
  pthread_join(thread, 0);
  pipe(held);
  pthread_create(&thread, 0, differs, 0);
  read(gates[0], &c, 1);
  printf("tsync with a thread apart: %s\n", on(SYS_getegid, SECCOMP_RET_ALLOW, SECCOMP_FILTER_FLAG_TSYNC) > 0 ? "its id" : "?");
  told("as an error", on(SYS_getegid, SECCOMP_RET_ALLOW, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
}

static void refused(const char *name, struct sock_filter *filter, unsigned short count) {
  told(name, install(filter, count, 0));
}

static void programs(void) {
  struct sock_filter none[] = {BPF_STMT(BPF_LD | BPF_IMM, 1)};
  refused("no return", none, 1);
  refused("empty", none, 0);
  refused("too long", none, 4097);
  struct sock_filter byte[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RETURN(SECCOMP_RET_ALLOW)};
  refused("byte", byte, 2);
  struct sock_filter odd[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(SECCOMP_RET_ALLOW)};
  refused("odd offset", odd, 2);
  struct sock_filter beyond[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(SECCOMP_RET_ALLOW)};
  refused("offset 64", beyond, 2);
  struct sock_filter jump[] = {IF(1, 1, 0), RETURN(SECCOMP_RET_ALLOW)};
  refused("jump behind the end", jump, 2);
  struct sock_filter always[] = {BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RETURN(SECCOMP_RET_ALLOW)};
  refused("jump back", always, 2);
  struct sock_filter divide[] = {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(SECCOMP_RET_ALLOW)};
  refused("division by 0", divide, 2);
  struct sock_filter modulo[] = {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(SECCOMP_RET_ALLOW)};
  refused("modulo", modulo, 2);
  struct sock_filter shift[] = {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(SECCOMP_RET_ALLOW)};
  refused("shift by 32", shift, 2);
  struct sock_filter memory[] = {BPF_STMT(BPF_ST, 16), RETURN(SECCOMP_RET_ALLOW)};
  refused("memory 16", memory, 2);
  struct sock_filter fresh[] = {BPF_STMT(BPF_LD | BPF_MEM, 2), RETURN(SECCOMP_RET_ALLOW)};
  refused("never stored", fresh, 2);
  struct sock_filter one_way[] = {IF(0, 0, 1), BPF_STMT(BPF_ST, 2), BPF_STMT(BPF_LD | BPF_MEM, 2), RETURN(SECCOMP_RET_ALLOW)};
  refused("stored on one way", one_way, 4);
  struct sock_filter both[] = {BPF_STMT(BPF_ST, 2), IF(0, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 2), RETURN(SECCOMP_RET_ALLOW)};
  refused("stored on both", both, 5);
  unsigned action = SECCOMP_RET_USER_NOTIF + 1;
  told("action", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
  action = SECCOMP_RET_KILL_PROCESS;
  told("action", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
  told("bad operation", syscall(SYS_seccomp, 9, 0, 0));
  told("bad flags", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, 0));
  told("strict with flags", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, 0));
  told("no program", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0));
  struct sock_fprog wild = {2, (struct sock_filter *)8};
  told("wild program", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &wild));
  told("prctl", prctl(PR_SET_SECCOMP, 5, 0, 0, 0));
}

static void restarted(void) {
  int fds[2];
  pipe(fds);
  told("exec", on(SYS_getpgid, SECCOMP_RET_ERRNO | ENOTUNIQ, 0));
  fflush(stdout);
  execl("/proc/self/exe", "seccomp_filter", "again", (char *)0);
}

int main(int argc, char **argv) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  (void)argv;
  if (argc > 1) {
    told("after exec", syscall(SYS_getpgid, 0));
    told("mode", prctl(PR_GET_SECCOMP));
    return 3;
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  in_child("strict", strict);
  in_child("strict, another call", strict_killed);
  in_child("errors", errors);
  in_child("arguments", arguments);
  in_child("trap", trap);
  in_child("trap without handler", trap_default);
  in_child("thread killed", kill_thread);
  in_child("process killed", kill_process);
  in_child("tsync", tsync);
  in_child("programs", programs);
  in_child("exec", restarted);
  return 0;
}
