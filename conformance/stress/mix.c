// args: 2 1
// args: 2 2
// stderr: ignore
// timeout: 120
/*
 * Random forks, threads, signals, futexes, pipes and exits. SIZE is how many seconds it goes on; each round has a plan
 * drawn from the seed, so that its outcome is known beforehand.
 */
#include "stress.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MOST = 12, FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_WAIT_PRIVATE = 128 };

static volatile sig_atomic_t caught[65];

static void count(int signal) { caught[signal]++; }

static long futex(volatile int *word, int operation, int value) { return syscall(SYS_futex, word, operation, value, 0, 0, 0); }

static volatile int *shared_page(void)
{
	void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	return page;
}

/* Children that end in all ways; each end is told once, and is the right one. */
static void ends(void)
{
	pid_t children[MOST];
	int expected[MOST], number = 1 + below(MOST), gate[2];
	CHECK(pipe(gate) == 0);
	for (int i = 0; i < number; i++) {
		static const int deadly[] = { SIGKILL, SIGTERM, SIGUSR1, SIGSEGV, SIGABRT, SIGPIPE, 40 };
		int kind = below(5), code = below(200), signal = deadly[below(7)];
		/* 0, 1: exits at once or when told; 2: signal to itself; 3: signal from here while it waits; 4: a grandchild's code */
		expected[i] = kind == 2 || kind == 3 ? signal : code << 8;
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0) {
			char byte;
			int status;
			close(gate[1]);
			switch (kind) {
			case 1:
				_exit(read(gate[0], &byte, 1) == 0 ? code : 255);
			case 2:
				raise(signal);
				_exit(254);
			case 3:
				for (;;)
					pause();
			case 4:
				if (fork() == 0)
					_exit(code);
				_exit(wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 253);
			}
			_exit(code);
		}
		if (kind == 3)
			CHECK(kill(children[i], signal) == 0);
	}
	close(gate[1]);
	close(gate[0]);
	for (int left = number; left > 0; left--) {
		int status, i = 0;
		pid_t child = below(2) ? waitpid(-1, &status, 0) : waitpid(children[left - 1], &status, 0);
		while (i < number && children[i] != child)
			i++;
		CHECK(i < number);
		CHECK((status & ~0x80) == expected[i]);
		/* Those before it may be waited for by number later. */
		children[i] = children[left - 1];
		expected[i] = expected[left - 1];
		number = left - 1;
	}
	CHECK(waitpid(-1, 0, WNOHANG) == -1 && errno == ECHILD);
}

/* A pipeline: bytes go through processes that each add one. */
static void pipeline(void)
{
	int stages = 1 + below(5), in = -1, first = -1;
	uint32_t length = 1 + below(below(4) ? 3000 : 200000), sum = 0, wanted = 0;
	for (int i = 0; i <= stages; i++) {
		int ends[2];
		CHECK(pipe2(ends, O_CLOEXEC) == 0);
		if (i == 0)
			first = ends[1];
		else {
			pid_t child = fork();
			CHECK(child >= 0);
			if (child == 0) {
				unsigned char data[777];
				ssize_t got;
				close(first);
				close(ends[0]);
				while ((got = read(in, data, sizeof data)) > 0) {
					for (ssize_t at = 0; at < got; at++)
						data[at]++;
					for (ssize_t at = 0, put; at < got; at += put)
						if ((put = write(ends[1], data + at, got - at)) <= 0)
							_exit(1);
				}
				_exit(got < 0);
			}
			close(in);
			close(ends[1]);
		}
		in = ends[0];
	}
	pid_t writer = fork();
	CHECK(writer >= 0);
	if (writer == 0) {
		close(in);
		for (uint32_t at = 0; at < length; at++) {
			unsigned char byte = at * 7;
			if (at % 512 == 0 || at + 512 > length) {
				if (write(first, &byte, 1) != 1)
					_exit(1);
			} else {
				unsigned char some[511];
				for (int i = 0; i < 511; i++)
					some[i] = (at + i) * 7;
				for (int i = 0, put; i < 511; i += put)
					if ((put = write(first, some + i, 511 - i)) <= 0)
						_exit(1);
				at += 510;
			}
		}
		_exit(0);
	}
	close(first);
	for (uint32_t at = 0; at < length; at++)
		wanted = wanted * 31 + (unsigned char)(at * 7 + stages);
	uint32_t total = 0;
	for (;;) {
		unsigned char data[4000];
		if (below(3) == 0) {
			struct pollfd entry = { .fd = in, .events = POLLIN };
			CHECK(poll(&entry, 1, -1) == 1);
		}
		ssize_t got = read(in, data, 1 + below(sizeof data));
		CHECK(got >= 0);
		if (got == 0)
			break;
		total += got;
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 31 + data[i];
	}
	close(in);
	CHECK(total == length && sum == wanted);
	for (int i = 0; i <= stages; i++) {
		int status;
		CHECK(wait(&status) > 0 && status == 0);
	}
}

/* Processes hand a turn on through futexes in shared memory. */
static void turns(void)
{
	volatile int *word = shared_page();
	int number = 2 + below(6), rounds = 1 + below(200);
	for (int me = 0; me < number; me++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			for (int round = 0; round < rounds; round++) {
				int now;
				while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) % number != me)
					futex(word, FUTEX_WAIT, now);
				__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
				futex(word, FUTEX_WAKE, number);
			}
			_exit(me);
		}
	}
	int seen = 0;
	for (int i = 0; i < number; i++) {
		int status;
		CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) < number);
		seen |= 1 << WEXITSTATUS(status);
	}
	CHECK(seen == (1 << number) - 1 && *word == number * rounds);
	munmap((void *)word, 4096);
}

