/* Threads in sigwait(3): a signal to one of them wakes that one, signals to the process wake as many as there are. */
// flags: -pthread
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS 5

static volatile int ready, order[2 * THREADS], awake;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *waiter(void *number)
{
	sigset_t set;
	int signal;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	for (int round = 0; round < 2; round++) {
		pthread_mutex_lock(&lock);
		ready++;
		pthread_mutex_unlock(&lock);
		sigwait(&set, &signal);
		pthread_mutex_lock(&lock);
		order[awake++] = signal == SIGUSR1 ? *(int *)number : -1;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void all_ready(int count)
{
	while (ready < count)
		usleep(1000);
	usleep(50000);
}

int main(void)
{
	pthread_t thread[THREADS];
	int number[THREADS];
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		pthread_create(&thread[i], NULL, waiter, &number[i]);
	}
	all_ready(THREADS);
	pthread_kill(thread[3], SIGUSR1);
	all_ready(THREADS + 1);
	printf("%d woke, thread %d\n", awake, order[0]);
	for (int i = 0; i < THREADS; i++)
		if (i != 3)
			pthread_kill(thread[i], SIGUSR1);
	all_ready(2 * THREADS);
	printf("%d woke\n", awake);
	for (int i = 0; i < THREADS; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ 0 });
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("%d woke\n", awake);
	return 0;
}
