// setjmp and longjmp, over many frames, into loops, and again and again.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static jmp_buf out;
static int count;

static __attribute__((noinline)) int dive(int n, int code)
{
	volatile int pad[8] = {n};
	count++;
	if (n == 0)
		longjmp(out, code);
	return dive(n - 1, code) + pad[0];
}

/* Unwinds by halves: the return stack of the engine is wrong after each. */
static __attribute__((noinline)) int nested(int level)
{
	jmp_buf here;
	volatile int seen = 0;
	int value = setjmp(here);
	if (value == 0 && level > 0)
		seen = nested(level - 1);
	if (value < 3)
		longjmp(here, value + 1);
	return seen * 3 + value;
}

int main(void)
{
	sigjmp_buf masked;
	volatile long total = 0;
	for (int i = 1; i <= 2000; i++) {
		int value = setjmp(out);
		if (value == 0)
			dive(i % 97, i);
		total += value;
	}
	printf("total %ld, calls %d\n", total, count);
	printf("nested %d\n", nested(6));
	if (sigsetjmp(masked, 1) == 0)
		siglongjmp(masked, 5);
	printf("longjmp 0 gives %d\n", ({ int v = setjmp(out); if (v == 0) longjmp(out, 0); v; }));
	return 0;
}
