/* A waiter that is killed takes no wake-up with it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3 };

static int *words;

static pid_t waiter(int *word)
{
	pid_t child = fork();
	if (child == 0) {
		long result = syscall(SYS_futex, word, FUTEX_WAIT, 0, 0, 0, 0);
		_exit(result == 0 ? 7 : 8);
	}
	return child;
}

static void pause_ms(int ms)
{
	struct timespec time = { 0, ms * 1000000L };
	nanosleep(&time, 0);
}

int main(void)
{
	words = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[3];
	int status;
	for (int i = 0; i < 3; i++) {
		children[i] = waiter(&words[0]);
		pause_ms(20);
	}
	kill(children[0], SIGKILL);
	waitpid(children[0], &status, 0);
	printf("killed by %d\n", WTERMSIG(status));
	/* A stopped waiter that is killed. */
	kill(children[1], SIGSTOP);
	waitpid(children[1], &status, WUNTRACED);
	kill(children[1], SIGKILL);
	waitpid(children[1], &status, 0);
	printf("killed by %d\n", WTERMSIG(status));
	printf("woken %ld\n", syscall(SYS_futex, &words[0], FUTEX_WAKE, 1, 0, 0, 0));
	waitpid(children[2], &status, 0);
	printf("exit %d\n", WEXITSTATUS(status));
	printf("woken %ld\n", syscall(SYS_futex, &words[0], FUTEX_WAKE, 9, 0, 0, 0));

	for (int i = 0; i < 3; i++) {
		children[i] = waiter(&words[1]);
		pause_ms(20);
	}
	printf("moved %ld\n", syscall(SYS_futex, &words[1], FUTEX_REQUEUE, 0, 9, &words[2], 0));
	kill(children[1], SIGKILL);
	waitpid(children[1], &status, 0);
	printf("woken %ld\n", syscall(SYS_futex, &words[2], FUTEX_WAKE, 9, 0, 0, 0));
	for (int i = 0; i < 3; i += 2) {
		waitpid(children[i], &status, 0);
		printf("exit %d\n", WEXITSTATUS(status));
	}
	return 0;
}
