/* fork and exec of a static program (itself), wait. LAUNCHER, when it is set, runs it. */
#define main unused
#include "bench.h"
#undef main
#include <sys/wait.h>
#include <unistd.h>
static uint64_t piece(void) { return 0; }
int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1, good = 0;
	const char *launcher = getenv("LAUNCHER");
	if (rounds == 0)
		return 9;
	for (long i = 0; i < rounds * 20; i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			if (launcher)
				execl(launcher, launcher, argv[0], "0", (char *)0);
			else
				execl(argv[0], argv[0], "0", (char *)0);
			_exit(1);
		}
		good += waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 9;
	}
	printf("%ld\n", good);
	return good != rounds * 20;
}
