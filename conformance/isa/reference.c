/*
 * Carries out single instructions on whatever CPU runs this program, and reports the state after each.
 *
 *     reference < cases > results
 *
 * A case starts by returning from a signal handler into the case's state; the instruction runs; what is behind it
 * (int3) or its fault enters the handler again, which notes the state and starts the next case.
 * layout.ts has the same records and addresses. Built with musl, which has nothing thread-local (rseq) that the kernel
 * would look for while FS is the case's.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  CODE = 0x20000000, SLOT = 128, ENTRY = 16, MAX_CASES = 4096,
  PAGE = 4096, HALF = 1024, PATTERN = 65536, XSAVE = 832, PATCHES = 10, ARENAS = 5,
};
#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define FS_BASE 0x10005000ul
#define GS_BASE 0x10006000ul

struct patch { uint64_t address, value; };

struct test {
  uint8_t code[SLOT];
  uint64_t gpr[16], rflags;
  uint32_t arena, pattern;
  struct patch patch[PATCHES];
  uint8_t xsave[XSAVE];
};

struct result {
  uint64_t gpr[16], rflags, rip, address;
  uint32_t signal, code, write, unused;
  uint64_t fs_base, gs_base;
  uint8_t xsave[XSAVE];
  uint8_t memory[2 * HALF];
};

enum kind { NONE, READ, WRITE };
static const struct { uint64_t boundary; enum kind below, above; } arenas[ARENAS] = {
  { 0x10010000, WRITE, WRITE }, { 0x10030000, WRITE, READ }, { 0x10050000, WRITE, NONE }, { 0x10070000, NONE, WRITE },
  { 0xa0010000, WRITE, WRITE },
};

static const int order[16] = {
  REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
  REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static uint8_t pattern[PATTERN + 2 * HALF];
static struct test *tests;
static struct result *results;
static uint32_t count;
static int64_t current = -1;
static sigjmp_buf finished;
static uint64_t own_fs;
/* rdfsbase and its like may be used. */
static int fsgsbase;

static long segment_base(int which, uint64_t base) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_arch_prctl), "D"(which), "S"(base) : "rcx", "r11", "memory");
  return result;
}

static void note(const struct test *test, struct result *result, int signal, siginfo_t *info, ucontext_t *context) {
  greg_t *reg = context->uc_mcontext.gregs;
  uint8_t *fp = (uint8_t *)context->uc_mcontext.fpregs;
  uint64_t saved;
  for (int i = 0; i < 16; i++) result->gpr[i] = reg[order[i]];
  result->rflags = reg[REG_EFL];
  result->rip = reg[REG_RIP];
  result->signal = signal;
  result->code = info->si_code;
  result->address = signal == SIGSEGV || signal == SIGBUS ? (uint64_t)info->si_addr : 0;
  result->write = reg[REG_ERR] >> 1 & 1;
  result->fs_base = FS_BASE;
  result->gs_base = GS_BASE;
  if (fsgsbase) {
    __asm__("rdfsbase %0" : "=r"(result->fs_base));
    __asm__("rdgsbase %0" : "=r"(result->gs_base));
    if (result->fs_base != FS_BASE) __asm__ volatile("wrfsbase %0" :: "r"(FS_BASE));
    if (result->gs_base != GS_BASE) __asm__ volatile("wrgsbase %0" :: "r"(GS_BASE));
  }
  memcpy(result->xsave, fp, XSAVE);
  memcpy(&saved, fp + 512, 8);
  memset(result->xsave + 464, 0, 48);
  memset(result->xsave + 512, 0, 64);
  if (!(saved & 4)) memset(result->xsave + 576, 0, 256);
  if (!(saved & 2)) memset(result->xsave + 160, 0, 256);
  if (!(saved & 1)) {
    memset(result->xsave, 0, 24);
    memset(result->xsave + 32, 0, 128);
    result->xsave[0] = 0x7f;
    result->xsave[1] = 3;
  }
  uint64_t boundary = arenas[test->arena].boundary;
  if (arenas[test->arena].below != NONE) memcpy(result->memory, (void *)(boundary - HALF), HALF);
  if (arenas[test->arena].above != NONE) memcpy(result->memory + HALF, (void *)boundary, HALF);
}

