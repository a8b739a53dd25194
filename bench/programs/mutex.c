/* Two threads that want one mutex. */
#define EXPECTED 200000
#include "bench.h"
#include <pthread.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t count;
static void *work(void *unused)
{
	for (int i = 0; i < 100000; i++) {
		pthread_mutex_lock(&lock);
		count++;
		pthread_mutex_unlock(&lock);
	}
	return unused;
}
static uint64_t piece(void)
{
	pthread_t threads[2];
	count = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], 0, work, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	return count;
}
