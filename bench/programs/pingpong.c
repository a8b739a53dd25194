/* A byte to and fro between two processes, through pipes. */
#define main unused
#include "bench.h"
#undef main
#include <sys/wait.h>
#include <unistd.h>
static uint64_t piece(void) { return 0; }
int main(int argc, char **argv)
{
	long trips = (argc > 1 ? atol(argv[1]) : 1) * 1000, done = 0;
	int there[2], back[2];
	char byte = 1;
	if (pipe(there) || pipe(back))
		return 1;
	if (fork() == 0) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			if (write(back[1], &byte, 1) != 1)
				_exit(1);
		_exit(0);
	}
	for (long i = 0; i < trips; i++)
		done += write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;
	close(there[1]);
	wait(0);
	printf("%ld\n", done);
	return done != trips;
}
