/* A hash table with open addressing: insert, find, delete. */
#define EXPECTED 0x0000b0baa494856dull
#include "bench.h"
#define SIZE 65536
static uint64_t keys[SIZE], values[SIZE];
static uint64_t mixed(uint64_t x)
{
	x ^= x >> 33; x *= 0xff51afd7ed558ccdull; x ^= x >> 33; x *= 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}
static unsigned place(uint64_t key)
{
	unsigned at = mixed(key) & (SIZE - 1);
	while (keys[at] && keys[at] != key)
		at = (at + 1) & (SIZE - 1);
	return at;
}
static uint64_t piece(void)
{
	uint32_t seed = 99;
	uint64_t sum = 0;
	memset(keys, 0, sizeof keys);
	for (int i = 0; i < 40000; i++) {
		uint64_t key = next_random(&seed) % 60000 + 1;
		unsigned at = place(key);
		keys[at] = key;
		values[at] += key * i;
	}
	for (int i = 0; i < 500000; i++) {
		unsigned at = place(i % 60000 + 1);
		sum += keys[at] ? values[at] ^ i : 1;
	}
	memset(values, 0, sizeof values);
	return sum;
}