/* Queued signals all arrive; others at least once; handlers run between any two calls. */
static void signals(void)
{
	int number = 1 + below(30), ready = eventfd(0, EFD_SEMAPHORE), done = eventfd(0, 0);
	uint64_t value;
	CHECK(ready >= 0 && done >= 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
		sigset_t blocked, old;
		for (int signal = 36; signal < 40; signal++) {
			sigaction(signal, &action, 0);
			caught[signal] = 0;
		}
		action.sa_flags = 0;
		sigaction(SIGUSR2, &action, 0);
		caught[SIGUSR2] = 0;
		value = 1;
		if (write(ready, &value, 8) != 8)
			_exit(100);
		/* Restarted, or not. */
		while (read(done, &value, 8) < 0)
			if (errno != EINTR)
				_exit(101);
		sigfillset(&blocked);
		sigprocmask(SIG_BLOCK, &blocked, &old);
		_exit(caught[36] + caught[37] + caught[38] + caught[39] == number ? (caught[SIGUSR2] > 0) : 102);
	}
	CHECK(read(ready, &value, 8) == 8);
	int usr = 0;
	for (int i = 0; i < number; i++) {
		union sigval sent = { .sival_int = i };
		CHECK(sigqueue(child, 36 + below(4), sent) == 0);
		if (below(8) == 0) {
			usr = 1;
			CHECK(kill(child, SIGUSR2) == 0);
		}
		if (below(6) == 0) {
			int status;
			CHECK(kill(child, SIGSTOP) == 0);
			CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
			CHECK(kill(child, SIGCONT) == 0);
			CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
		}
	}
	value = 1;
	CHECK(write(done, &value, 8) == 8);
	int status;
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == usr);
	close(ready);
	close(done);
}

/* A queue of one place between threads: nothing is lost, nothing comes twice. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	int place, full, producers;
	unsigned long sum;
} queue;
static int each;

static void *produce(void *argument)
{
	for (int i = 0; i < each; i++) {
		pthread_mutex_lock(&queue.lock);
		while (queue.full)
			pthread_cond_wait(&queue.emptied, &queue.lock);
		queue.place = (int)(long)argument * 1000 + i;
		queue.full = 1;
		pthread_cond_signal(&queue.filled);
		pthread_mutex_unlock(&queue.lock);
	}
	pthread_mutex_lock(&queue.lock);
	queue.producers--;
	pthread_cond_broadcast(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
	return 0;
}

static void *consume(void *argument)
{
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		while (!queue.full && queue.producers > 0)
			pthread_cond_wait(&queue.filled, &queue.lock);
		if (!queue.full)
			break;
		queue.sum += queue.place;
		queue.full = 0;
		pthread_cond_signal(&queue.emptied);
	}
	pthread_mutex_unlock(&queue.lock);
	return argument;
}

static void threads(void)
{
	pthread_t made[MOST], eaters[MOST];
	int producers = 1 + below(MOST), consumers = 1 + below(MOST);
	unsigned long wanted = 0;
	each = 1 + below(100);
	pthread_mutex_init(&queue.lock, 0);
	pthread_cond_init(&queue.filled, 0);
	pthread_cond_init(&queue.emptied, 0);
	queue.full = 0;
	queue.sum = 0;
	queue.producers = producers;
	for (long i = 0; i < producers; i++) {
		CHECK(pthread_create(&made[i], 0, produce, (void *)i) == 0);
		for (int k = 0; k < each; k++)
			wanted += i * 1000 + k;
	}
	for (int i = 0; i < consumers; i++)
		CHECK(pthread_create(&eaters[i], 0, consume, 0) == 0);
	for (int i = 0; i < producers; i++)
		CHECK(pthread_join(made[i], 0) == 0);
	for (int i = 0; i < consumers; i++)
		CHECK(pthread_join(eaters[i], 0) == 0);
	CHECK(queue.sum == wanted);
}

/* A process with threads ends, or is killed, in the middle of whatever they do. */
static void *busy(void *argument)
{
	volatile int mine = 1;
	for (;;)
		switch ((long)argument % 4) {
		case 0: futex(&mine, FUTEX_WAIT_PRIVATE, 1); break;
		case 1: pause(); break;
		case 2: mine++; break;
		case 3: sched_yield(); break;
		}
	return 0;
}

static void groups(void)
{
	int number = 1 + below(8), kind = below(3), code = below(250), ready[2];
	char byte = 0;
	CHECK(pipe(ready) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		pthread_t thread;
		for (long i = 0; i < number; i++)
			if (pthread_create(&thread, 0, busy, (void *)i) != 0)
				_exit(255);
		if (kind == 1)
			exit(code);
		if (write(ready[1], &byte, 1) != 1)
			_exit(254);
		if (kind == 2)
			pthread_kill(thread, SIGTERM);
		busy((void *)1);
	}
	if (kind != 1) {
		CHECK(read(ready[0], &byte, 1) == 1);
		if (kind == 0)
			CHECK(kill(child, SIGKILL) == 0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(status == (kind == 0 ? SIGKILL : kind == 1 ? code << 8 : SIGTERM));
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	static void (*const rounds[])(void) = { ends, pipeline, turns, signals, threads, groups };
	long seconds = start(argc, argv, 2, 0);
	struct timespec begin, now;
	unsigned long played = 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		/* A round takes less than a minute on any machine; the children do not inherit the alarm. */
		alarm(120);
		rounds[below(6)]();
		played++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < seconds);
	alarm(0);
	fprintf(stderr, "%lu rounds\n", played);
	puts("every round went as planned");
	return 0;
}
