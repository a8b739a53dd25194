/* Indirect calls: virtual methods of a few shapes. */
#define EXPECTED 0x000008151a8c70f8ull
#include "bench.h"
struct shape { uint32_t (*area)(const struct shape *); uint32_t a, b; };
static uint32_t square(const struct shape *s) { return s->a * s->a; }
static uint32_t rectangle(const struct shape *s) { return s->a * s->b; }
static uint32_t triangle(const struct shape *s) { return s->a * s->b / 2; }
static uint32_t frame(const struct shape *s) { return 2 * (s->a + s->b); }
static uint64_t piece(void)
{
	static uint32_t (*const kinds[])(const struct shape *) = {square, rectangle, triangle, frame};
	static struct shape shapes[1024];
	uint64_t sum = 0;
	uint32_t seed = 1;
	for (int i = 0; i < 1024; i++)
		shapes[i] = (struct shape){kinds[next_random(&seed) >> 30], next_random(&seed) >> 20, next_random(&seed) >> 20};
	for (int round = 0; round < 3000; round++)
		for (int i = 0; i < 1024; i++)
			sum += shapes[i].area(&shapes[i]);
	return sum;
}
