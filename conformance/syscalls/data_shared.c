/* Mappings and read and write are one: in a process, between two, after truncation; memfd_create and all of its seals. */
#include "data.h"
#include <setjmp.h>
#include <sys/wait.h>

static sigjmp_buf back;
static void caught(int signal, siginfo_t *info, void *context)
{
	(void)context;
	printf("signal %d code %d\n", signal, info->si_code);
	siglongjmp(back, 1);
}

static void touch(const char *what, volatile char *at, int store)
{
	printf("%s: ", what);
	if (sigsetjmp(back, 1))
		return;
	if (store)
		*at = 'T';
	printf("%02x\n", *at & 255);
}

static void seals(const char *name, unsigned flags, int seal)
{
	char buf[10] = {0};
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING | flags);
	printf("-- %s\n", name);
	write(fd, "0123456789", 10);
	char *before = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (seal == F_SEAL_WRITE) {
		say("seal while mapped", fcntl(fd, F_ADD_SEALS, seal));
		munmap(before, 4096);
	}
	say("seal", fcntl(fd, F_ADD_SEALS, seal));
	say("seals", fcntl(fd, F_GET_SEALS));
	if (seal == F_SEAL_FUTURE_WRITE) {
		before[0] = 'B';
		pread(fd, buf, 5, 0);
		printf("through the old mapping: %s\n", buf);
	}
	say("write", pwrite(fd, "x", 1, 1));
	say("write behind", pwrite(fd, "abc", 3, 9));
	say("write far behind", pwrite(fd, "abc", 3, 100));
	say("grow", ftruncate(fd, 5000));
	say("shrink", ftruncate(fd, 5));
	say("same", ftruncate(fd, lseek(fd, 0, SEEK_END)));
	say("fallocate", fallocate(fd, 0, 0, 9000));
	say("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	void *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("map to write", map == MAP_FAILED ? -1 : 0);
	if (map != MAP_FAILED)
		munmap(map, 4096);
	map = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	say("map to read", map == MAP_FAILED ? -1 : 0);
	say("make that writable", map == MAP_FAILED ? 0 : mprotect(map, 4096, PROT_READ | PROT_WRITE));
	map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	say("map privately", map == MAP_FAILED ? -1 : 0);
	say("make executable", fchmod(fd, 0755));
	say("make plain", fchmod(fd, 0644));
	say("seal against seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	say("one more", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	printf("seals: %x\n", fcntl(fd, F_GET_SEALS));
	close(fd);
}

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 0x10u
#endif

int main(void)
{
	static const char *const names[] = {"a", "b", 0};
	char buf[100] = {0};
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	sigaction(SIGBUS, &action, 0);
	sigaction(SIGSEGV, &action, 0);
	enter_scratch();

	int fd = open("a", O_RDWR | O_CREAT, 0644);
	write(fd, "hello", 5);
	char *map = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	printf("mapped %s\n", map);
	pwrite(fd, "J", 1, 0);
	printf("written %s\n", map);
	map[4] = 'y';
	map[5] = '!';
	pread(fd, buf, 100, 0);
	printf("stored %s, size %ld\n", buf, (long)lseek(fd, 0, SEEK_END));
	touch("in the page of the end", map + 4095, 1);
	touch("behind it", map + 4096, 0);
	say("grow", ftruncate(fd, 12288));
	touch("in the page of the old end", map + 10, 0);
	touch("behind it now", map + 4096, 1);
	touch("third", map + 12287, 1);
	touch("fourth", map + 12288, 0);
	say("cut", ftruncate(fd, 4096));
	touch("second", map + 4096, 0);
	say("read into it", pread(fd, map + 4096, 10, 0));
	say("write from it", pwrite(fd, map + 4096, 10, 0));
	say("grow", ftruncate(fd, 12288));
	touch("second again", map + 4096, 0);

	char *private = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	private[0] = 'P';
	pwrite(fd, "w", 1, 0);
	pwrite(fd, "w", 1, 4096);
	printf("private %c %c shared %c %c\n", private[0], private[4096], map[0], map[4096]);

	int up[2], down[2];
	pipe(up);
	pipe(down);
	pid_t child = fork();
	if (child == 0) {
		int own = open("a", O_RDWR);
		char *its = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
		strcpy(its + 100, "from the child");
		pwrite(own, "written by the child", 21, 200);
		write(up[1], "x", 1);
		read(down[0], buf, 1);
		pread(own, buf, 30, 300);
		printf("child: %s / %s\n", its + 300, buf);
		fflush(stdout);
		_exit(0);
	}
	read(up[0], buf, 1);
	printf("parent: %s / %s\n", map + 100, map + 200);
	pread(fd, buf, 30, 100);
	printf("parent reads: %s\n", buf);
	strcpy(map + 300, "from the parent");
	fflush(stdout);
	write(down[1], "x", 1);
	waitpid(child, 0, 0);

	int second = open("b", O_RDWR | O_CREAT, 0644);
	for (int i = 0; i < 64; i++)
		write(second, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 64);
	char *late = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, second, 0);
	unlink("b");
	close(second);
	late[0] = 'L';
	printf("without a name: %.16s\n", late);
	int only = open("a", O_RDONLY);
	say("map write only reads", mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, only, 0) == MAP_FAILED ? -1 : 0);
	say("map at a bad offset", mmap(0, 4096, PROT_READ, MAP_SHARED, only, 100) == MAP_FAILED ? -1 : 0);
	say("msync", msync(map, 8192, MS_SYNC));

	seals("none", 0, 0);
	seals("shrink", 0, F_SEAL_SHRINK);
	seals("grow", 0, F_SEAL_GROW);
	seals("write", 0, F_SEAL_WRITE);
	seals("future write", 0, F_SEAL_FUTURE_WRITE);
	seals("exec", 0, F_SEAL_EXEC);
	seals("no exec", MFD_NOEXEC_SEAL, 0);
	seals("may exec", MFD_EXEC, 0);
	say("both", memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL));
	int quiet = memfd_create("x", MFD_NOEXEC_SEAL);
	struct stat st;
	fstat(quiet, &st);
	printf("mode %o seals %x\n", st.st_mode, fcntl(quiet, F_GET_SEALS));
	quiet = memfd_create("x", 0);
	fstat(quiet, &st);
	printf("mode %o seals %x\n", st.st_mode, fcntl(quiet, F_GET_SEALS));
	say("seals of a file", fcntl(fd, F_GET_SEALS));
	say("seal a file", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	leave_scratch(names);
	return 0;
}
