/* fork, exit, wait. */
#define EXPECTED 50
#include "bench.h"
#include <sys/wait.h>
#include <unistd.h>
static uint64_t piece(void)
{
	uint64_t good = 0;
	for (int i = 0; i < 50; i++) {
		int status;
		pid_t child = fork();
		if (child == 0)
			_exit(7);
		good += waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	return good;
}
