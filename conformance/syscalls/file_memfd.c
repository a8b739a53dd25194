/* memfd_create(2): huge pages where there are none, and all seals but F_SEAL_EXEC (fcntl(2)). */
#include "data.h"

static long make(unsigned flags)
{
	return syscall(SYS_memfd_create, "name", flags);
}

/* What a file of 5000 bytes allows under some seals. */
static void sealed(int seals)
{
	char path[64];
	int fd = make(2);
	ftruncate(fd, 5000);
	printf("-- seals %x\n", seals);
	say("add", fcntl(fd, F_ADD_SEALS, seals));
	say("get", fcntl(fd, F_GET_SEALS));
	say("write", pwrite(fd, "x", 1, 0));
	say("write over the end", pwrite(fd, "xxxx", 4, 4998));
	say("write behind", pwrite(fd, "x", 1, 9000));
	say("shrink", ftruncate(fd, 4000));
	say("grow", ftruncate(fd, 6000));
	say("allocate", fallocate(fd, 0, 0, 7000));
	say("punch", fallocate(fd, 3, 0, 4096));
	show_size(fd, "now");
	say("map", mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	void *map = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	say("map to read", map == MAP_FAILED ? -1 : 0);
	if (map != MAP_FAILED)
		say("mprotect", mprotect(map, 4096, PROT_READ | PROT_WRITE));
	say("chmod 777", fchmod(fd, 0777));
	say("chmod 640", fchmod(fd, 0640));
	sprintf(path, "/proc/self/fd/%d", fd);
	int again = open(path, O_RDONLY);
	say("add through a reader", fcntl(again, F_ADD_SEALS, F_SEAL_GROW));
	say("truncate", truncate(path, 0));
	say("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	say("add nothing", fcntl(fd, F_ADD_SEALS, 0));
	close(again);
	close(fd);
}

int main(void)
{
	struct stat st;
	for (unsigned flags = 0; flags < 8; flags++) {
		int fd = make(flags);
		if (fd < 0) {
			printf("flags %x: %s\n", flags, strerror(errno));
			continue;
		}
		fstat(fd, &st);
		printf("flags %x: mode %o seals %x\n", flags, st.st_mode, fcntl(fd, F_GET_SEALS));
		close(fd);
	}
	for (unsigned log = 15; log < 32; log++) {
		int fd = make(4 | log << 26);
		printf("pages of 2^%u: %s\n", log, fd < 0 ? strerror(errno) : "known");
		close(fd);
	}
	say("size without MFD_HUGETLB", make(21u << 26));
	int huge = make(4);
	char byte = 'x';
	say("ftruncate", ftruncate(huge, 2 << 20));
	say("ftruncate, odd", ftruncate(huge, 100));
	say("write", write(huge, "x", 1));
	say("read", pread(huge, &byte, 1, 0));
	printf("byte %d\n", byte);
	fstat(huge, &st);
	printf("size %ld blksize %ld\n", (long)st.st_size, (long)st.st_blksize);
	for (int seals = 0; seals < 0x20; seals += 2)
		sealed(seals);
	sealed(1);
	return 0;
}
