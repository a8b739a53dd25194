/* Files of /proc that are kept open and read again from the beginning tell what is now. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  char text[4096];
  int comm = open("/proc/self/comm", O_RDONLY), uptime = open("/proc/uptime", O_RDONLY);
  prctl(PR_SET_NAME, "first");
  long length = pread(comm, text, sizeof text, 0);
  prctl(PR_SET_NAME, "second");
  length = pread(comm, text, sizeof text, 0);
  printf("%.*s", (int)length, text);
  prctl(PR_SET_NAME, "third");
  lseek(comm, 0, SEEK_SET);
  length = read(comm, text, 3);
  printf("%.*s", (int)length, text);
  prctl(PR_SET_NAME, "fourth");
  length = read(comm, text, sizeof text);
  printf("%.*s", (int)length, text);
  memset(text, 0, sizeof text);
  pread(uptime, text, sizeof text - 1, 0);
  double before = atof(text);
  nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, 0);
  pread(uptime, text, sizeof text - 1, 0);
  printf("later %d\n", atof(text) > before);
  return 0;
}
