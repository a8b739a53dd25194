/*
 * Frame of a stress program: `program [SIZE [SEED]]`. It prints its seed to stderr, and to stdout what a right kernel
 * makes of every seed and size. A watchdog ends a program that hangs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint32_t random_state;

static inline uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	return random_state ^= random_state << 5;
}

static inline uint32_t below(uint32_t n) { return (next_random() >> 4) % n; }

#define CHECK(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: pid %d: %s: errno %d\n", __FILE__, __LINE__, (int)getpid(), #what, errno); \
			printf("failed: %s\n", #what); \
			fflush(stdout); \
			exit(1); \
		} \
	} while (0)

static void hung(int signal)
{
	static const char text[] = "hung\n";
	(void)signal;
	if (write(1, text, sizeof text - 1) < 0)
		_exit(3);
	kill(0, SIGKILL);
	_exit(3);
}

/* Size of the run; SEED in argv[2], else from the clock. `seconds`: how long it may take before it counts as hung. */
static inline long start(int argc, char **argv, long size, unsigned seconds)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	random_state = argc > 2 ? (uint32_t)strtoul(argv[2], 0, 0) : (uint32_t)(now.tv_nsec ^ now.tv_sec * 2654435761u);
	if (random_state == 0)
		random_state = 1;
	fprintf(stderr, "seed %u\n", random_state);
	signal(SIGALRM, hung);
	alarm(seconds);
	return argc > 1 ? atol(argv[1]) : size;
}
