/* Prints, then waits for the end of its input: its process can be looked at meanwhile. */
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	char byte;
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
