// Instructions of more than 15 bytes, and some that go on in a page that is not there.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static sigjmp_buf back;
static unsigned char *code;

static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)context;
  long at = (unsigned char *)info->si_addr - code;
  printf("signal %d code %d", signal, info->si_code);
  if (at >= 0 && at <= 4096) printf(" at %ld", at);
  printf("\n");
  siglongjmp(back, 1);
}

static void run(const char *what, long offset) {
  printf("%s: ", what);
  if (sigsetjmp(back, 1)) return;
  ((void (*)(void))(code + offset))();
  printf("ran\n");
}

/* `count` prefixes, then `bytes`. */
static void put(long offset, int prefix, int count, const char *bytes, int length) {
  memset(code + offset, prefix, count);
  memcpy(code + offset + count, bytes, length);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGILL, &action, 0);
  sigaction(SIGBUS, &action, 0);
  code = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  put(0, 0x66, 14, "\x90\xc3", 2);
  run("15 bytes", 0);
  put(0, 0x66, 15, "\x90\xc3", 2);
  run("16 bytes", 0);
  put(0, 0x2e, 15, "\x0f\x0b", 2);
  run("an undefined one of 17", 0);
  put(0, 0x2e, 6, "\x48\xb8\1\1\1\1\1\1\1\1\xc3", 11);
  run("a long constant, 16", 0);
  put(0, 0x2e, 5, "\x48\xb8\1\1\1\1\1\1\1\1\xc3", 11);
  run("a long constant, 15", 0);
  put(0, 0x66, 60, "\x90\xc3", 2);
  run("60 prefixes", 0);
  munmap(code + 4096, 4096);
  for (int left = 1; left <= 20; left++) {
    memset(code + 4096 - left, 0x66, left);
    printf("%d ", left);
    run("prefixes at the end", 4096 - left);
  }
  for (int left = 12; left <= 20; left++) {
    put(4096 - left, 0x2e, 10, "\x48\xb8\1\1\1\1\1\1\1\1\1", left - 10);
    printf("%d ", left);
    run("a constant across the end", 4096 - left);
  }
  return 0;
}
