/* mremap(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void say(const char *what, void *result) {
  if (result == MAP_FAILED) printf("%s: errno %d\n", what, errno);
  else printf("%s: ok\n", what);
}
static int mapped(char *at) {
  unsigned char vec;
  return mincore(at, P, &vec) == 0;
}

int main(void) {
  char *space = mmap(0, 64 * P, PROT_NONE, ANON, -1, 0);
  char *a = mmap(space, 4 * P, RW, ANON | MAP_FIXED, -1, 0);
  munmap(space + 4 * P, 4 * P);
  for (int i = 0; i < 4; i++) a[i * P] = 'a' + i;

  char *r = mremap(a, 4 * P, 6 * P, 0);
  printf("grows in place: %d, new bytes %d\n", r == a, r == a ? a[5 * P] : -1);
  r = mremap(a, 6 * P, 7 * P + 1, 0);
  printf("grows to a part of a page: %d %d\n", r == a, mapped(a + 7 * P));
  say("cannot grow in place", mremap(a, 8 * P, 9 * P, 0));
  r = mremap(a, 8 * P, 3 * P, 0);
  printf("shrinks: %d %d %d\n", r == a, mapped(a + 2 * P), mapped(a + 3 * P));
  mmap(a + 3 * P, P, RW, ANON | MAP_FIXED, -1, 0);
  mprotect(a + 3 * P, P, PROT_READ);
  r = mremap(a, 3 * P, 20 * P, MREMAP_MAYMOVE);
  printf("moves: %d, bytes %c%c%c, zero %d, old gone %d\n", r != MAP_FAILED && r != a, r[0], r[P], r[2 * P], r[19 * P], !mapped(a));
  char *b = mremap(r, 20 * P, 5 * P, MREMAP_MAYMOVE | MREMAP_FIXED, space + 16 * P);
  printf("moves to a place: %d, bytes %c%c%c, old gone %d\n", b == space + 16 * P, b[0], b[P], b[2 * P], !mapped(r));
  char *c = mremap(b, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  printf("leaves the old place: %d, bytes %c%c, old %d %d\n", c != b, c[0], c[P], b[0], mapped(b));
  char *part = mremap(b + 2 * P, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, space + 40 * P);
  printf("a page of the middle: %d %c, hole %d, rest %d\n", part == space + 40 * P, part[0], !mapped(b + 2 * P), mapped(b + 3 * P));

  say("odd address", mremap(c + 1, P, 2 * P, MREMAP_MAYMOVE));
  say("new length 0", mremap(c, P, 0, MREMAP_MAYMOVE));
  say("unknown flags", mremap(c, P, P, 64));
  say("fixed without may move", mremap(c, P, P, MREMAP_FIXED, space + 50 * P));
  say("fixed at an odd address", mremap(c, P, P, MREMAP_FIXED | MREMAP_MAYMOVE, space + 50 * P + 1));
  say("fixed onto itself", mremap(c, 2 * P, 2 * P, MREMAP_FIXED | MREMAP_MAYMOVE, c + P));
  say("don't unmap with another length", mremap(c, P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
  say("nothing there", mremap(b + 2 * P, P, 2 * P, MREMAP_MAYMOVE));
  say("over the end of the mapping", mremap(c, 200 * P, 300 * P, MREMAP_MAYMOVE));
  say("old length 0 of a private mapping", mremap(c, 0, P, MREMAP_MAYMOVE));
  say("enormous", mremap(c, P, 1L << 60, MREMAP_MAYMOVE));

  char *s = mmap(0, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char *t = mremap(s, 0, 2 * P, MREMAP_MAYMOVE);
  s[P] = 'z';
  printf("old length 0 of a shared one maps it twice: %d %c\n", t != s, t[P]);

  /* Pieces with a history of their own move together. */
  char *q = mmap(0, 8 * P, RW, ANON, -1, 0);
  for (int i = 0; i < 8; i++) {
    mprotect(q + i * P, P, PROT_READ);
    mprotect(q + i * P, P, RW);
    q[i * P] = '0' + i;
  }
  munmap(q + 3 * P, P);
  mmap(q + 3 * P, P, RW, ANON | MAP_FIXED, -1, 0);
  q[3 * P] = 'x';
  char *m = mremap(q, 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, space + 20 * P);
  if (m == MAP_FAILED) printf("pieces: errno %d\n", errno);
  else for (int i = 0; i < 8; i++) putchar(m[i * P]);
  putchar('\n');
  return 0;
}
