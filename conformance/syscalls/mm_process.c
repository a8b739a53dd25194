/* process_vm_readv(2), process_vm_writev(2): on a child, on oneself, and what they refuse. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define P 4096L
static void say(const char *what, long result) {
  if (result == -1) printf("%s: errno %d\n", what, errno);
  else printf("%s: %ld\n", what, result);
}

int main(void) {
  char *a = mmap(0, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(a + 3 * P, P);
  mprotect(a + 2 * P, P, PROT_READ);
  int ready[2], go[2];
  pipe(ready);
  pipe(go);
  memset(a, 'p', 2 * P);
  int child = fork();
  char c;
  if (child == 0) {
    memset(a, 'c', 2 * P);
    strcpy(a + 100, "from the child");
    write(ready[1], "x", 1);
    read(go[0], &c, 1);
    write(1, a + 200, 18);
    write(1, "\n", 1);
    _exit(0);
  }
  read(ready[0], &c, 1);
  char one[5] = {0}, two[32] = {0};
  struct iovec local[] = {{one, 4}, {two, 0}, {two, 20}}, remote[] = {{a + 100, 9}, {a + 109, 6}, {a + P, 3}};
  say("read", process_vm_readv(child, local, 3, remote, 3, 0));
  printf("%s|%s|%s\n", one, two, two + 11);
  struct iovec out = {"written from here ", 18}, in = {a + 200, 18};
  say("write", process_vm_writev(child, &out, 1, &in, 1, 0));
  static char big[4 * P];
  struct iovec all = {big, sizeof big}, theirs = {a, 4 * P};
  say("up to a hole", process_vm_readv(child, &all, 1, &theirs, 1, 0));
  theirs.iov_base = a + 3 * P;
  say("a hole", process_vm_readv(child, &all, 1, &theirs, 1, 0));
  theirs.iov_base = (void *)-1L;
  say("a wild address there", process_vm_readv(child, &all, 1, &theirs, 1, 0));
  say("a wild address to write", process_vm_writev(child, &all, 1, &theirs, 1, 0));
  struct iovec wild = {(void *)-1L, 16};
  theirs.iov_base = a;
  say("a wild address here", process_vm_readv(child, &wild, 1, &theirs, 1, 0));
  theirs.iov_base = a + 2 * P - 8;
  theirs.iov_len = 16;
  all.iov_len = 16;
  say("flags", process_vm_readv(child, local, 1, remote, 1, 1));
  say("no such process", process_vm_readv(999999, local, 1, remote, 1, 0));
  say("bad vector", process_vm_readv(child, (void *)8, 1, remote, 1, 0));
  say("nothing", process_vm_readv(child, local, 0, remote, 1, 0));
  say("oneself", process_vm_readv(getpid(), local, 1, remote, 1, 0));
  printf("%s\n", one);
  fflush(stdout);
  write(go[1], "x", 1);
  wait(0);
  return 0;
}
