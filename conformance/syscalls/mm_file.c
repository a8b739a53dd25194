/* File mappings: private and shared, their ends, their protections, and read() and write() beside them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static volatile int got, code;
static volatile char *where;
static void caught(int signal, siginfo_t *info, void *context) {
  got = signal;
  code = info->si_code;
  where = info->si_addr;
  siglongjmp(back, 1);
}
static const char *touch(volatile char *at, int write) {
  static char text[64];
  if (sigsetjmp(back, 1) == 0) {
    if (write) *at = 'w';
    else (void)*at;
    return "ok";
  }
  snprintf(text, sizeof text, "signal %d code %d %s", got, code, where == at ? "there" : "elsewhere");
  return text;
}
static void say(const char *what, void *result) {
  if (result == MAP_FAILED) printf("%s: errno %d\n", what, errno);
  else printf("%s: ok\n", what);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
  char page[P];
  for (int i = 0; i < 3; i++) {
    memset(page, 'a' + i, P);
    write(fd, page, P);
  }
  write(fd, "tail", 4);

  char *s = mmap(0, 6 * P, RW, MAP_SHARED, fd, 0);
  char *p = mmap(0, 6 * P, RW, MAP_PRIVATE, fd, 0);
  printf("%c%c%c%.4s %d\n", s[0], s[P], s[2 * P], s + 3 * P, s[3 * P + 4]);
  s[0] = 'S';
  char c;
  pread(fd, &c, 1, 0);
  printf("a store to the shared one reaches read: %c\n", c);
  pwrite(fd, "W", 1, 1);
  printf("a write reaches the shared mapping: %c\n", s[1]);
  p[2] = 'P';
  pread(fd, &c, 1, 2);
  printf("a store to the private one does not: %c %c\n", p[2], c);
  printf("behind the end: %s\n", touch(s + 4 * P, 0));
  printf("behind the end, private: %s\n", touch(p + 5 * P + 9, 1));
  printf("rest of the last page: %s\n", touch(s + 3 * P + 100, 1));
  printf("write from behind the end: %zd", write(fd, s + 4 * P, 1));
  printf(" errno %d\n", errno);
  ftruncate(fd, P);
  printf("after truncation: %s\n", touch(s + P, 0));
  ftruncate(fd, 5 * P);
  printf("after growth: %s %d\n", touch(s + 4 * P, 0), s[4 * P]);
  char *second = mmap(0, P, PROT_READ, MAP_SHARED, fd, 4 * P);
  s[4 * P + 7] = 'T';
  printf("two mappings of one page: %c\n", second[7]);
  close(fd);
  printf("after close: %c\n", s[0]);
  say("msync", (void *)(long)msync(s, P, MS_SYNC));

  int ro = open("file", O_RDONLY);
  int wo = open("file", O_WRONLY);
  say("shared writable of a read-only descriptor", mmap(0, P, RW, MAP_SHARED, ro, 0));
  say("private writable of it", mmap(0, P, RW, MAP_PRIVATE, ro, 0));
  say("a write-only descriptor", mmap(0, P, PROT_READ, MAP_SHARED, wo, 0));
  say("a write-only descriptor, private", mmap(0, P, PROT_READ, MAP_PRIVATE, wo, 0));
  char *r = mmap(0, P, PROT_READ, MAP_SHARED, ro, 0);
  printf("making it writable later: %d errno %d\n", mprotect(r, P, RW), errno);
  printf("store: %s\n", touch(r, 1));
  say("a directory", mmap(0, P, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0));
  int pipes[2];
  pipe(pipes);
  say("a pipe", mmap(0, P, PROT_READ, MAP_PRIVATE, pipes[0], 0));
  say("offset far beyond", mmap(0, P, PROT_READ, MAP_PRIVATE, ro, 1L << 40));
  say("offset that overflows", mmap(0, 2 * P, PROT_READ, MAP_PRIVATE, ro, 0x7ffffffffffff000));
  say("negative offset", mmap(0, P, PROT_READ, MAP_PRIVATE, ro, -P));
  say("/dev/zero", mmap(0, P, RW, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0));
  printf("hole: %s\n", touch((char *)mmap(0, P, PROT_READ, MAP_PRIVATE, ro, 8 * P), 0));
  say("a write-only descriptor, neither shared nor private", mmap(0, P, PROT_READ, 0, wo, 0));
  fd = open("file", O_RDWR);
  say("unknown flag, validated", mmap(0, P, RW, MAP_SHARED_VALIDATE | 1 << 23, fd, 0));
  say("known flags, validated", mmap(0, P, RW, MAP_SHARED_VALIDATE | MAP_NORESERVE, fd, 0));
  say("unknown flag", mmap(0, P, RW, MAP_SHARED | 1 << 23, fd, 0));
  say("validated without a file", mmap(0, P, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
  int zero = open("/dev/zero", O_RDONLY);
  say("/dev/zero, read-only, writable", mmap(0, P, RW, MAP_SHARED, zero, 0));
  char *z = mmap(0, P, PROT_READ, MAP_SHARED, zero, 0);
  printf("/dev/zero made writable: %d errno %d\n", mprotect(z, P, RW), errno);

  ftruncate(fd, 4 * P);
  char *pages = mmap(0, 4 * P, RW, MAP_SHARED, fd, 0);
  for (int i = 0; i < 4; i++) pages[i * P] = 'a' + i;
  printf("remap_file_pages: %ld", syscall(SYS_remap_file_pages, pages, 2 * P, 0, 2, 0));
  printf(" %c%c%c%c", pages[0], pages[P], pages[2 * P], pages[3 * P]);
  pages[P] = '!';
  printf(" %c\n", pages[3 * P]);
  printf("with a protection: %ld errno %d\n", syscall(SYS_remap_file_pages, pages, P, PROT_READ, 0, 0), errno);
  printf("of a private mapping: %ld errno %d\n", syscall(SYS_remap_file_pages, p, P, 0, 0, 0), errno);
  unlink("file");
  printf("after unlink: %c\n", s[0]);
  return 0;
}
