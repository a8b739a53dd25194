/* A small static program: what it prints comes from the kernel that it runs on.
   Built with: musl-gcc -static -Os -s -o hello hello.c */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct utsname system;
	printf("Hello");
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	printf("!\n");
	if (argc > 1 && uname(&system) == 0)
		printf("This is %s %s on %s, process %d.\n", system.sysname, system.release, system.machine, (int)getpid());
	return 0;
}
