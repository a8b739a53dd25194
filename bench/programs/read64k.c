/* Reading a file (argument 2) in blocks of 64 KB. */
#define main unused
#include "bench.h"
#undef main
#include <fcntl.h>
#include <unistd.h>
static uint64_t piece(void) { return 0; }
int main(int argc, char **argv)
{
	static unsigned char block[65536];
	long rounds = argc > 2 ? atol(argv[1]) : 1;
	int fd = open(argv[argc - 1], O_RDONLY);
	uint64_t total = 0;
	ssize_t got;
	if (fd < 0)
		return 1;
	for (long i = 0; i < rounds; i++) {
		lseek(fd, 0, SEEK_SET);
		while ((got = read(fd, block, sizeof block)) > 0)
			total += got + block[got - 1];
	}
	printf("%016llx\n", (unsigned long long)total);
	return 0;
}
