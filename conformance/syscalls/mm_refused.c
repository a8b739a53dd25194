/* mmap(2) and mlock(2) with lengths, addresses and flags that they refuse. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void map(long addr, unsigned long length, long flags, int fd)
{
	long result = syscall(SYS_mmap, addr, length, PROT_READ | PROT_WRITE, flags, fd, 0);
	printf("length %lx, flags %lx: %d\n", length, flags, result == -1 ? errno : 0);
}

int main(void)
{
	int fd = open("refused", O_RDWR | O_CREAT, 0600);
	ftruncate(fd, 8192);
	unlink("refused");
	long mapped = syscall(SYS_mmap, 0, 8192, PROT_READ, MAP_SHARED, fd, 0);
	long flags[] = { ~0, 0, MAP_TYPE, MAP_TYPE | MAP_ANONYMOUS, 0xf0f, MAP_SHARED | MAP_HUGETLB };
	for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
		map(0, 1024, flags[i], fd);
	map(0, 4096, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 5 << MAP_HUGE_SHIFT, -1);
	unsigned long lengths[] = { 0, 0x7ffffffff000, 0x7ffffffffffff000, 0xfffffffffffff000, 0xffffffffffffffff };
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		map(0, lengths[i], MAP_SHARED, fd);
		map(mapped, lengths[i], MAP_SHARED | MAP_FIXED, fd);
		map(0, lengths[i], MAP_PRIVATE | MAP_ANONYMOUS, -1);
	}
	void *last = (void *)(LONG_MAX - LONG_MAX % 4096);
	printf("mlock %d", mlock(last, 8));
	printf(" %d, munlock %d", errno, munlock(last, 8));
	printf(" %d\n", errno);
	return 0;
}
