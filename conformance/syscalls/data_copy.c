/* copy_file_range, sendfile, splice: positions, ends, overlaps, errors. */
#include "data.h"
#include <sys/sendfile.h>

static int made(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	write(fd, text, strlen(text));
	lseek(fd, 0, SEEK_SET);
	return fd;
}
static void show(int fd, const char *what)
{
	char buf[200] = {0};
	long got = pread(fd, buf, 199, 0);
	printf("%s: ", what);
	for (long i = 0; i < got; i++)
		putchar(buf[i] ? buf[i] : '.');
	printf(" at %ld\n", (long)lseek(fd, 0, SEEK_CUR));
}

int main(void)
{
	static const char *const names[] = {"a", "b", "c", "big", 0};
	int pipefd[2];
	pipe(pipefd);
	enter_scratch();
	int a = made("a", "0123456789"), b = made("b", "");
	off_t at = 3, to = 2;
	say("copy", copy_file_range(a, 0, b, 0, 4, 0));
	show(a, "a");
	show(b, "b");
	say("copy at", copy_file_range(a, &at, b, &to, 100, 0));
	printf("%ld %ld\n", (long)at, (long)to);
	show(a, "a");
	show(b, "b");
	say("at the end", copy_file_range(a, &at, b, &to, 100, 0));
	at = 50;
	say("behind the end", copy_file_range(a, &at, b, &to, 100, 0));
	at = -1;
	say("negative", copy_file_range(a, &at, b, 0, 1, 0));
	at = 0, to = 20;
	say("leaves a hole", copy_file_range(a, &at, b, &to, 2, 0));
	show(b, "b");
	say("nothing", copy_file_range(a, 0, b, 0, 0, 0));
	at = 0, to = 5;
	say("overlap", copy_file_range(a, &at, a, &to, 6, 0));
	at = 0, to = 5;
	say("no overlap", copy_file_range(a, &at, a, &to, 5, 0));
	show(a, "a");
	say("flags", copy_file_range(a, 0, b, 0, 1, 1));
	say("pipe", copy_file_range(pipefd[0], 0, b, 0, 1, 0));
	say("to a pipe", copy_file_range(a, 0, pipefd[1], 0, 1, 0));
	int dir = open(".", O_RDONLY);
	say("directory", copy_file_range(dir, 0, b, 0, 1, 0));
	int only = open("a", O_RDONLY), append = open("b", O_WRONLY | O_APPEND), write_only = open("a", O_WRONLY);
	say("to read only", copy_file_range(a, 0, only, 0, 1, 0));
	say("from write only", copy_file_range(write_only, 0, b, 0, 1, 0));
	say("to O_APPEND", copy_file_range(a, 0, append, 0, 1, 0));
	say("bad fd", copy_file_range(99, 0, b, 0, 1, 0));
	say("bad pointer", copy_file_range(a, (void *)16, b, 0, 1, 0));

	int c = made("c", "");
	lseek(a, 2, SEEK_SET);
	say("sendfile", sendfile(c, a, 0, 4));
	show(a, "a");
	show(c, "c");
	at = 1;
	say("sendfile at", sendfile(c, a, &at, 3));
	printf("%ld\n", (long)at);
	show(c, "c");
	at = 100;
	say("sendfile behind", sendfile(c, a, &at, 3));
	at = -5;
	say("sendfile negative", sendfile(c, a, &at, 3));
	say("sendfile to O_APPEND", sendfile(append, a, 0, 3));
	say("sendfile to a pipe", sendfile(pipefd[1], a, &(off_t){0}, 5));
	char buf[10] = {0};
	say("there", read(pipefd[0], buf, 10));
	printf("%s\n", buf);
	write(pipefd[1], "q", 1);
	say("sendfile from a pipe", sendfile(c, pipefd[0], 0, 1));
	say("sendfile to itself", sendfile(a, a, &(off_t){0}, 3));
	say("sendfile of a directory", sendfile(c, dir, 0, 1));
	say("sendfile to a directory", sendfile(dir, a, 0, 1));
	say("sendfile nothing", sendfile(c, a, 0, 0));

	int big = open("big", O_RDWR | O_CREAT, 0644);
	ftruncate(big, 3 << 20);
	pwrite(big, "middle", 6, 1500000);
	at = 0, to = 0;
	lseek(c, 0, SEEK_SET);
	long total = 0, got;
	while ((got = copy_file_range(big, &at, c, 0, 10 << 20, 0)) > 0)
		total += got;
	say("big copy", total);
	pread(c, buf, 6, 1500000);
	printf("%.6s\n", buf);
	say("size", lseek(c, 0, SEEK_END));
	lseek(c, 0, SEEK_SET);
	at = 0, total = 0;
	while ((got = sendfile(c, big, &at, 10 << 20)) > 0)
		total += got;
	say("big sendfile", total);
	leave_scratch(names);
	return 0;
}
