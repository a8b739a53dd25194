// args: 100 1
// stderr: ignore
// timeout: 120
/* SIZE forks that execute this program again, with arguments, environment and a descriptor that reach it. */
#include "stress.h"
#include <fcntl.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "child") == 0) {
		const char *value = getenv("STRESS");
		int code = atoi(argv[2]);
		if (!value || atoi(value) != code + 1 || fcntl(9, F_GETFD) != -1 || fcntl(8, F_GETFD) != 0)
			return 255;
		return code;
	}
	long size = start(argc, argv, 200, 3600);
	CHECK(dup2(2, 8) == 8 && dup2(2, 9) == 9 && fcntl(9, F_SETFD, FD_CLOEXEC) == 0);
	for (long i = 0; i < size; i++) {
		int status, code = below(200);
		char number[16], variable[32];
		char *arguments[] = { argv[0], "child", number, 0 }, *environment[] = { variable, 0 };
		snprintf(number, sizeof number, "%d", code);
		snprintf(variable, sizeof variable, "STRESS=%d", code + 1);
		pid_t child = below(2) ? fork() : vfork();
		CHECK(child >= 0);
		if (child == 0) {
			execve(argv[0], arguments, environment);
			_exit(254);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
	}
	puts("every program ran");
	return 0;
}
