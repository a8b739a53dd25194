/* open, fstat, close and stat of files of the host. */
#define EXPECTED 1500
#include "bench.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
static uint64_t piece(void)
{
	static const char *const names[] = {"/etc/passwd", "/usr/bin/env", "/etc/hostname"};
	struct stat st;
	uint64_t good = 0;
	for (int i = 0; i < 1500; i++) {
		int fd = open(names[i % 3], O_RDONLY);
		good += fd >= 0 && fstat(fd, &st) == 0 && close(fd) == 0 && stat(names[i % 3], &st) == 0;
	}
	return good;
}
