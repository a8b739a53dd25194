/* F_NOTIFY: signals for what happens in a directory (fcntl(2)). */
#include <dirent.h>
#include <time.h>
#include "data.h"

static sigset_t signals;

/* The signals that have come. */
static void told(const char *what)
{
	siginfo_t info;
	struct timespec now = {0, 0};
	printf("%s:", what);
	for (int signal; (signal = sigtimedwait(&signals, &info, &now)) > 0;)
		if (signal == SIGIO)
			printf(" SIGIO");
		else
			printf(" [%d code %d fd %d band %lx]", signal - SIGRTMIN, info.si_code, info.si_fd, (long)info.si_band);
	printf("\n");
}

static void act(void)
{
	char byte;
	int fd = open("d/a", O_RDWR | O_CREAT, 0644);
	told("create");
	write(fd, "x", 1);
	told("write");
	pread(fd, &byte, 1, 0);
	told("read");
	ftruncate(fd, 5);
	told("ftruncate");
	fchmod(fd, 0600);
	told("fchmod");
	close(fd);
	told("close");
	rename("d/a", "d/b");
	told("rename");
	rename("d/b", "a");
	told("rename out");
	rename("a", "d/a");
	told("rename in");
	mkdir("d/sub", 0755);
	told("mkdir");
	close(open("d/sub/below", O_CREAT | O_WRONLY, 0644));
	unlink("d/sub/below");
	told("below");
	rmdir("d/sub");
	told("rmdir");
	link("d/a", "d/l");
	told("link");
	unlink("d/l");
	told("unlink");
	chmod("d", 0755);
	told("chmod of the directory");
	unlink("d/a");
	told("unlink");
}

int main(void)
{
	static const char *const names[] = {"file", 0};
	static const int masks[] = {DN_ACCESS, DN_MODIFY, DN_CREATE, DN_DELETE, DN_RENAME, DN_ATTRIB, 63};
	enter_scratch();
	sigemptyset(&signals);
	sigaddset(&signals, SIGIO);
	sigaddset(&signals, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &signals, 0);
	mkdir("d", 0755);
	int fd = open("d", O_RDONLY), file = open("file", O_RDWR | O_CREAT, 0644);
	say("a file", fcntl(file, F_NOTIFY, DN_CREATE));
	say("O_PATH", fcntl(open("d", O_PATH), F_NOTIFY, DN_CREATE));
	say("nothing", fcntl(fd, F_NOTIFY, 0));
	say("create", fcntl(fd, F_NOTIFY, DN_CREATE));
	say("owner is me", fcntl(fd, F_GETOWN) == getpid());
	mkdir("d/1", 0755);
	told("first");
	mkdir("d/2", 0755);
	told("second");
	rmdir("d/1");
	rmdir("d/2");
	say("F_SETSIG", fcntl(fd, F_SETSIG, SIGRTMIN + 1));
	for (unsigned i = 0; i < sizeof masks / sizeof *masks; i++) {
		fcntl(fd, F_NOTIFY, 0);
		printf("-- mask %x: %d\n", masks[i], fcntl(fd, F_NOTIFY, masks[i] | DN_MULTISHOT));
		act();
	}
	int copy = dup(fd);
	close(fd);
	act();
	close(copy);
	rmdir("d");
	leave_scratch(names);
	return 0;
}