static void start(const struct test *test, uint32_t slot, ucontext_t *context) {
  greg_t *reg = context->uc_mcontext.gregs;
  uint8_t *fp = (uint8_t *)context->uc_mcontext.fpregs;
  uint64_t saved = 7;
  uint64_t boundary = arenas[test->arena].boundary;
  for (int i = 0; i < 16; i++) reg[order[i]] = test->gpr[i];
  reg[REG_EFL] = test->rflags;
  reg[REG_RIP] = CODE + slot * SLOT + ENTRY;
  memcpy(fp, test->xsave, 464);
  memcpy(fp + 512, &saved, 8);
  memcpy(fp + 576, test->xsave + 576, 256);
  if (arenas[test->arena].below == WRITE) memcpy((void *)(boundary - HALF), pattern + test->pattern, HALF);
  if (arenas[test->arena].above == WRITE) memcpy((void *)boundary, pattern + test->pattern + HALF, HALF);
  for (int i = 0; i < PATCHES && test->patch[i].address; i++) {
    memcpy((void *)test->patch[i].address, &test->patch[i].value, 8);
  }
}

static void handler(int signal, siginfo_t *info, void *context) {
  if (current >= 0) note(&tests[current], &results[current], signal, info, context);
  if (++current == count) {
    segment_base(ARCH_SET_FS, own_fs);
    siglongjmp(finished, 1);
  }
  start(&tests[current], current, context);
}

static void *map(uint64_t address, size_t length, int protection) {
  void *at = mmap((void *)address, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (at == MAP_FAILED) {
    perror("reference: mmap");
    exit(2);
  }
  return at;
}

static void read_all(void *to, size_t length) {
  for (char *at = to; length > 0;) {
    ssize_t got = read(0, at, length);
    if (got <= 0) {
      fprintf(stderr, "reference: the cases end too early\n");
      exit(2);
    }
    at += got;
    length -= got;
  }
}

int main(void) {
  static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
  static uint8_t stack[256 * 1024] __attribute__((aligned(64)));
  stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };

  fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
  read_all(&count, sizeof count);
  if (count > MAX_CASES) {
    fprintf(stderr, "reference: too many cases\n");
    return 2;
  }
  read_all(pattern, sizeof pattern);
  tests = map(0x40000000, MAX_CASES * sizeof *tests, PROT_READ | PROT_WRITE);
  results = map(0x50000000, MAX_CASES * sizeof *results, PROT_READ | PROT_WRITE);
  read_all(tests, count * sizeof *tests);

  uint8_t *code = map(CODE, MAX_CASES * SLOT, PROT_READ | PROT_WRITE);
  for (uint32_t i = 0; i < count; i++) memcpy(code + i * SLOT, tests[i].code, SLOT);
  mprotect(code, MAX_CASES * SLOT, PROT_READ | PROT_EXEC);
  for (int i = 0; i < ARENAS; i++) {
    for (int above = 0; above < 2; above++) {
      enum kind kind = above ? arenas[i].above : arenas[i].below;
      uint64_t page = arenas[i].boundary - (above ? 0 : PAGE);
      if (kind == NONE) continue;
      uint8_t *at = map(page, PAGE, PROT_READ | PROT_WRITE);
      for (int j = 0; j < PAGE; j++) at[j] = pattern[j];
      if (kind == READ) mprotect(at, PAGE, PROT_READ);
    }
  }
  sigaltstack(&alternate, 0);
  sigfillset(&action.sa_mask);
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);

  if (sigsetjmp(finished, 1) == 0) {
    segment_base(ARCH_GET_FS, (uint64_t)&own_fs);
    segment_base(ARCH_SET_GS, GS_BASE);
    segment_base(ARCH_SET_FS, FS_BASE);
    __asm__ volatile("int3");
  }
  for (size_t at = 0, size = count * sizeof *results; at < size;) {
    ssize_t put = write(1, (char *)results + at, size - at);
    if (put <= 0) return 2;
    at += put;
  }
  return 0;
}
