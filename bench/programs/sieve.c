/* Sieve of Eratosthenes over bytes. */
#define EXPECTED 0x01fbbbc2996130f3ull
#include "bench.h"
static uint64_t piece(void)
{
	static uint8_t composite[2000000];
	uint64_t count = 0, sum = 0;
	memset(composite, 0, sizeof composite);
	for (unsigned i = 2; i < sizeof composite; i++) {
		if (composite[i])
			continue;
		count++;
		sum += i;
		for (uint64_t j = (uint64_t)i * i; j < sizeof composite; j += i)
			composite[j] = 1;
	}
	return sum * 1000003 + count;
}
