/* Recursive calls. */
#define EXPECTED 0x000000000002ff42ull
#include "bench.h"
static __attribute__((noinline)) uint64_t fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static uint64_t piece(void) { return fib(27); }
