/* Code that changes: written, written again, in the page that runs, next to data, copied, remapped, through an alias. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define P 4096L
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
typedef int (*function)(void);

/* mov eax, value; ret */
static void put(unsigned char *at, int value) {
  at[0] = 0xb8;
  memcpy(at + 1, &value, 4);
  at[5] = 0xc3;
}
static int call(void *at) { return ((function)at)(); }

int main(void) {
  unsigned char *a = mmap(0, 4 * P, RWX, ANON, -1, 0);
  long sum = 0;
  for (int i = 0; i < 2000; i++) {
    put(a, i);
    sum += call(a);
  }
  printf("rewritten: %ld\n", sum);

  /* One byte of the instruction's immediate. */
  put(a, 0);
  sum = 0;
  for (int i = 0; i < 256; i++) {
    a[1] = i;
    sum += call(a);
  }
  printf("patched: %ld\n", sum);

  /* The code patches the instruction after itself: mov byte [rip+1], 77; mov al, 0; movzx eax, al; ret */
  static const unsigned char self[] = {0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 77, 0xb0, 0x00, 0x0f, 0xb6, 0xc0, 0xc3};
  memcpy(a + P, self, sizeof self);
  int first = call(a + P);
  a[P + 8] = 5;
  a[P + 6] = 88;
  printf("patches what comes next: %d %d\n", first, call(a + P));

  /* A counter in the same page as the code that counts: inc dword [rip+off]; mov eax, [rip+off]; ret */
  unsigned char *c = a + 2 * P;
  static const unsigned char counter[] = {0xff, 0x05, 0xfa, 0x01, 0, 0, 0x8b, 0x05, 0xf4, 0x01, 0, 0, 0xc3};
  memcpy(c, counter, sizeof counter);
  int last = 0;
  for (int i = 0; i < 5000; i++) last = call(c);
  printf("data beside code: %d\n", last);

  /* Across a page border. */
  put(a + 3 * P - 3, 1234);
  int one = call(a + 3 * P - 3);
  a[3 * P] = 0;
  a[3 * P - 2] = 9;
  printf("across pages: %d %d\n", one, call(a + 3 * P - 3));

  /* W^X as just-in-time compilers do it. */
  unsigned char *j = mmap(0, P, PROT_READ | PROT_WRITE, ANON, -1, 0);
  sum = 0;
  for (int i = 0; i < 200; i++) {
    mprotect(j, P, PROT_READ | PROT_WRITE);
    put(j, i * 3);
    mprotect(j, P, PROT_READ | PROT_EXEC);
    sum += call(j);
  }
  printf("protection to and fro: %ld\n", sum);

  /* Another mapping at the same place. */
  sum = 0;
  for (int i = 0; i < 50; i++) {
    unsigned char *m = mmap(j, P, RWX, ANON | MAP_FIXED, -1, 0);
    put(m, i);
    sum += call(m);
  }
  printf("mapped anew: %ld\n", sum);
  unsigned char *moved = mmap(0, P, RWX, ANON, -1, 0);
  put(moved, 4321);
  call(moved);
  unsigned char *to = mremap(moved, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, j);
  printf("moved: %d\n", call(to));
  put(to, 1);
  printf("and written there: %d\n", call(to));

  /* Code read from a file over code that ran. */
  int fds[2];
  pipe(fds);
  unsigned char code[6];
  put(code, 99);
  write(fds[1], code, 6);
  read(fds[0], to, 6);
  printf("read from a pipe: %d\n", call(to));

  /* The same memory twice: written here, run there. */
  int fd = memfd_create("code", 0);
  ftruncate(fd, P);
  unsigned char *w = mmap(0, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  unsigned char *x = mmap(0, P, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  sum = 0;
  for (int i = 0; i < 100; i++) {
    put(w, i);
    sum += call(x);
  }
  printf("through an alias: %ld\n", sum);
  return 0;
}
