// args: 300 1
// stderr: ignore
// timeout: 120
/* SIZE forks in a row; every wait status is the right one. */
#include "stress.h"
#include <sys/wait.h>

int main(int argc, char **argv)
{
	long size = start(argc, argv, 1000, 3600);
	for (long i = 0; i < size; i++) {
		int status, code = below(256);
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			_exit(code);
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
	}
	CHECK(wait(0) == -1 && errno == ECHILD);
	puts("every fork was waited for");
	return 0;
}
