// args: 1
// args: 2
// args: 3
/*
 * Random memory calls in an arena, good ones and bad ones; then the arena's shape and bytes. A second argument prints each call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define P 4096L
#define PAGES 64
#define STEPS 6000

static uint64_t state;
static unsigned pick(unsigned below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (state >> 33) % below;
}
static sigjmp_buf back;
static void caught(int signal) { siglongjmp(back, signal); }

/* The byte at `at`, or minus the signal that reading it gives. */
static int peek(volatile unsigned char *at) {
  int signal = sigsetjmp(back, 1);
  return signal ? -signal : *at;
}
static int poke(volatile unsigned char *at, int value) {
  int signal = sigsetjmp(back, 1);
  if (signal) return -signal;
  *at = value;
  return 0;
}
static uint64_t hash = 1469598103934665603u;
static void mix(long value) {
  for (int i = 0; i < 8; i++) hash = (hash ^ (value >> 8 * i & 255)) * 1099511628211u;
}

int main(int argc, char **argv) {
  state = strtoul(argv[1], 0, 0) * 7919;
  int talk = argc > 2;
  signal(SIGSEGV, caught);
  signal(SIGBUS, caught);
  int fd = memfd_create("data", 0);
  ftruncate(fd, 24 * P + 100);
  for (int i = 0; i <= 24; i++) {
    char c = i + 1;
    pwrite(fd, &c, 1, i * P);
  }
  static const int protections[] = {0, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, 7, 0x40};
  static const int advices[] = {0, 1, 2, 3, 4, 4, 4, 8, 9, 10, 11, 16, 17, 18, 19, 20, 99};
  unsigned char *arena = mmap(0, (PAGES + 64) * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int step = 0; step < STEPS; step++) {
    unsigned first = pick(PAGES), count = pick(12) == 0 ? pick(40) : 1 + pick(6), odd = pick(40) == 0 ? 1 + pick(4095) : 0;
    unsigned char *at = arena + first * P + odd;
    long length = (first + count > PAGES ? PAGES - first : count) * P - (pick(8) == 0 ? pick(4096) : 0);
    if (length < 0) length = 0;
    int prot = protections[pick(pick(10) ? 7 : 8)];
    long result = 0;
    const char *what = "";
    errno = 0;
    switch (pick(12)) {
      case 0:
      case 1:
        what = "mmap";
        result = syscall(SYS_mmap, at, length, prot & 7, MAP_FIXED | MAP_ANONYMOUS | (pick(4) ? MAP_PRIVATE : MAP_SHARED), -1, 0L);
        if (result > 0) result -= (long)arena;
        break;
      case 2:
        what = "mmap file";
        result = syscall(SYS_mmap, at, length, prot & 7, MAP_FIXED | (pick(2) ? MAP_PRIVATE : MAP_SHARED), fd, (long)pick(28) * P + (pick(30) == 0));
        if (result > 0) result -= (long)arena;
        break;
      case 3:
        what = "mmap noreplace";
        result = syscall(SYS_mmap, at, length, prot & 7, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
        if (result > 0) result -= (long)arena;
        break;
      case 4:
        what = "munmap";
        result = syscall(SYS_munmap, at, length);
        break;
      case 5:
      case 6:
        what = "mprotect";
        result = syscall(SYS_mprotect, at, length, (long)prot);
        break;
      case 7: {
        /* Of one fresh mapping: kernels differ in what they do with several, and in what they make one. */
        what = "mremap";
        syscall(SYS_mmap, arena + first * P, length, 3L, MAP_FIXED | MAP_ANONYMOUS | (pick(3) ? MAP_PRIVATE : MAP_SHARED), -1, 0L);
        if (length > 0) poke(arena + first * P, step & 255);
        static const int flags[] = {0, 1, 3, 3, 3, 5, 7, 2, 8};
        int flag = flags[pick(9)];
        unsigned char *to = arena + pick(PAGES) * P + (pick(40) == 0);
        long size = (1 + pick(6)) * P;
        if (flag == 5) flag = 7;
        if (flag == 1) flag = 3;
        if ((flag & 2) && to + size > arena + PAGES * P) to = arena + PAGES * P - size;
        if (flag == 7) size = length;
        if (flag == 0 && at + size > arena + PAGES * P) size = length;
        if (odd == 0 && at + length > to && to + size > at) flag |= 2;
        result = syscall(SYS_mremap, at, length, size, (long)flag, to);
        if (result > 0) result -= (long)arena;
        break;
      }
      case 8:
        what = "madvise";
        prot = advices[pick(sizeof advices / sizeof *advices)];
        result = syscall(SYS_madvise, at, length, (long)prot);
        break;
      case 9: {
        what = "mincore";
        unsigned char vec[64];
        result = syscall(SYS_mincore, at, length, vec);
        break;
      }
      case 10:
        what = "msync";
        prot = pick(9);
        result = syscall(SYS_msync, at, length, (long)prot);
        break;
      case 11:
        what = "poke";
        prot = step & 255;
        result = poke(at, prot);
        break;
    }
    long error = result == -1 ? errno : 0;
    if (talk) printf("%d %s %ld+%ld %d: %ld %ld\n", step, what, (long)(at - arena), length, prot, result, error);
    mix(result);
    mix(error);
    int page = pick(PAGES);
    int byte = peek(arena + page * P + (pick(2) ? odd : 0));
    if (talk) printf("  page %d: %d\n", page, byte);
    mix(byte);
    if (step % 500 == 499) printf("%d: %016lx\n", step, hash);
  }
  for (int i = 0; i < PAGES; i++) {
    unsigned char vec;
    printf("%s%d", i % 16 ? " " : "\n", mincore(arena + i * P, P, &vec) ? -1 : peek(arena + i * P));
  }
  printf("\n");
  return 0;
}
