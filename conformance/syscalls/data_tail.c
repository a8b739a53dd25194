/* What is stored through a mapping behind the end of a file is in no file that grows afterwards. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void show(int fd, const char *what)
{
	char bytes[4200];
	int length = pread(fd, bytes, sizeof bytes, 0), other = 0;
	for (int i = 10; i < length; i++)
		other += bytes[i] != 0;
	printf("%s: %d bytes, %d of them not zero behind the first ten\n", what, length, other);
}

static void with_size(long size)
{
	int fd = open("tail", O_RDWR | O_CREAT | O_TRUNC, 0600);
	write(fd, "0123456789", 10);
	char *map = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(map + 10, 'x', 4086);
	ftruncate(fd, 20);
	show(fd, "ftruncate");
	memset(map + 20, 'x', 4076);
	pwrite(fd, "", 1, 40);
	show(fd, "pwrite behind the end");
	memset(map + 41, 'x', 4055);
	ftruncate(fd, 5000);
	show(fd, "ftruncate to another page");
	ftruncate(fd, 10);
	memset(map + 10, 'x', 4086);
	show(fd, "ftruncate to fewer");
	munmap(map, size);
	ftruncate(fd, 4096);
	show(fd, "ftruncate without the mapping");
	close(fd);
	unlink("tail");
}

int main(void)
{
	with_size(4096);
	with_size(65536);
	return 0;
}
