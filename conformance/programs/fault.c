// args: null-read
// args: null-write
// args: null-call
// args: wild-read
// args: wild-jump
// args: stack-jump
// args: kernel-address
// args: read-only
// args: privileged
// args: port
// args: undefined
// args: unknown
// args: divide
// args: overflow-divide
// args: modulo-zero
// args: breakpoint
// args: abort
// args: stack-overflow
// args: exhaust
// args: exit-300
// args: misaligned-sse
// args: segment
// args: return-nowhere
// args: unlimited-recursion-in-handler
// Bad behaviour: each argument is one way to go wrong. What was printed before must be there, and the status be right.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const char constant[] = "read-only";

static __attribute__((noinline)) int bottomless(volatile int n)
{
	volatile char frame[400];
	frame[n & 255] = (char)n;
	return bottomless(n + 1) + frame[3];
}

static void exhaust(void)
{
	struct rlimit limit = {64 << 20, 64 << 20};
	size_t got = 0;
	setrlimit(RLIMIT_AS, &limit);
	for (;;) {
		char *block = malloc(1 << 20);
		if (!block)
			break;
		memset(block, 1, 1 << 20);
		got++;
	}
	printf("malloc gave between 32 and 64 blocks: %d\n", got > 32 && got < 64);
	printf("mmap of 1 TB: %d\n", mmap(0, 1ul << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static void recurse(int sig) { *(volatile int *)(intptr_t)(sig - sig + 8) = 1; }

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	volatile int zero = 0;
	volatile intptr_t address = 0;
	printf("before %s\n", how);
	fflush(stdout);
	if (!strcmp(how, "null-read"))
		printf("%d\n", *(volatile int *)address);
	if (!strcmp(how, "null-write"))
		*(volatile char *)(address + 16) = 1;
	if (!strcmp(how, "null-call"))
		((void (*)(void))address)();
	if (!strcmp(how, "wild-read"))
		printf("%d\n", *(volatile int *)(address + 0x7fff12345678));
	if (!strcmp(how, "wild-jump"))
		((void (*)(void))(address + 0x123456789abc))();
	if (!strcmp(how, "stack-jump")) {
		volatile unsigned char code[16] = {0xc3};
		((void (*)(void))code)();
	}
	if (!strcmp(how, "kernel-address"))
		*(volatile int *)(address - 4096) = 1;
	if (!strcmp(how, "read-only"))
		*(volatile char *)(intptr_t)constant = 1;
	if (!strcmp(how, "privileged"))
		__asm__ volatile("cli");
	if (!strcmp(how, "port"))
		__asm__ volatile("inb $0x60, %%al" : : : "rax");
	if (!strcmp(how, "undefined"))
		__asm__ volatile("ud2");
	if (!strcmp(how, "unknown"))
		__asm__ volatile(".byte 0x0f, 0x04, 0xff, 0xff");
	if (!strcmp(how, "divide"))
		printf("%d\n", 7 / zero);
	if (!strcmp(how, "overflow-divide"))
		printf("%d\n", (int)0x80000000 / (zero - 1));
	if (!strcmp(how, "modulo-zero"))
		printf("%ld\n", 7L % zero);
	if (!strcmp(how, "breakpoint"))
		__asm__ volatile("int3");
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "stack-overflow"))
		return bottomless(0);
	if (!strcmp(how, "exhaust"))
		exhaust();
	if (!strcmp(how, "exit-300"))
		exit(300);
	if (!strcmp(how, "misaligned-sse"))
		__asm__ volatile("movaps %%xmm0, 1(%%rsp)" : : : "memory");
	if (!strcmp(how, "segment"))
		__asm__ volatile("movl %0, %%gs" : : "r"(0x1234 + zero));
	if (!strcmp(how, "return-nowhere"))
		__asm__ volatile("pushq $0x1000\n\tret");
	if (!strcmp(how, "unlimited-recursion-in-handler")) {
		struct sigaction action = {.sa_handler = recurse, .sa_flags = SA_NODEFER};
		sigaction(SIGSEGV, &action, 0);
		recurse(SIGSEGV);
	}
	printf("after\n");
	return 0;
}
