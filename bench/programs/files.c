/*
 * Files, timed inside: `files WHAT ROUNDS DIRECTORY` does the work of WHAT (see `works`) ROUNDS times and prints what
 * it counted, which must be the same everywhere, and the nanoseconds of one operation in the best round.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Files of the create works; megabytes of the data works. */
static long files = 100000, megabytes = 1024;
/* Operations of the last round. */
static long operations;
static char block[65536];

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t fail(const char *what)
{
	perror(what);
	exit(1);
}

/* open, fstat, close, stat of three files of the host. */
static uint64_t open_stat(void)
{
	static const char *const names[] = {"/etc/passwd", "/usr/bin/env", "/etc/hostname"};
	struct stat st;
	uint64_t good = 0;
	operations = 6000;
	for (int i = 0; i < 6000; i++) {
		int fd = open(names[i % 3], O_RDONLY);
		good += fd >= 0 && fstat(fd, &st) == 0 && close(fd) == 0 && stat(names[i % 3], &st) == 0;
	}
	return good;
}

static uint64_t stat_same(void)
{
	struct stat st;
	uint64_t good = 0;
	operations = 20000;
	for (int i = 0; i < 20000; i++)
		good += stat("/etc/passwd", &st) == 0;
	return good;
}

/* A name that is not there, below a directory of the host. */
static uint64_t stat_missing(void)
{
	struct stat st;
	uint64_t good = 0;
	operations = 20000;
	for (int i = 0; i < 20000; i++)
		good += stat("/usr/lib/nothing-here", &st) != 0;
	return good;
}

/* A file twelve directories down. */
static uint64_t open_deep(void)
{
	uint64_t good = 0;
	operations = 6000;
	for (int i = 0; i < 6000; i++) {
		int fd = open("deep/1/2/3/4/5/6/7/8/9/10/11/file", O_RDONLY);
		good += fd >= 0 && close(fd) == 0;
	}
	return good;
}

static long seen;
static int count(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)type, (void)at;
	seen += st->st_size >= 0;
	return 0;
}

/* As find does: every file below a directory of the host. */
static uint64_t find(void)
{
	seen = 0;
	if (nftw("tree", count, 16, FTW_PHYS) < 0)
		fail("nftw");
	return operations = seen;
}

static uint64_t list(const char *path)
{
	uint64_t sum = 0;
	DIR *dir = opendir(path);
	if (!dir)
		fail(path);
	for (struct dirent *entry; (entry = readdir(dir)); sum++)
		sum += entry->d_name[0] == 0;
	closedir(dir);
	return operations = sum;
}
static uint64_t list_host(void) { return list("wide"); }

/* Reads of one size; at the end of the file, from its start again. */
static uint64_t read_in(size_t size, long reads)
{
	int fd = open("data", O_RDONLY);
	uint64_t total = 0;
	if (fd < 0)
		fail("data");
	for (long i = 0; i < reads; i++) {
		ssize_t got = read(fd, block, size);
		if (got <= 0)
			lseek(fd, 0, SEEK_SET);
		else
			total += got;
	}
	close(fd);
	operations = reads;
	return total;
}
static uint64_t read_64k(void) { return read_in(65536, 4000); }
static uint64_t read_4k(void) { return read_in(4096, 30000); }
static uint64_t read_1(void) { return read_in(1, 50000); }

static int scratch(void)
{
	char name[64];
	snprintf(name, sizeof name, "/dev/shm/posixx-bench-%d", getpid());
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		fail(name);
	unlink(name);
	return fd;
}
static int kept = -1;

static uint64_t write_tmpfs(void)
{
	uint64_t total = 0;
	if (kept >= 0)
		close(kept);
	kept = scratch();
	operations = megabytes * 16;
	for (long i = 0; i < operations; i++) {
		block[0] = i;
		total += write(kept, block, sizeof block);
	}
	return total;
}

