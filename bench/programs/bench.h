/*
 * Frame of a benchmark program: `program ROUNDS` does the same piece of work ROUNDS times, checks what each gave
 * against EXPECTED, and prints it. Without EXPECTED it only prints (to find the number).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t piece(void);

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1;
	uint64_t result = 0;
	for (long i = 0; i < rounds; i++) {
		/* Called through a volatile pointer: no round may be merged with another. */
		uint64_t (*volatile work)(void) = piece;
		result = work();
#ifdef EXPECTED
		if (result != EXPECTED) {
			printf("wrong: %016llx\n", (unsigned long long)result);
			return 1;
		}
#endif
	}
	printf("%016llx\n", (unsigned long long)result);
	return 0;
}

static inline uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }
