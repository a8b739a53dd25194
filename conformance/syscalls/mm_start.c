// args: one two three
// args:
/* What a program finds when it starts: the auxiliary vector, the stack, the vdso. */
#define _GNU_SOURCE
#include <elf.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
extern char _start[], __ehdr_start[];
static int bss[100000];
static int data[] = {1, 2, 3};

static long nanoseconds(int clock) {
  struct timespec t;
  if (clock_gettime(clock, &t)) return -1;
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(int argc, char **argv) {
  printf("argc %d, argv ends %d, environ follows %d\n", argc, argv[argc] == 0, environ == argv + argc + 1);
  for (int i = 1; i < argc; i++) printf("argument %s\n", argv[i]);
  for (int i = 0; environ[i]; i++) printf("environment %s\n", environ[i]);
  const Elf64_Phdr *headers = (void *)getauxval(AT_PHDR);
  printf("headers %d, %lu of %lu bytes\n", (char *)headers == __ehdr_start + 64, getauxval(AT_PHNUM), getauxval(AT_PHENT));
  printf("entry %d, base %lu, flags %lu\n", getauxval(AT_ENTRY) == (uintptr_t)_start, getauxval(AT_BASE), getauxval(AT_FLAGS));
  printf("page %lu, ticks %lu, secure %lu\n", getauxval(AT_PAGESZ), getauxval(AT_CLKTCK), getauxval(AT_SECURE));
  printf("ids %d\n", getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() && getauxval(AT_GID) == getgid() &&
                         getauxval(AT_EGID) == getegid());
  printf("platform %s\n", (char *)getauxval(AT_PLATFORM));
  char *name = (char *)getauxval(AT_EXECFN);
  printf("name %s, as argv[0] %d\n", strrchr(name, '/') + 1, strcmp(name, argv[0]) == 0);
  unsigned char *random = (void *)getauxval(AT_RANDOM);
  int zeros = 0;
  for (int i = 0; i < 16; i++) zeros += random[i] == 0;
  printf("random %d\n", zeros < 4);
  unsigned long hwcap = getauxval(AT_HWCAP);
  printf("hwcap: fpu %d, sse2 %d\n", (int)hwcap & 1, (int)(hwcap >> 26) & 1);
  printf("signal stack %d\n", getauxval(51) >= 1000);
  printf("the stack is above the strings' pointers %d, strings above the stack %d\n", (char *)argv > (char *)&argc,
         argv[0] > (char *)environ);
  printf("data %d, bss %d %d\n", data[2], bss[0], bss[99999]);

  const char *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
  printf("vdso %d, class %d\n", vdso != 0 && memcmp(vdso, ELFMAG, 4) == 0, vdso ? vdso[EI_CLASS] : 0);
  static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
                               CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
  for (int i = 0; i < 8; i++) {
    long before = nanoseconds(clocks[i]), after = before;
    for (int k = 0; k < 1000; k++) {
      long now = nanoseconds(clocks[i]);
      if (now < after) printf("clock %d runs backwards\n", clocks[i]);
      after = now;
    }
    printf("clock %d: %d\n", clocks[i], before >= 0);
  }
  struct timeval tv;
  gettimeofday(&tv, 0);
  printf("one time %d\n", labs(tv.tv_sec - time(0)) <= 1 && labs(tv.tv_sec - nanoseconds(CLOCK_REALTIME) / 1000000000) <= 1);
  printf("no such clock %ld\n", nanoseconds(77));
  printf("cpu %d\n", sched_getcpu() >= 0);
  return 0;
}
