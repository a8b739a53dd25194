/* What the programs about file data share: they work on a tmpfs, on the host and in posixx alike. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, result);
}

static char scratch_path[64];

/* A new directory on the tmpfs, the working directory until leave_scratch. */
static void enter_scratch(void)
{
	strcpy(scratch_path, "/dev/shm/posixx-XXXXXX");
	if (!mkdtemp(scratch_path) || chdir(scratch_path) < 0)
		exit(99);
}

static void leave_scratch(const char *const *names)
{
	for (; *names; names++)
		unlink(*names);
	chdir("/");
	rmdir(scratch_path);
}

static void show_size(int fd, const char *what)
{
	struct stat st;
	fstat(fd, &st);
	printf("%s: size %ld blocks %ld\n", what, (long)st.st_size, (long)st.st_blocks);
}

/* The runs of equal bytes of a whole file. */
static void show_runs(int fd, const char *what)
{
	static char bytes[1 << 20];
	long length = pread(fd, bytes, sizeof bytes, 0);
	printf("%s:", what);
	for (long at = 0, from = 0; at < length; at++)
		if (at + 1 == length || bytes[at + 1] != bytes[from]) {
			printf(" %ldx%02x", at + 1 - from, bytes[from] & 255);
			from = at + 1;
		}
	printf("\n");
}
