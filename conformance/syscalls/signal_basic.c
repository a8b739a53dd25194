// Signals: handlers, masks, siginfo, alternate stack, nesting, restarts, real-time queueing.
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static char log_buffer[4096];
static int log_length;
static void note(const char *text, int n) {
  log_length += snprintf(log_buffer + log_length, sizeof log_buffer - log_length, "%s%d ", text, n);
}
static void flush(const char *what) {
  printf("%s: %s\n", what, log_buffer);
  log_length = 0;
  log_buffer[0] = 0;
}
static void on_signal(int n) { note("h", n); }
static void on_info(int n, siginfo_t *info, void *context) {
  (void)context;
  note("i", n);
  note("code", info->si_code);
  if (info->si_code == SI_QUEUE || info->si_code == SI_TIMER) note("value", info->si_value.sival_int);
  if (info->si_code == SI_USER || info->si_code == SI_TKILL) note("self", info->si_pid == getpid());
}
static sigjmp_buf back;
static void on_fault(int n, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  note("fault", n);
  note("code", info->si_code);
  note("trap", (int)uc->uc_mcontext.gregs[REG_TRAPNO]);
  note("err", (int)uc->uc_mcontext.gregs[REG_ERR]);
  if (n == SIGSEGV && info->si_code != SI_KERNEL) note("addr", (int)(uintptr_t)info->si_addr);
  siglongjmp(back, 1);
}
static void install(int n, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler;
  sa.sa_flags = SA_SIGINFO | flags;
  sigaction(n, &sa, 0);
}
static void fault(const char *what, void (*f)(void)) {
  if (!sigsetjmp(back, 1)) f();
  flush(what);
}
static void f_null(void) { *(volatile int *)16 = 1; }
static void f_null_read(void) { (void)*(volatile int *)32; }
static void f_readonly(void) { *(volatile char *)f_null = 1; }
static void f_divide(void) { volatile int zero = 0; volatile int x = 5 / zero; (void)x; }
static void f_ud2(void) { __asm__ volatile("ud2"); }
static void f_int3(void) { __asm__ volatile("int3"); }
static void f_hlt(void) { __asm__ volatile("hlt"); }
static void f_jump(void) { ((void (*)(void))(uintptr_t)64)(); }

static void change_rip(int n, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *uc = context;
  note("emulate", n);
  uc->uc_mcontext.gregs[REG_RIP] += 2;
  uc->uc_mcontext.gregs[REG_RAX] = 1234;
}
static double vector_seen;
static void clobber(int n) {
  (void)n;
  __asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm7, %%xmm7\n\tfninit" ::: "xmm0", "xmm7");
}
static char *alt;
static void on_alt(int n, siginfo_t *info, void *context) {
  (void)info; (void)context;
  char here;
  note("alt", n);
  note("inside", &here > alt && &here < alt + 65536);
  stack_t ss;
  sigaltstack(0, &ss);
  note("flags", ss.ss_flags);
  note("eperm", sigaltstack(&ss, 0) < 0 && errno == EPERM);
}

