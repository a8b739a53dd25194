/* The C library's qsort with a comparison function, over numbers and over strings. */
#define EXPECTED 0x4360814b9a02d61cull
#include "bench.h"
static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}
static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static uint64_t piece(void)
{
	static uint32_t numbers[40000];
	static char names[8000][12], *order[8000];
	uint32_t seed = 5;
	uint64_t sum = 0;
	for (int i = 0; i < 40000; i++)
		numbers[i] = next_random(&seed) >> 4;
	qsort(numbers, 40000, sizeof *numbers, by_number);
	for (int i = 0; i < 8000; i++) {
		uint32_t x = next_random(&seed);
		for (int j = 0; j < 10; j++, x = next_random(&seed))
			names[i][j] = 'a' + (x >> 28);
		order[i] = names[i];
	}
	qsort(order, 8000, sizeof *order, by_name);
	for (int i = 0; i < 40000; i++)
		sum = sum * 31 + numbers[i];
	for (int i = 0; i < 8000; i++)
		sum = sum * 31 + order[i][i % 10];
	return sum;
}
