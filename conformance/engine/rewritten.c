/* A function that is rewritten thousands of times: what was translated of it is given back, and other code runs on. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { ADDITIONS = 120, ROUNDS = 9000 };
typedef long (*Function)(long);

static long twice(long x) {
  return 2 * x;
}

int main(void) {
  uint8_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  /* mov rax, rdi; add rax, imm8 …; ret */
  memcpy(code, "\x48\x89\xf8", 3);
  for (int i = 0; i < ADDITIONS; i++) memcpy(code + 3 + 4 * i, "\x48\x83\xc0\x01", 4);
  code[3 + 4 * ADDITIONS] = 0xc3;
  Function volatile call = (Function)code;
  Function volatile other = twice;
  long sum = 0, expected = 0;
  for (int i = 0; i < ROUNDS; i++) {
    code[6 + 4 * (i % ADDITIONS)] ^= 2;
    sum += call(i) + other(i);
    long added = 0;
    for (int k = 0; k < ADDITIONS; k++) added += code[6 + 4 * k];
    expected += i + added + 2 * i;
  }
  printf("%d\n", sum == expected);
  return 0;
}
