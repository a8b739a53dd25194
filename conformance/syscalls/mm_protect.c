/* What a program may not touch: signals, codes and addresses. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf back;
static volatile int got, code;
static volatile char *where;
static char alternate[65536];
static void caught(int signal, siginfo_t *info, void *context) {
  got = signal;
  code = info->si_code;
  where = info->si_addr;
  siglongjmp(back, 1);
}
enum { READ, WRITE, CALL };
static void touch(const char *what, volatile char *at, int how) {
  if (sigsetjmp(back, 1) == 0) {
    if (how == READ) (void)*at;
    else if (how == WRITE) *at = 1;
    else ((void (*)(void))at)();
    printf("%s: ok\n", what);
  } else {
    printf("%s: signal %d code %d %s\n", what, got, code, where == at ? "there" : "elsewhere");
  }
}
static int depth;
static int recurse(int n) {
  volatile char frame[2000];
  frame[n % 2000] = n;
  depth++;
  return recurse(n + 1) + frame[n % 2000];
}

int main(void) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, 0);
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  char *a = mmap(0, 8 * P, RW, ANON, -1, 0);
  static const unsigned char ret[] = {0xc3};
  memcpy(a, ret, 1);
  touch("null", 0, READ);
  touch("null write", 0, WRITE);
  touch("null call", 0, CALL);
  touch("low call", (char *)0x1234, CALL);
  touch("call of data", a, CALL);
  mprotect(a, P, PROT_READ | PROT_EXEC);
  touch("call of code", a, CALL);
  touch("write of code", a, WRITE);
  mprotect(a, P, PROT_EXEC);
  touch("call of execute-only", a, CALL);
  mprotect(a + P, P, PROT_NONE);
  touch("read of none", a + P, READ);
  mprotect(a + P, P, PROT_READ);
  touch("write of read-only", a + P + 77, WRITE);
  mprotect(a + P, P, PROT_WRITE);
  touch("read of write-only", a + P, READ);
  munmap(a + 2 * P, P);
  touch("hole", a + 2 * P + 8, READ);
  touch("hole write", a + 3 * P - 1, WRITE);
  touch("call of a hole", a + 2 * P, CALL);
  touch("const", (char *)main, WRITE);

  char *g = mmap(0, 64 * P, PROT_NONE, ANON, -1, 0);
  munmap(g, 64 * P);
  mmap(g + 48 * P, 2 * P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
  touch("growing down", g + 47 * P, WRITE);
  touch("growing down more", g + 40 * P, WRITE);
  mprotect(a + 4 * P, P, PROT_NONE);
  printf("EFAULT: %zd\n", write(1, a + 4 * P, 1));
  struct rlimit limit = {1 << 20, RLIM_INFINITY};
  setrlimit(RLIMIT_STACK, &limit);
  if (sigsetjmp(back, 1) == 0) recurse(0);
  printf("stack overflow: signal %d code %d, some depth: %d\n", got, code, depth > 300 && depth < 600);
  return 0;
}
