// Indirect calls, jump tables, computed goto, a switch interpreter, variable arguments, alloca.
#include <alloca.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef long (*op)(long, long);
static long add(long a, long b) { return a + b; }
static long sub(long a, long b) { return a - b; }
static long mul(long a, long b) { return a * b; }
static long xor(long a, long b) { return a ^ b; }
static long rot(long a, long b) { return (long)(((unsigned long)a << (b & 63)) | ((unsigned long)a >> (-b & 63))); }
static op ops[] = {add, sub, mul, xor, rot};

static long pointers(void)
{
	long a = 1;
	unsigned seed = 1;
	for (int i = 0; i < 300000; i++) {
		seed = seed * 1103515245 + 12345;
		a = ops[(seed >> 16) % 5](a, i);
	}
	return a;
}

static const unsigned char program[] = {0, 10, 1, 3, 2, 7, 3, 2, 4, 1, 5, 9, 6, 0, 7, 250, 8, 0};

static long interpreter(long rounds)
{
	long acc = 0, steps = 0;
	for (int pc = 0;;) {
		long arg = program[pc + 1];
		steps++;
		switch (program[pc]) {
		case 0: acc += arg; break;
		case 1: acc *= arg; break;
		case 2: acc ^= arg; break;
		case 3: acc -= arg; break;
		case 4: acc = acc << arg; break;
		case 5: acc %= 1000003 + arg; break;
		case 6: acc = ~acc; break;
		case 7: if (acc & 1) acc += arg; break;
		case 8: if (--rounds == 0) return acc * 31 + steps; pc = -2; break;
		}
		pc += 2;
	}
}

static long threaded(long rounds)
{
	static void *const labels[] = {&&l0, &&l1, &&l2, &&l3, &&l4, &&l5, &&l6, &&l7, &&l8};
	long acc = 0, pc = 0, arg;
#define NEXT arg = program[pc + 1]; pc += 2; goto *labels[program[pc - 2]]
	NEXT;
l0: acc += arg; NEXT;
l1: acc *= arg; NEXT;
l2: acc ^= arg; NEXT;
l3: acc -= arg; NEXT;
l4: acc = acc << arg; NEXT;
l5: acc %= 1000003 + arg; NEXT;
l6: acc = ~acc; NEXT;
l7: if (acc & 1) acc += arg; NEXT;
l8: if (--rounds == 0) return acc; pc = 0; NEXT;
}

#define C(n) case n: return x * (n + 3) - (x >> (n % 13));
#define C8(n) C(n) C(n + 1) C(n + 2) C(n + 3) C(n + 4) C(n + 5) C(n + 6) C(n + 7)
#define C64(n) C8(n) C8(n + 8) C8(n + 16) C8(n + 24) C8(n + 32) C8(n + 40) C8(n + 48) C8(n + 56)
static __attribute__((noinline)) unsigned long big_switch(unsigned k, unsigned long x)
{
	switch (k) { C64(0) C64(64) C64(128) C64(192) default: return x; }
}

static double sum(const char *types, ...)
{
	va_list list, again;
	double total = 0;
	va_start(list, types);
	va_copy(again, list);
	for (const char *t = types; *t; t++)
		total += *t == 'd' ? va_arg(list, double) : *t == 'i' ? va_arg(list, int) : *t == 'l' ? va_arg(list, long) : 0;
	for (const char *t = types; *t; t++)
		total -= *t == 'd' ? va_arg(again, double) * 0.5 : *t == 'i' ? va_arg(again, int) * 2 : va_arg(again, long);
	va_end(list);
	va_end(again);
	return total;
}

static __attribute__((noinline)) unsigned stack_blocks(int n)
{
	unsigned total = 0;
	for (int i = 1; i <= n; i++) {
		unsigned char *block = alloca(i * 7);
		memset(block, i, i * 7);
		total += block[i * 7 - 1] + block[0] + (((unsigned long)block & 15) == 0);
	}
	return total;
}

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	return x < y ? -1 : x > y;
}

int main(void)
{
	unsigned numbers[5000], seed = 7;
	unsigned long h = 0;
	printf("pointers %ld\n", pointers());
	printf("interpreter %ld\n", interpreter(20000));
	printf("threaded %ld\n", threaded(20000));
	for (unsigned i = 0; i < 20000; i++)
		h = big_switch((i * 2654435761u) >> 24, h + i);
	printf("switch %lu\n", h);
	printf("varargs %.3f\n", sum("dildddiiillldddddddddd", 1.5, 2, 3L, 4.25, 5.0, 6.0, 7, 8, 9, 10L, 11L, 12L,
		1., 2., 3., 4., 5., 6., 7., 8., 9., 10.));
	printf("alloca %u\n", stack_blocks(200));
	for (int i = 0; i < 5000; i++)
		numbers[i] = (seed = seed * 1664525 + 1013904223) >> 3;
	qsort(numbers, 5000, sizeof *numbers, compare);
	for (int i = 1; i < 5000; i++)
		if (numbers[i - 1] > numbers[i])
			return 1;
	printf("sorted %u %u %u\n", numbers[0], numbers[2500], numbers[4999]);
	printf("found %d\n", (int)((unsigned *)bsearch(&numbers[77], numbers, 5000, sizeof *numbers, compare) - numbers));
	return 0;
}
