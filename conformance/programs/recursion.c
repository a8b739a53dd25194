// Recursion: plain, mutual, and deeper than any return stack of the engine.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static int ackermann(int m, int n)
{
	if (m == 0)
		return n + 1;
	if (n == 0)
		return ackermann(m - 1, 1);
	return ackermann(m - 1, ackermann(m, n - 1));
}

static int is_odd(unsigned n);
static __attribute__((noinline)) int is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1) + 0; }
static __attribute__((noinline)) int is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1) + 0; }

/* Not a tail call: the frame stays until the deeper ones are gone. */
static __attribute__((noinline)) unsigned long depth(unsigned long n, volatile unsigned long *sum)
{
	unsigned long below;
	if (n == 0)
		return 0;
	below = depth(n - 1, sum);
	*sum += n;
	return below + 1;
}

static unsigned long deep_result, deep_sum;

static void go_deep(void)
{
	volatile unsigned long sum = 0;
	deep_result = depth(1000000, &sum);
	deep_sum = sum;
}

/* Runs fn on a stack of its own: 1e6 frames do not fit the 8 MB of a process. */
static void on_stack(void *top, void (*fn)(void))
{
	__asm__ volatile("movq %%rsp, %%rbx\n\tmovq %0, %%rsp\n\tcallq *%1\n\tmovq %%rbx, %%rsp"
		: : "r"(top), "r"(fn)
		: "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

int main(void)
{
	size_t size = 256 << 20;
	char *stack = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	printf("fib %d\n", fib(27));
	printf("ackermann %d\n", ackermann(2, 300));
	printf("ackermann %d\n", ackermann(3, 6));
	printf("even %d odd %d\n", is_even(50000), is_odd(50001));
	if (stack == MAP_FAILED)
		return 1;
	on_stack(stack + size - 64, go_deep);
	printf("depth %lu sum %lu\n", deep_result, deep_sum);
	return 0;
}
