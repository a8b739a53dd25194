// args: 150 1
// stderr: ignore
// timeout: 120
/* SIZE threads live at once: they meet at a barrier, count under a mutex, and hand a token round. */
#include "stress.h"
#include <pthread.h>

static pthread_barrier_t all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static long counted, turn, size;
static _Thread_local long mine;

static void *work(void *argument)
{
	mine = (long)argument;
	pthread_barrier_wait(&all);
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		counted++;
		pthread_mutex_unlock(&lock);
	}
	/* One after another: a wake-up that is lost stops all. */
	pthread_barrier_wait(&all);
	pthread_mutex_lock(&lock);
	while (turn != mine)
		pthread_cond_wait(&turned, &lock);
	turn++;
	pthread_cond_broadcast(&turned);
	pthread_mutex_unlock(&lock);
	return (void *)(mine * 2);
}

int main(int argc, char **argv)
{
	size = start(argc, argv, 100, 900);
	pthread_t *threads = malloc(size * sizeof *threads);
	pthread_attr_t attributes;
	CHECK(threads != 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	pthread_barrier_init(&all, 0, size);
	for (long i = 0; i < size; i++)
		CHECK(pthread_create(&threads[i], &attributes, work, (void *)i) == 0);
	for (long i = 0; i < size; i++) {
		void *result;
		CHECK(pthread_join(threads[i], &result) == 0 && (long)result == i * 2);
	}
	CHECK(counted == size * 100 && turn == size);
	puts("every thread had its turn");
	return 0;
}
