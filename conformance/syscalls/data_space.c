/* fallocate in all modes, holes, SEEK_DATA and SEEK_HOLE, st_blocks, ends of files. */
#include "data.h"
#include <sys/resource.h>

#define FALLOC_FL_COLLAPSE_RANGE 8
#define FALLOC_FL_ZERO_RANGE 16
#define FALLOC_FL_INSERT_RANGE 32
#define FALLOC_FL_UNSHARE_RANGE 64

static void show_map(int fd, const char *what)
{
	off_t at = 0;
	printf("%s:", what);
	for (;;) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0)
			break;
		off_t hole = lseek(fd, data, SEEK_HOLE);
		printf(" [%ld,%ld)", (long)data, (long)hole);
		if (hole <= data)
			break;
		at = hole;
	}
	printf(" %s\n", strerror(errno));
}

static int filled(const char *name, char c, size_t length)
{
	static char bytes[1 << 20];
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	memset(bytes, c, length);
	write(fd, bytes, length);
	return fd;
}

static void caught(int signal) { printf("signal %d\n", signal); }

int main(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", 0};
	enter_scratch();
	int fd = filled("a", 'a', 40960);
	show_size(fd, "ten pages");
	say("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 8192));
	show_size(fd, "punched");
	show_map(fd, "punched");
	say("punch part of pages", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20000, 10000));
	show_size(fd, "part punched");
	show_map(fd, "part punched");
	show_runs(fd, "part punched");
	say("punch behind the end", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 40960, 10000));
	say("punch across the end", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 36864, 100000));
	show_size(fd, "across");
	say("zero range", fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096));
	say("zero range, keep", fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	say("collapse", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	say("insert", fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
	say("unshare", fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, 4096));
	say("collapse and punch", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	say("punch and zero", fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	say("unknown mode", fallocate(fd, 0x1000, 0, 4096));
	show_size(fd, "at last");
	close(fd);

	fd = open("b", O_RDWR | O_CREAT, 0644);
	say("allocate", fallocate(fd, 0, 4096, 8192));
	show_size(fd, "allocated");
	show_runs(fd, "allocated");
	show_map(fd, "allocated");
	say("keep", fallocate(fd, FALLOC_FL_KEEP_SIZE, 16384, 8192));
	show_size(fd, "kept");
	say("truncate to the same", ftruncate(fd, 12288));
	show_size(fd, "after");
	say("offset + length too large", fallocate(fd, 0, 0x7fffffffffffffffL, 1));
	say("length too large", fallocate(fd, 0, 1, 0x7fffffffffffffffL));
	close(fd);

	fd = open("c", O_RDWR | O_CREAT, 0644);
	say("grown", ftruncate(fd, 1 << 20));
	show_size(fd, "grown");
	show_map(fd, "grown");
	pwrite(fd, "x", 1, 300000);
	show_size(fd, "one byte");
	show_map(fd, "one byte");
	pwrite(fd, "y", 1, 1 << 20);
	show_size(fd, "behind");
	show_map(fd, "behind");
	show_runs(fd, "behind");
	ftruncate(fd, 300001);
	show_size(fd, "cut");
	ftruncate(fd, 300100);
	show_runs(fd, "grown again");
	show_map(fd, "grown again");
	close(fd);

	fd = filled("d", 'd', 100);
	show_size(fd, "small");
	show_map(fd, "small");
	say("SEEK_DATA in it", lseek(fd, 50, SEEK_DATA));
	say("SEEK_HOLE in it", lseek(fd, 50, SEEK_HOLE));
	say("SEEK_DATA at the end", lseek(fd, 100, SEEK_DATA));
	say("SEEK_HOLE at the end", lseek(fd, 100, SEEK_HOLE));
	say("SEEK_DATA below zero", lseek(fd, -1, SEEK_DATA));
	ftruncate(fd, 0);
	show_size(fd, "empty");
	say("SEEK_HOLE of nothing", lseek(fd, 0, SEEK_HOLE));
	pwrite(fd, "z", 1, 5000);
	show_size(fd, "hole before");
	show_map(fd, "hole before");
	show_runs(fd, "hole before");
	say("small grown", ftruncate(fd, 8192));
	show_size(fd, "small grown");
	close(fd);

	fd = open("e", O_RDWR | O_CREAT, 0644);
	say("seek far", lseek(fd, 1L << 52, SEEK_SET) == 1L << 52);
	say("write there", write(fd, "x", 1));
	show_size(fd, "far");
	say("pwrite far", pwrite(fd, "x", 1, 0x7fffffffffffffffL));
	say("pread far", pread(fd, (char[1]){0}, 1, 0x7ffffffffffffffeL));
	say("truncate far", ftruncate(fd, 1L << 52));
	say("truncate a terabyte", ftruncate(fd, 1L << 40));
	show_size(fd, "terabyte");
	say("write at its end", pwrite(fd, "end", 3, (1L << 40) - 3));
	show_size(fd, "terabyte");
	say("data", lseek(fd, 0, SEEK_DATA));
	close(fd);

	signal(SIGXFSZ, caught);
	struct rlimit limit = {10000, RLIM_INFINITY};
	setrlimit(RLIMIT_FSIZE, &limit);
	fd = open("f", O_RDWR | O_CREAT, 0644);
	static char bytes[20000];
	say("write over the limit", write(fd, bytes, 20000));
	say("at the limit", write(fd, bytes, 1));
	say("nothing at the limit", write(fd, bytes, 0));
	say("pwrite at it", pwrite(fd, bytes, 10, 10000));
	say("pwrite across", pwrite(fd, bytes, 10, 9995));
	struct iovec v[2] = {{bytes, 6}, {bytes, 6}};
	say("pwritev across", pwritev(fd, v, 2, 9990));
	say("truncate over", ftruncate(fd, 10001));
	say("truncate to it", ftruncate(fd, 10000));
	say("fallocate over", fallocate(fd, 0, 0, 10001));
	say("fallocate over, keep", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10001));
	say("truncate by name", truncate("f", 20000));
	int big = filled("g", 'g', 9000);
	lseek(fd, 5000, SEEK_SET);
	lseek(big, 0, SEEK_SET);
	say("copy_file_range across", copy_file_range(big, 0, fd, 0, 9000, 0));
	say("copy_file_range at", copy_file_range(big, 0, fd, 0, 9000, 0));
	say("sendfile at", syscall(SYS_sendfile, fd, big, &(off_t){0}, 100L));
	int append = open("f", O_WRONLY | O_APPEND);
	say("append at it", write(append, "x", 1));
	show_size(fd, "limited");
	leave_scratch(names);
	return 0;
}
