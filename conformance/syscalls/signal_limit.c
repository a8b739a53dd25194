/* RLIMIT_SIGPENDING bounds what sigqueue(3) puts in line; standard signals arrive all the same. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int usr1, realtime;

static void count(int signal)
{
	if (signal == SIGUSR1)
		usr1++;
	else
		realtime++;
}

int main(void)
{
	struct rlimit limit = { 0, 0 };
	struct sigaction action = { .sa_handler = count };
	union sigval value = { 0 };
	sigset_t set;
	int status, failed = 0, error = 0;
	// Linux counts the signals of a user: one whom nobody else is.
	setuid(54321);
	limit.rlim_cur = limit.rlim_max = 10;
	setrlimit(RLIMIT_SIGPENDING, &limit);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGRTMIN + 1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 20; i++)
		if (sigqueue(getpid(), SIGRTMIN + 1, value) < 0) {
			failed++;
			error = errno;
		}
	printf("%d of 20 failed: %s\n", failed, strerror(error));
	printf("kill %d, sigqueue of a standard signal %d\n", kill(getpid(), SIGRTMIN + 1), sigqueue(getpid(), SIGUSR1, value));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	printf("%d real-time, %d standard\n", realtime, usr1);
	limit.rlim_cur = limit.rlim_max = 0;
	setrlimit(RLIMIT_SIGPENDING, &limit);
	usr1 = realtime = 0;
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGRTMIN + 1);
	printf("without any room: %d real-time, %d standard\n", realtime, usr1);
	printf("sigqueue: %d\n", sigqueue(getpid(), SIGRTMIN + 1, value));
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	printf("killed by %d\n", WTERMSIG(status));
	return 0;
}
