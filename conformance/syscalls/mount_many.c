/* A tree of mounts that is bound into itself again and again: it doubles until there are too many. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
  /* On the host, nobody else shall see this. */
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  mkdir("a", 0755);
  mount("t", "a", "tmpfs", 0, 0);
  int i, n = 0, c;
  char p[64];
  for (i = 0; i < 40; i++) {
    sprintf(p, "a/d%d", i);
    mkdir(p, 0755);
    if (mount("a", p, 0, MS_BIND | MS_REC, 0)) break;
  }
  printf("%d %s\n", i, strerror(errno));
  FILE *f = fopen("/proc/self/mountinfo", "r");
  while ((c = getc(f)) != EOF) n += c == 10;
  printf("%d\n", n > 65536);
  printf("%d\n", umount2("a", MNT_DETACH));
}
