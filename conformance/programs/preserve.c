// flags: -mavx2 -pthread
// timeout: 60
// Registers survive signals and the turns of other threads: general, vector and x87 state, and data in the midst of a copy.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static volatile int signals;
static volatile int stop;

static void clobber(int sig)
{
	__asm__ volatile(
		"vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n\tvpxor %%ymm1, %%ymm1, %%ymm1\n\tvmovdqa %%ymm0, %%ymm2\n\tvmovdqa %%ymm0, %%ymm3\n\t"
		"vmovdqa %%ymm0, %%ymm4\n\tvmovdqa %%ymm1, %%ymm5\n\tvmovdqa %%ymm0, %%ymm6\n\tvmovdqa %%ymm0, %%ymm7\n\t"
		"vmovdqa %%ymm1, %%ymm8\n\tvmovdqa %%ymm0, %%ymm9\n\tvmovdqa %%ymm0, %%ymm10\n\tvmovdqa %%ymm1, %%ymm15\n\t"
		"fldz\n\tfldz\n\tfstp %%st(0)\n\tfstp %%st(0)\n\tvzeroupper"
		: : : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm15");
	signals += sig != 0;
}

/* Fills every vector register, and st(0), works for a while, and gives how many bytes are not what they were. */
static int vectors(uint8_t seed, int wide)
{
	_Alignas(32) uint8_t in[16][32], out[16][32];
	long double x = seed + 0.25L, y = 0;
	int wrong = 0;
	for (int r = 0; r < 16; r++)
		for (int i = 0; i < 32; i++)
			in[r][i] = (uint8_t)(seed + r * 32 + i * 7 + 1);
	memset(out, 0, sizeof out);
	if (wide)
		__asm__ volatile(
			"fldt %[x]\n\t"
#define L(r) "vmovdqa " #r "*32(%[in]), %%ymm" #r "\n\t"
#define S(r) "vmovdqa %%ymm" #r ", " #r "*32(%[out])\n\t"
			L(0) L(1) L(2) L(3) L(4) L(5) L(6) L(7) L(8) L(9) L(10) L(11) L(12) L(13) L(14) L(15)
			"movl $200000, %%ecx\n1:\tdecl %%ecx\n\tjnz 1b\n\t"
			S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) S(10) S(11) S(12) S(13) S(14) S(15)
			"fstpt %[y]\n\tvzeroupper"
			: [y] "=m"(y) : [x] "m"(x), [in] "r"(in), [out] "r"(out)
			: "rcx", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
			"xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	else
		__asm__ volatile(
			"fldt %[x]\n\t"
#undef L
#undef S
#define L(r) "movdqa " #r "*32(%[in]), %%xmm" #r "\n\t"
#define S(r) "movdqa %%xmm" #r ", " #r "*32(%[out])\n\t"
			L(0) L(1) L(2) L(3) L(4) L(5) L(6) L(7) L(8) L(9) L(10) L(11) L(12) L(13) L(14) L(15)
			"movl $200000, %%ecx\n1:\tdecl %%ecx\n\tjnz 1b\n\t"
			S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) S(10) S(11) S(12) S(13) S(14) S(15)
			"fstpt %[y]"
			: [y] "=m"(y) : [x] "m"(x), [in] "r"(in), [out] "r"(out)
			: "rcx", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
			"xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	for (int r = 0; r < 16; r++)
		for (int i = 0; i < (wide ? 32 : 16); i++)
			wrong += in[r][i] != out[r][i];
	return wrong + (x != y);
}

/* The same for the general registers and the carry and direction flags. */
static int generals(uint64_t seed)
{
	uint64_t in[12], out[12];
	uint8_t carry;
	int wrong = 0;
	for (int r = 0; r < 12; r++)
		in[r] = seed * 0x9e3779b97f4a7c15u + (uint64_t)r * 0x123456789abcdefu;
	__asm__ volatile(
		"push %%rbp\n\tpush %[out]\n\tmov %[in], %%rsi\n\t"
		"mov 0(%%rsi), %%rax\n\tmov 8(%%rsi), %%rbx\n\tmov 16(%%rsi), %%rdx\n\tmov 24(%%rsi), %%rdi\n\tmov 32(%%rsi), %%rbp\n\t"
		"mov 40(%%rsi), %%r8\n\tmov 48(%%rsi), %%r9\n\tmov 56(%%rsi), %%r10\n\tmov 64(%%rsi), %%r11\n\tmov 72(%%rsi), %%r12\n\t"
		"mov 80(%%rsi), %%r13\n\tmov 88(%%rsi), %%r14\n\tmov $200000, %%ecx\n\tstc\n"
		"1:\tlea -1(%%rcx), %%rcx\n\tjrcxz 2f\n\tjmp 1b\n2:\tpop %%rcx\n\t"
		"mov %%rax, 0(%%rcx)\n\tmov %%rbx, 8(%%rcx)\n\tmov %%rdx, 16(%%rcx)\n\tmov %%rdi, 24(%%rcx)\n\tmov %%rbp, 32(%%rcx)\n\t"
		"mov %%r8, 40(%%rcx)\n\tmov %%r9, 48(%%rcx)\n\tmov %%r10, 56(%%rcx)\n\tmov %%r11, 64(%%rcx)\n\tmov %%r12, 72(%%rcx)\n\t"
		"mov %%r13, 80(%%rcx)\n\tmov %%r14, 88(%%rcx)\n\tpop %%rbp\n\tsetc %%al"
		: "=a"(carry) : [in] "c"(in), [out] "d"(out)
		: "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "memory", "cc");
	for (int r = 0; r < 12; r++)
		wrong += in[r] != out[r];
	return wrong + !carry;
}

static int copies(uint8_t seed)
{
	static __thread uint8_t from[70000], to[70000], again[70000];
	int wrong = 0;
	memset(from, seed | 1, sizeof from);
	memset(to, 0, sizeof to);
	for (int n = 0; n < 40; n++) {
		memcpy(to, from, sizeof to);
		/* As Go and Rust copy: through vector registers. */
		for (unsigned i = 0; i + 64 <= sizeof from; i += 64)
			__asm__ volatile("movups (%0), %%xmm0\n\tmovups 16(%0), %%xmm1\n\tvmovdqu 32(%0), %%ymm2\n\t"
				"movups %%xmm0, (%1)\n\tmovups %%xmm1, 16(%1)\n\tvmovdqu %%ymm2, 32(%1)"
				: : "r"(from + i), "r"(again + i) : "memory", "xmm0", "xmm1", "xmm2");
		wrong += memcmp(from, to, sizeof from) != 0;
		wrong += memcmp(from, again, sizeof from / 64 * 64) != 0;
	}
	return wrong;
}

static void *work(void *arg)
{
	uint8_t seed = (uint8_t)(uintptr_t)arg;
	uintptr_t wrong = 0;
	for (int i = 0; i < 60 && !stop; i++) {
		wrong += vectors(seed + i, 0);
		wrong += vectors(seed + i, 1);
		wrong += generals(seed + i);
		wrong += copies(seed + i);
	}
	return (void *)wrong;
}

int main(void)
{
	struct sigaction action = {.sa_handler = clobber, .sa_flags = SA_RESTART};
	struct itimerval fast = {{0, 700}, {0, 700}}, off = {{0, 0}, {0, 0}};
	pthread_t threads[4];
	void *wrong;
	printf("alone: %lu wrong\n", (unsigned long)(uintptr_t)work((void *)1));
	sigaction(SIGALRM, &action, 0);
	setitimer(ITIMER_REAL, &fast, 0);
	printf("with signals: %lu wrong\n", (unsigned long)(uintptr_t)work((void *)2));
	printf("signals came: %d\n", signals > 3);
	setitimer(ITIMER_REAL, &off, 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], 0, work, (void *)(uintptr_t)(i * 40 + 3));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		printf("thread %d: %lu wrong\n", i, (unsigned long)(uintptr_t)wrong);
	}
	setitimer(ITIMER_REAL, &fast, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, work, (void *)(uintptr_t)(i * 40 + 3));
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &wrong);
		printf("thread with signals %d: %lu wrong\n", i, (unsigned long)(uintptr_t)wrong);
	}
	return 0;
}