static uint64_t read_tmpfs(void)
{
	uint64_t total = 0;
	ssize_t got;
	if (kept < 0)
		write_tmpfs();
	lseek(kept, 0, SEEK_SET);
	while ((got = read(kept, block, sizeof block)) > 0)
		total += got;
	operations = megabytes * 16;
	return total;
}

static uint64_t random_reads(void)
{
	uint64_t total = 0;
	uint32_t state = 1;
	if (kept < 0)
		write_tmpfs();
	operations = 100000;
	for (int i = 0; i < 100000; i++) {
		state = state * 1664525u + 1013904223u;
		total += pread(kept, block, 4096, (off_t)(state % (megabytes * 256)) * 4096);
	}
	return total;
}

static void name_file(char *name, long i)
{
	snprintf(name, 64, "/dev/shm/posixx-bench-%d/f%ld", getpid(), i);
}

/* Makes, stats and removes files of a few bytes on a tmpfs; `pause` waits for a line of input when they are there. */
static uint64_t churn(int pause)
{
	char name[64];
	struct stat st;
	uint64_t good = 0;
	snprintf(name, sizeof name, "/dev/shm/posixx-bench-%d", getpid());
	mkdir(name, 0700);
	for (long i = 0; i < files; i++) {
		name_file(name, i);
		int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		good += write(fd, name, 32) == 32;
		close(fd);
	}
	for (long i = 0; i < files; i++) {
		name_file(name, i);
		good += stat(name, &st) == 0 && st.st_size == 32;
	}
	if (pause) {
		puts("ready");
		fflush(stdout);
		getchar();
	}
	for (long i = 0; i < files; i++) {
		name_file(name, i);
		good += unlink(name) == 0;
	}
	snprintf(name, sizeof name, "/dev/shm/posixx-bench-%d", getpid());
	operations = files;
	return good + (rmdir(name) == 0);
}
static uint64_t churn_timed(void) { return churn(0); }
static uint64_t churn_paused(void) { return churn(1); }

static uint64_t list_tmpfs(void)
{
	char dir[64], name[64];
	snprintf(dir, sizeof dir, "/dev/shm/posixx-bench-%d", getpid());
	if (mkdir(dir, 0700) == 0)
		for (long i = 0; i < files; i++) {
			name_file(name, i);
			close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
		}
	return list(dir);
}
static void remove_listed(void)
{
	char name[64];
	for (long i = 0; i < files; i++) {
		name_file(name, i);
		unlink(name);
	}
	snprintf(name, sizeof name, "/dev/shm/posixx-bench-%d", getpid());
	rmdir(name);
}

static const struct {
	const char *name;
	uint64_t (*round)(void);
	void (*end)(void);
} works[] = {
	{"open-stat", open_stat}, {"stat", stat_same}, {"stat-missing", stat_missing}, {"open-deep", open_deep},
	{"find", find}, {"list-host", list_host}, {"list-tmpfs", list_tmpfs, remove_listed},
	{"read-64k", read_64k}, {"read-4k", read_4k}, {"read-1", read_1},
	{"write-tmpfs", write_tmpfs}, {"read-tmpfs", read_tmpfs}, {"random-tmpfs", random_reads},
	{"churn-tmpfs", churn_timed}, {"hold-tmpfs", churn_paused},
};

int main(int argc, char **argv)
{
	if (argc < 4 || chdir(argv[3]) < 0)
		return 2;
	if (argc > 4)
		files = megabytes = atol(argv[4]);
	for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
		if (strcmp(argv[1], works[i].name))
			continue;
		uint64_t best = -1ull, result = 0;
		for (long round = atol(argv[2]); round > 0; round--) {
			uint64_t start = now();
			result = works[i].round();
			uint64_t took = now() - start;
			if (took < best)
				best = took;
		}
		if (works[i].end)
			works[i].end();
		printf("%llu\n%.1f\n", (unsigned long long)result, (double)best / operations);
		return 0;
	}
	return 2;
}
