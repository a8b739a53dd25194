/* mmap(2), munmap(2), mprotect(2), brk(2): results and errors, split and merged mappings. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void say(const char *what, long result) {
  if (result == -1) printf("%s: errno %d\n", what, errno);
  else printf("%s: ok\n", what);
}
#define MAPS(what, ...) say(what, (long)mmap(__VA_ARGS__))

/* musl rounds what it is given; these do not. */
static int protect(void *at, long length, long prot) { return syscall(SYS_mprotect, at, length, prot); }

/* Whether each of `count` pages is mapped, as mincore tells. */
static void shape(const char *what, char *at, int count) {
  printf("%s: ", what);
  for (int i = 0; i < count; i++) {
    unsigned char vec;
    putchar(mincore(at + i * P, P, &vec) == 0 ? '#' : '.');
  }
  putchar('\n');
}

int main(void) {
  char *a = mmap(0, 16 * P, RW, ANON, -1, 0);
  say("sixteen pages", (long)a);
  int sum = 0;
  for (int i = 0; i < 16 * P; i++) sum |= a[i];
  printf("they are zero: %d\n", sum == 0);
  memset(a, 7, 16 * P);
  say("munmap of the middle", munmap(a + 4 * P, 2 * P));
  shape("shape", a, 16);
  say("munmap again", munmap(a + 4 * P, 2 * P));
  say("munmap over holes", munmap(a + 3 * P, 5 * P));
  shape("shape", a, 16);
  printf("neighbours keep their bytes: %d %d\n", a[3 * P - 1], a[8 * P]);
  say("munmap of length 0", munmap(a, 0));
  say("munmap of a part of a page", munmap(a + 1, P));
  say("munmap of half a page", munmap(a, 1));
  shape("shape", a, 16);
  say("munmap of more than there is", munmap(a, 1L << 60));

  MAPS("length 0", 0, 0, RW, ANON, -1, 0);
  MAPS("length that wraps", 0, -1L, RW, ANON, -1, 0);
  MAPS("neither shared nor private", 0, P, RW, MAP_ANONYMOUS, -1, 0);
  MAPS("no such descriptor", 0, P, RW, MAP_PRIVATE, 99, 0);
  MAPS("odd offset", 0, P, RW, MAP_PRIVATE, 99, 5);
  MAPS("fixed at an odd address", a + 1, P, RW, ANON | MAP_FIXED, -1, 0);
  MAPS("fixed beyond the end", (void *)(-P), P, RW, ANON | MAP_FIXED, -1, 0);
  MAPS("growing down and shared", 0, P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
  MAPS("no replace, taken", a + 8 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
  char *b = mmap(a + 4 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
  printf("no replace, free: %d\n", b == a + 4 * P);
  char *c = mmap(a + 8 * P, P, PROT_READ, ANON | MAP_FIXED, -1, 0);
  printf("fixed replaces: %d, zero: %d, next: %d\n", c == a + 8 * P, c[0], a[9 * P]);
  char *low = mmap(0, P, RW, ANON | MAP_32BIT, -1, 0);
  printf("MAP_32BIT: %d\n", (uintptr_t)low < 0x80000000);
  char *hint = mmap(a + 5 * P, P, RW, ANON, -1, 0);
  printf("free hint taken: %d\n", hint == a + 5 * P);
  hint = mmap(a + 5 * P, P, RW, ANON, -1, 0);
  printf("used hint not taken: %d\n", hint != MAP_FAILED && hint != a + 5 * P);
  char *far = mmap((void *)0x7000000000000000, P, RW, ANON, -1, 0);
  printf("impossible hint ignored: %d\n", far != MAP_FAILED);
  char *populated = mmap(0, 4 * P, RW, ANON | MAP_POPULATE, -1, 0);
  unsigned char vec[4];
  mincore(populated, 4 * P, vec);
  printf("populated: %d\n", vec[0] & vec[1] & vec[2] & vec[3] & 1);

  say("mprotect of an odd address", protect(a + 1, P, PROT_READ));
  say("mprotect with unknown bits", protect(a + 9 * P, P, 0x40));
  say("mprotect of length 0", protect(a + 9 * P, 0, PROT_READ));
  say("mprotect over a hole", protect(a + 2 * P, 4 * P, PROT_READ));
  say("mprotect of a hole", protect(a + 6 * P, P, PROT_READ));
  say("mprotect wraps", protect(a + 9 * P, -P, PROT_READ));
  say("mprotect grows down and up", protect(a + 9 * P, P, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
  say("mprotect grows down, no stack", protect(a + 9 * P, P, PROT_READ | PROT_GROWSDOWN));
  say("mprotect none", protect(a + 10 * P, P, PROT_NONE));
  say("mprotect back", protect(a + 10 * P, P, RW));
  printf("bytes are still there: %d\n", a[10 * P + 5]);

  char *end = (char *)syscall(SYS_brk, 0);
  printf("brk grows: %d\n", (char *)syscall(SYS_brk, end + 3 * P + 5) == end + 3 * P + 5);
  end[3 * P] = 1;
  printf("brk shrinks: %d\n", (char *)syscall(SYS_brk, end + 1) == end + 1);
  printf("brk grows again: %d\n", (char *)syscall(SYS_brk, end + 4 * P) == end + 4 * P);
  printf("zero: %d\n", end[3 * P]);
  printf("brk below its start: %d\n", (char *)syscall(SYS_brk, 1) == end + 4 * P);
  printf("brk far too high: %d\n", (char *)syscall(SYS_brk, 1L << 50) == end + 4 * P);

  say("pkey_alloc with flags", syscall(SYS_pkey_alloc, 1, 0));
  say("pkey_mprotect without key", syscall(SYS_pkey_mprotect, a, P, RW, -1));
  say("pkey_free of no key", syscall(SYS_pkey_free, 15));
  return 0;
}
