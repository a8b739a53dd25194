/*
 * Random system calls with random and wild arguments: `syscalls SEED ROUNDS`. Each round is a child process that makes a
 * few calls and is killed when it hangs. Never run this on a real kernel: it calls everything but what is listed here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 463
#define CALLS_A_ROUND 40
#define P 4096L

/* Calls that end, or send signals to, more than the child. */
static const int excluded[] = {
	SYS_exit, SYS_exit_group, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
	SYS_pidfd_send_signal, SYS_setsid, SYS_setpgid, SYS_pause, SYS_rt_sigreturn, SYS_reboot,
};

static uint64_t state;
static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}
static uint64_t below(uint64_t n) { return (rnd() >> 11) % n; }

static char *buffers, *read_only, *edge;

static const char *const names[] = {
	"/etc/passwd", "/tmp/file", "/tmp", ".", "/", "", "/nosuch/file", "/proc/self/maps", "/proc/self/fd/1", "/dev/null", "/dev/zero",
	"/tmp/fifo", "/tmp/link", "/tmp/loop", "/tmp/dir", "file", "../../..", "/dev/tty", "/dev/ptmx", "user.name", "/tmp/dir/below",
	"/proc/self/exe", "/proc/1/stat", "/tmp/file/", "/dev/random", "/bin/busybox",
};

static uint64_t pointer(void)
{
	switch (below(14)) {
	case 0: return 0;
	case 1: return (uint64_t)edge - below(64);
	case 2: return (uint64_t)read_only + below(P);
	case 3: return 0xfffff000ull + below(P);
	case 4: return 1ull << (31 + below(33));
	case 5: return (uint64_t)-(int64_t)below(5000);
	case 6: return rnd();
	case 7: case 8: strcpy(buffers + 5 * P, names[below(sizeof names / sizeof *names)]); return (uint64_t)buffers + 5 * P;
	case 9: {
		/* A structure of small numbers, pointers and sizes. */
		uint64_t *words = (uint64_t *)(buffers + below(3) * P);
		for (int i = 0; i < 16; i++)
			words[i] = below(3) ? below(64) : below(2) ? (uint64_t)buffers + below(8 * P) : rnd();
		return (uint64_t)words;
	}
	default: return (uint64_t)buffers + below(8 * P);
	}
}

static uint64_t argument(void)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 7, 8, 63, 64, 65, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffffffff, 0x8000000000000000, (uint64_t)-1, (uint64_t)-2, (uint64_t)-100, 65536, 1 << 20};
	switch (below(8)) {
	case 0: case 1: case 2: return pointer();
	case 3: return below(24);
	case 4: return edges[below(sizeof edges / sizeof *edges)];
	case 5: return 1ull << below(32);
	case 6: return below(1 << below(20));
	default: return below(2) ? rnd() : (uint32_t)rnd() & (uint32_t)rnd();
	}
}

static void on_alarm(int sig) { (void)sig; }

static void child(int verbose)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {{0, 20000}, {0, 20000}};
	struct rlimit limit = {64, 64};
	uint64_t a[6];
	int ends[2];
	setrlimit(RLIMIT_NPROC, &limit);
	sigaction(SIGALRM, &action, 0);
	setitimer(ITIMER_REAL, &often, 0);
	open("/tmp", O_RDONLY | O_DIRECTORY);
	open("/tmp/file", O_RDWR | O_CREAT, 0600);
	open("/etc/passwd", O_RDONLY);
	pipe(ends);
	eventfd(3, EFD_NONBLOCK);
	epoll_create1(0);
	timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	memfd_create("x", MFD_ALLOW_SEALING);
	open("/dev/zero", O_RDWR);
	open("/proc/self/maps", O_RDONLY);
	open("/dev/ptmx", O_RDWR | O_NONBLOCK);
	for (int i = 0; i < CALLS_A_ROUND; i++) {
		long number = below(CALLS);
		for (unsigned k = 0; k < sizeof excluded / sizeof *excluded; k++)
			if (number == excluded[k])
				number = SYS_getpid;
		for (int k = 0; k < 6; k++)
			a[k] = argument();
		/* A new task without a stack of its own would run on ours. */
		if (number == SYS_clone || number == SYS_clone3 || number == SYS_vfork)
			number = SYS_fork;
		if (verbose)
			dprintf(2, "%ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", number, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) == 0 && number == SYS_fork)
			_exit(0);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 0) : 1;
	long rounds = argc > 2 ? atol(argv[2]) : 1, hung = 0, signalled = 0;
	int verbose = argc > 3;
	buffers = mmap(0, 9 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge = buffers + 8 * P;
	munmap(edge, P);
	read_only = mmap(0, 2 * P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mkdir("/tmp/dir", 0755);
	mkfifo("/tmp/fifo", 0600);
	symlink("file", "/tmp/link");
	symlink("loop", "/tmp/loop");
	for (long round = 0; round < rounds; round++) {
		pid_t pid;
		int status = 0, waited = 0;
		state = (seed + round) * 0x9e3779b97f4a7c15ull | 1;
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			child(verbose);
		}
		while (waitpid(pid, &status, WNOHANG) == 0) {
			usleep(2000);
			if (++waited == 1000) {
				kill(pid, SIGKILL);
				hung++;
			}
		}
		signalled += WIFSIGNALED(status);
		while (waitpid(-1, &status, WNOHANG) > 0)
			;
	}
	printf("%ld rounds, %ld signalled, %ld hung\n", rounds, signalled, hung);
	return 0;
}
