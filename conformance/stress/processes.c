// args: 150 1
// stderr: ignore
// timeout: 120
/* SIZE processes live at once; each holds memory of its own, and ends when it is told to, in an order of chance. */
#include "stress.h"
#include <sys/wait.h>

static char memory[3][4096];

int main(int argc, char **argv)
{
	long size = start(argc, argv, 200, 600);
	pid_t *children = malloc(size * sizeof *children);
	char *ended = calloc(size, 1);
	int gate[2], ready[2];
	char byte = 0;
	CHECK(children && ended && pipe(gate) == 0 && pipe(ready) == 0);
	for (long i = 0; i < size; i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0) {
			close(gate[1]);
			for (int page = 0; page < 3; page++)
				memory[page][i % 4096] = (char)(i + page);
			if (write(ready[1], &byte, 1) != 1)
				_exit(250);
			/* The end of the pipe is the sign. */
			if (read(gate[0], &byte, 1) != 0)
				_exit(251);
			for (int page = 0; page < 3; page++)
				for (int at = 0; at < 4096; at++)
					if (memory[page][at] != (at == i % 4096 ? (char)(i + page) : 0))
						_exit(252);
			_exit(i % 200);
		}
	}
	for (long i = 0; i < size; i++)
		CHECK(read(ready[0], &byte, 1) == 1);
	/* Every fourth is killed before. */
	for (long i = 0; i < size; i += 4)
		CHECK(kill(children[i], SIGKILL) == 0);
	close(gate[1]);
	for (long left = size; left > 0; left--) {
		int status;
		pid_t child = wait(&status);
		long i = 0;
		while (i < size && (ended[i] || children[i] != child))
			i++;
		CHECK(i < size);
		ended[i] = 1;
		if (i % 4 == 0)
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		else
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i % 200);
	}
	CHECK(wait(0) == -1 && errno == ECHILD);
	puts("every process lived");
	return 0;
}