/* RLIMIT_SIGPENDING: real-time signals that carry something are refused, all others come. */
static void pending_limit(void) {
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    sigset_t all, pending;
    struct rlimit none = {0, 0};
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    setrlimit(RLIMIT_SIGPENDING, &none);
    printf("sigqueue %d", sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 1}));
    printf(" %s\n", strerror(errno));
    printf("tgkill %ld %s\n", syscall(SYS_tgkill, getpid(), getpid(), SIGRTMIN + 2), strerror(errno));
    printf("kill %d\n", kill(getpid(), SIGRTMIN + 3));
    printf("kill %d\n", kill(getpid(), SIGUSR1));
    printf("sigqueue %d\n", sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 1}));
    sigpending(&pending);
    printf("pending:");
    for (int signal = 1; signal < 64; signal++) {
      if (sigismember(&pending, signal)) printf(" %d", signal);
    }
    printf("\n");
    raise(SIGKILL);
  }
  waitpid(pid, &status, 0);
  printf("killed by %d\n", WTERMSIG(status));
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  flush("raise");
  install(SIGUSR2, on_info, 0);
  kill(getpid(), SIGUSR2);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
  sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 77});
  flush("info");
  pending_limit();

  sigset_t set, old, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGRTMIN + 2);
  install(SIGRTMIN + 1, on_info, 0);
  install(SIGRTMIN + 2, on_info, 0);
  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  raise(SIGUSR1);
  for (int i = 0; i < 3; i++) sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i});
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 9});
  sigpending(&pending);
  printf("pending %d %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN + 1), sigismember(&pending, SIGUSR2));
  sigprocmask(SIG_SETMASK, &old, 0);
  flush("queued");

  struct timespec zero = {0, 0};
  sigprocmask(SIG_BLOCK, &set, 0);
  siginfo_t info;
  int r = sigtimedwait(&set, &info, &zero);
  printf("sigtimedwait nothing %d %d\n", r, r < 0 ? errno == EAGAIN : 0);
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 5});
  r = sigwaitinfo(&set, &info);
  printf("sigwaitinfo %d %d %d\n", r - SIGRTMIN, info.si_code, info.si_value.sival_int);
  raise(SIGUSR1);
  sigset_t none;
  sigemptyset(&none);
  r = sigsuspend(&none);
  printf("sigsuspend %d %d\n", r, errno == EINTR);
  flush("suspended");
  sigprocmask(SIG_SETMASK, &old, 0);

  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_signal;
  sa.sa_flags = SA_RESETHAND | SA_NODEFER;
  sigaction(SIGUSR1, &sa, 0);
  raise(SIGUSR1);
  sigaction(SIGUSR1, 0, &sa);
  printf("reset %d\n", sa.sa_handler == SIG_DFL);
  flush("resethand");

  for (int n = 1; n < 32; n++)
    if (n == SIGSEGV || n == SIGFPE || n == SIGILL || n == SIGTRAP || n == SIGBUS) install(n, on_fault, 0);
  fault("null write", f_null);
  fault("null read", f_null_read);
  fault("read-only", f_readonly == 0 ? f_null : f_null_read);
  fault("divide", f_divide);
  fault("ud2", f_ud2);
  fault("int3", f_int3);
  fault("hlt", f_hlt);
  fault("jump", f_jump);
  (void)f_readonly;

  install(SIGILL, change_rip, 0);
  long rax;
  __asm__ volatile("xor %%eax, %%eax\n\tud2" : "=a"(rax));
  printf("rax after handler %ld\n", rax);
  flush("registers");

  signal(SIGUSR1, clobber);
  double a = 1.5, b;
  __asm__ volatile("movsd %1, %%xmm7\n\tmov %2, %%edi\n\tmov %3, %%esi\n\tmov $200, %%eax\n\tsyscall\n\tmovsd %%xmm7, %0"
                   : "=m"(b) : "m"(a), "r"((int)syscall(SYS_gettid)), "i"(SIGUSR1)
                   : "rax", "rcx", "r11", "rdi", "rsi", "xmm7", "memory");
  vector_seen = b;
  printf("xmm kept %g\n", vector_seen);

  alt = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t ss = {.ss_sp = alt, .ss_size = 65536};
  sigaltstack(&ss, 0);
  install(SIGUSR2, on_alt, SA_ONSTACK);
  raise(SIGUSR2);
  flush("altstack");
  sigaltstack(0, &ss);
  printf("altstack flags %d\n", ss.ss_flags);
  ss.ss_size = 100;
  ss.ss_flags = 0;
  printf("small %d %d\n", sigaltstack(&ss, 0), errno == ENOMEM);
  ss.ss_flags = 77;
  printf("flags %d %d\n", sigaltstack(&ss, 0), errno == EINVAL);

  printf("errors %d", kill(getpid(), 65) < 0 && errno == EINVAL);
  printf(" %d", kill(3999999, 0) < 0 && errno == ESRCH);
  printf(" %d", syscall(SYS_rt_sigaction, 9, &sa, 0, 8) < 0 && errno == EINVAL);
  printf(" %d", syscall(SYS_rt_sigaction, 10, 0, 0, 4) < 0 && errno == EINVAL);
  printf(" %d", syscall(SYS_rt_sigaction, 10, (void *)8, 0, 8) < 0 && errno == EFAULT);
  printf(" %d", syscall(SYS_rt_sigprocmask, 7, &set, 0, 8) < 0 && errno == EINVAL);
  printf(" %d", syscall(SYS_rt_sigprocmask, 0, (void *)8, 0, 8) < 0 && errno == EFAULT);
  printf(" %d\n", syscall(SYS_tgkill, -1, 1, 0) < 0 && errno == EINVAL);

  // Death by signal, as the parent sees it.
  int deaths[] = {SIGTERM, SIGKILL, SIGABRT, SIGSEGV, SIGUSR1, SIGPIPE, SIGRTMIN + 5};
  for (unsigned i = 0; i < sizeof deaths / sizeof *deaths; i++) {
    pid_t child = fork();
    if (!child) {
      signal(deaths[i], SIG_DFL);
      raise(deaths[i]);
      _exit(99);
    }
    int status;
    waitpid(child, &status, 0);
    printf("death %d: %d\n", i, WIFSIGNALED(status) ? WTERMSIG(status) : -1);
  }
  signal(SIGALRM, SIG_DFL);
  alarm(1);
  for (;;) pause();
}
