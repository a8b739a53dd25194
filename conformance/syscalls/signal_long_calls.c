/* A program that spends all its time in calls is interrupted by timers, and lets others run. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

static void work(int fd)
{
	fallocate(fd, 0, 0, 32 << 20);
	ftruncate(fd, 0);
}

int main(void)
{
	int fd = open("storage", O_RDWR | O_CREAT, 0600), pipes[2];
	struct sigaction action = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	while (!alarms)
		work(fd);
	printf("%d alarm\n", alarms);
	pipe2(pipes, O_NONBLOCK);
	if (fork() == 0) {
		write(pipes[1], "x", 1);
		_exit(0);
	}
	char byte;
	while (read(pipes[0], &byte, 1) != 1)
		work(fd);
	wait(NULL);
	printf("the other process has run\n");
	unlink("storage");
	return 0;
}
