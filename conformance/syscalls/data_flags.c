/* Flags of preadv2 and pwritev2, O_APPEND, O_DIRECT, O_DSYNC, advice, the sync family, positioned and vector forms. */
#include "data.h"
#include <sys/ioctl.h>

enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_NOWAIT = 8, RWF_APPEND = 16 };

static ssize_t preadv2(int fd, const struct iovec *v, int count, long position, int flags)
{
	return syscall(SYS_preadv2, fd, v, count, position, 0L, flags);
}
static ssize_t pwritev2(int fd, const struct iovec *v, int count, long position, int flags)
{
	return syscall(SYS_pwritev2, fd, v, count, position, 0L, flags);
}

#define V(base, length) (&(struct iovec){(void *)base, length})

int main(void)
{
	static const char *const names[] = {"a", "b", "c", 0};
	char buf[100] = {0};
	int pipefd[2];
	pipe(pipefd);
	enter_scratch();
	int fd = open("a", O_RDWR | O_CREAT, 0644);
	say("pwritev2", pwritev2(fd, V("0123456789", 10), 1, 0, 0));
	say("pwritev2 own position", pwritev2(fd, V("ab", 2), 1, -1, 0));
	printf("position %ld\n", (long)lseek(fd, 0, SEEK_CUR));
	say("append", pwritev2(fd, V("XY", 2), 1, 0, RWF_APPEND));
	printf("position %ld\n", (long)lseek(fd, 0, SEEK_CUR));
	say("append, own position", pwritev2(fd, V("Z", 1), 1, -1, RWF_APPEND));
	printf("position %ld\n", (long)lseek(fd, 0, SEEK_CUR));
	show_size(fd, "appended");
	say("dsync", pwritev2(fd, V("d", 1), 1, 1, RWF_DSYNC));
	say("sync", pwritev2(fd, V("s", 1), 1, 2, RWF_SYNC));
	say("hipri", pwritev2(fd, V("h", 1), 1, 3, RWF_HIPRI));
	say("hipri read", preadv2(fd, V(buf, 4), 1, 0, RWF_HIPRI));
	say("nowait read", preadv2(fd, V(buf, 100), 1, 0, RWF_NOWAIT));
	printf("%s\n", buf);
	say("nowait write", pwritev2(fd, V("n", 1), 1, 4, RWF_NOWAIT));
	say("append read", preadv2(fd, V(buf, 4), 1, 0, RWF_APPEND));
	say("unknown", preadv2(fd, V(buf, 4), 1, 0, 0x400));
	say("unknown of a bad fd", preadv2(99, V(buf, 4), 1, 0, 0x400));
	say("position -2", preadv2(fd, V(buf, 4), 1, -2, 0));
	say("preadv -1", preadv(fd, V(buf, 4), 1, -1));
	say("no vector", preadv2(fd, 0, 0, 0, 0));
	say("many", preadv2(fd, 0, 2000, 0, 0));
	say("bad vector", preadv2(fd, (void *)16, 1, 0, 0));
	say("bad buffer", preadv2(fd, V((void *)16, 4), 1, 0, 0));
	say("negative length", preadv2(fd, V(buf, -1), 1, 0, 0));
	say("empty pipe, nowait", preadv2(pipefd[0], V(buf, 4), 1, -1, RWF_NOWAIT));
	say("pipe at a position", preadv2(pipefd[0], V(buf, 4), 1, 0, 0));
	write(pipefd[1], "pipe", 4);
	say("pipe, nowait", preadv2(pipefd[0], V(buf, 4), 1, -1, RWF_NOWAIT));
	say("pipe write", pwritev2(pipefd[1], V("more", 4), 1, -1, RWF_NOWAIT));
	say("write of the wrong end", pwritev2(pipefd[0], V("more", 4), 1, -1, 0));

	int append = open("a", O_RDWR | O_APPEND);
	say("position of O_APPEND", lseek(append, 0, SEEK_CUR));
	say("pwrite appends", pwrite(append, "end", 3, 0));
	show_size(append, "O_APPEND");
	printf("position %ld\n", (long)lseek(append, 0, SEEK_CUR));
	say("write", write(append, "!", 1));
	printf("position %ld\n", (long)lseek(append, 0, SEEK_CUR));
	say("no append", fcntl(append, F_SETFL, 0));
	say("pwrite", pwrite(append, "B", 1, 0));
	show_size(append, "as it was");
	say("truncate O_APPEND", ftruncate(append, 3));
	fcntl(append, F_SETFL, O_APPEND);
	struct iovec two[2] = {{"12", 2}, {"34", 2}};
	say("writev", writev(append, two, 2));
	show_runs(append, "after");

	int direct = open("b", O_RDWR | O_CREAT | O_DIRECT, 0644);
	say("O_DIRECT", direct >= 0);
	if (direct >= 0) {
		say("unaligned", write(direct, "abc", 3));
		say("shown", (fcntl(direct, F_GETFL) & O_DIRECT) != 0);
		say("read", pread(direct, buf, 3, 0));
	}
	int synced = open("c", O_RDWR | O_CREAT | O_DSYNC, 0644);
	say("O_DSYNC", write(synced, "abc", 3));
	say("shown", fcntl(synced, F_GETFL) & (O_SYNC | O_DSYNC | O_ACCMODE));
	synced = open("c", O_RDONLY | O_SYNC);
	say("shown", fcntl(synced, F_GETFL) & (O_SYNC | O_DSYNC | O_ACCMODE));

	for (int advice = -1; advice < 8; advice++)
		printf("advice %d: %s\n", advice, strerror(posix_fadvise(fd, 0, 0, advice)));
	printf("negative length: %s\n", strerror(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL)));
	printf("pipe: %s\n", strerror(posix_fadvise(pipefd[0], 0, 0, POSIX_FADV_NORMAL)));
	printf("bad fd: %s\n", strerror(posix_fadvise(99, 0, 0, POSIX_FADV_NORMAL)));
	printf("pipe, bad advice: %s\n", strerror(posix_fadvise(pipefd[0], 0, 0, 77)));
	say("readahead", readahead(fd, 0, 4096));
	say("readahead of a pipe", readahead(pipefd[0], 0, 4096));
	int only = open("a", O_WRONLY);
	say("readahead, write only", readahead(only, 0, 4096));
	int dir = open(".", O_RDONLY);
	say("readahead of a directory", readahead(dir, 0, 4096));
	say("fsync", fsync(fd));
	say("fdatasync", fdatasync(fd));
	say("fsync of a directory", fsync(dir));
	say("fsync of a pipe", fsync(pipefd[0]));
	say("fsync of a bad fd", fsync(99));
	say("syncfs", syncfs(fd));
	say("syncfs of a pipe", syncfs(pipefd[0]));
	say("syncfs of a bad fd", syncfs(99));
	int path = open(".", O_PATH);
	say("syncfs of a path", syncfs(path));
	say("fsync of a path", fsync(path));
	say("sync_file_range", sync_file_range(fd, 0, 0, 7));
	say("sync_file_range, flags", sync_file_range(fd, 0, 0, 8));
	say("sync_file_range, negative", sync_file_range(fd, -1, 0, 1));
	say("sync_file_range, overflow", sync_file_range(fd, 0x7fffffffffffffffL, 2, 1));
	say("sync_file_range of a pipe", sync_file_range(pipefd[0], 0, 0, 1));
	say("sync_file_range of a directory", sync_file_range(dir, 0, 0, 0));
	say("read of a directory", read(dir, buf, 1));
	say("pread of a directory", pread(dir, buf, 1, 0));
	say("write of a directory", write(dir, buf, 1));
	say("ftruncate of a directory", ftruncate(dir, 0));
	say("lseek whence", lseek(fd, 0, 9));
	say("lseek of a pipe", lseek(pipefd[0], 0, SEEK_CUR));
	say("pread of write only", pread(only, buf, 1, 0));
	say("pread negative", pread(fd, buf, 1, -1));
	say("pwrite negative", pwrite(fd, buf, 1, -1));
	say("pread of a pipe", pread(pipefd[0], buf, 1, 0));
	say("read nothing", read(fd, buf, 0));
	say("read nothing nowhere", read(fd, (void *)16, 0));
	say("read nowhere", read(fd, (void *)16, 10));
	say("write nowhere", write(fd, (void *)16, 10));
	int left = -1;
	say("FIONREAD", ioctl(fd, FIONREAD, &left));
	leave_scratch(names);
	return 0;
}
