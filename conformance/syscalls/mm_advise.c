/* madvise(2), mincore(2), msync(2), mlock(2) and kin. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void say(const char *what, long result) {
  if (result == -1) printf("%s: errno %d\n", what, errno);
  else printf("%s: %ld\n", what, result);
}

int main(void) {
  char *a = mmap(0, 8 * P, RW, ANON, -1, 0);
  memset(a, 5, 8 * P);
  say("dontneed", madvise(a + P, P, MADV_DONTNEED));
  printf("%d %d %d\n", a[0], a[P], a[2 * P]);
  say("willneed", madvise(a, 8 * P, MADV_WILLNEED));
  say("normal", madvise(a, 8 * P, MADV_NORMAL));
  say("sequential", madvise(a, 8 * P, MADV_SEQUENTIAL));
  say("hugepage", madvise(a, 8 * P, MADV_HUGEPAGE));
  say("free", madvise(a + 4 * P, P, MADV_FREE));
  a[4 * P] = 9;
  printf("written after free: %d\n", a[4 * P]);
  say("cold", madvise(a, P, 20));
  say("populate read", madvise(a, 8 * P, 22));
  say("populate write", madvise(a, 8 * P, 23));
  say("dontdump", madvise(a, P, MADV_DONTDUMP));
  say("dodump", madvise(a, P, MADV_DODUMP));
  say("wipeonfork", madvise(a, P, 18));
  say("keeponfork", madvise(a, P, 19));
  say("remove of private memory", madvise(a, P, MADV_REMOVE));
  say("unknown advice", madvise(a, P, 999));
  say("odd address", madvise(a + 1, P, MADV_DONTNEED));
  say("length 0", madvise(a, 0, MADV_DONTNEED));
  say("wraps", madvise(a, -1L, MADV_DONTNEED));
  munmap(a + 3 * P, P);
  a[5 * P] = 6;
  say("over a hole", madvise(a, 8 * P, MADV_DONTNEED));
  printf("both sides were done: %d %d\n", a[0], a[5 * P]);
  say("hint over a hole", madvise(a, 8 * P, MADV_NORMAL));
  char *s = mmap(0, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memset(s, 3, 2 * P);
  say("dontneed of shared memory", madvise(s, P, MADV_DONTNEED));
  printf("it keeps its bytes: %d\n", s[0]);
  say("free of shared memory", madvise(s, P, MADV_FREE));
  say("remove of shared memory", madvise(s, P, MADV_REMOVE));
  printf("it is gone: %d %d\n", s[0], s[P]);
  say("wipeonfork of shared memory", madvise(s, P, 18));

  unsigned char vec[8];
  say("mincore", mincore(s, 2 * P, vec));
  say("mincore of an odd address", mincore(s + 1, P, vec));
  say("mincore of a hole", mincore(a, 8 * P, vec));
  say("mincore into nowhere", syscall(SYS_mincore, s, P, 8));
  say("mincore of nothing", mincore(s, 0, vec));
  char *fresh = mmap(0, 3 * P, RW, ANON, -1, 0);
  fresh[P] = 1;
  mincore(fresh, 3 * P, vec);
  printf("resident: %d %d %d\n", vec[0] & 1, vec[1] & 1, vec[2] & 1);

  say("msync", msync(s, 2 * P, MS_SYNC));
  say("msync async", msync(s, 2 * P, MS_ASYNC));
  say("msync both", msync(s, 2 * P, MS_SYNC | MS_ASYNC));
  say("msync unknown", msync(s, 2 * P, 64));
  say("msync odd", msync(s + 1, P, MS_SYNC));
  say("msync of a hole", msync(a, 8 * P, MS_SYNC));

  say("mlock", mlock(a, 2 * P));
  say("mlock of an odd address", mlock(a + 5, P));
  say("mlock of a hole", mlock(a, 8 * P));
  say("dontneed of locked memory", madvise(a, P, MADV_DONTNEED));
  say("msync invalidate of locked memory", msync(a, P, MS_INVALIDATE));
  say("munlock", munlock(a, 2 * P));
  say("munlock of a hole", munlock(a, 8 * P));
  say("mlock2 with unknown flags", syscall(SYS_mlock2, a, P, 8));
  say("mlock2 on fault", syscall(SYS_mlock2, a, P, 1));
  say("mlockall of nothing", mlockall(0));
  say("mlockall unknown", mlockall(64));
  say("mlockall on fault alone", mlockall(4));
  say("munlockall", munlockall());

  char *lazy = mmap(0, 2 * P, RW, ANON, -1, 0);
  unsigned char there[2];
  say("mlock2 on fault brings nothing", syscall(SYS_mlock2, lazy, P, 1));
  mincore(lazy, 2 * P, there);
  printf("%d %d\n", there[0] & 1, there[1] & 1);
  say("mlock brings pages", mlock(lazy + P, P));
  mincore(lazy, 2 * P, there);
  printf("%d %d\n", there[0] & 1, there[1] & 1);
  say("msync at the last byte of all", msync((void *)-1L, P, MS_SYNC));

  fflush(stdout);
  if (fork() == 0) {
    struct rlimit none = {P - 1, P - 1};
    say("a child's own limit", setrlimit(RLIMIT_MEMLOCK, &none));
    say("is no longer root", setresuid(65534, 65534, 65534));
    say("mlock above it", mlock(lazy, P));
    none.rlim_cur = none.rlim_max = 0;
    say("no limit left", setrlimit(RLIMIT_MEMLOCK, &none));
    say("mlock without a limit", mlock(lazy, P));
    fflush(stdout);
    _exit(0);
  }
  wait(0);

  struct rlimit limit = {64 << 20, 64 << 20};
  say("RLIMIT_AS", setrlimit(RLIMIT_AS, &limit));
  say("too much", (long)mmap(0, 128 << 20, RW, ANON, -1, 0));
  printf("little: %d\n", mmap(0, P, RW, ANON, -1, 0) != MAP_FAILED);
  return 0;
}
