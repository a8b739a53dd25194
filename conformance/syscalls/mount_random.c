// args: 1 1000
// args: 7 500
/* Random mounts, binds, moves, kinds of propagation, private trees: each result, and what is seen where. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long state;
static unsigned next(unsigned below) {
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (state >> 33) % below;
}
static const char *places[] = {"a", "b", "c", "d", "a/x", "a/y", "b/x", "c/x", "c/y", "d/x", "a/x/x", "b/x/y", "c/x/x"};
enum { PLACES = sizeof places / sizeof *places };
static int made;

/* The number of the file system that shows at a place; what its directories are for the next ones. */
static void fill(const char *path) {
  char name[64];
  sprintf(name, "%s/id%d", path, ++made);
  close(open(name, O_CREAT | O_WRONLY, 0644));
  sprintf(name, "%s/x", path), mkdir(name, 0755);
  sprintf(name, "%s/y", path), mkdir(name, 0755);
}
static int shown(const char *path) {
  char name[64];
  for (int id = made; id > 0; id--) {
    sprintf(name, "%s/id%d", path, id);
    if (access(name, F_OK) == 0) return id;
  }
  return access(path, F_OK) == 0 ? 0 : -1;
}
static int mounts(void) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  static char line[4096];
  int count = 0;
  char here[512];
  getcwd(here, sizeof here);
  while (fgets(line, sizeof line, f)) count += strstr(line, here) != 0;
  fclose(f);
  return count;
}

int main(int argc, char **argv) {
  state = atol(argv[1]) * 7919;
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  mkdir("top", 0755);
  mount("none", "top", "tmpfs", 0, 0);
  chdir("top");
  for (int i = 0; i < 4; i++) mkdir(places[i], 0755), fill(places[i]);
  for (int i = 0; i < atoi(argv[2]); i++) {
    const char *from = places[next(PLACES)], *to = places[next(PLACES)];
    int kind = next(20), result;
    errno = 0;
    /* Trees double when they are bound into themselves. */
    if (mounts() > 40) kind = 12;
    switch (kind) {
      case 0: case 1: case 2:
        if ((result = mount("none", to, "tmpfs", 0, "mode=755")) == 0) fill(to);
        break;
      case 3: case 4: result = mount(from, to, 0, MS_BIND, 0); break;
      case 5: case 6: result = mount(from, to, 0, MS_BIND | MS_REC, 0); break;
      case 7: case 8: result = mount(from, to, 0, MS_MOVE, 0); break;
      case 9: case 10: case 11: result = umount2(to, 0); break;
      case 12: result = umount2(to, MNT_DETACH); break;
      case 13: result = mount(0, to, 0, MS_SHARED | (next(2) ? MS_REC : 0), 0); break;
      case 14: result = mount(0, to, 0, MS_SLAVE | (next(2) ? MS_REC : 0), 0); break;
      case 15: result = mount(0, to, 0, MS_PRIVATE | (next(3) ? MS_REC : 0), 0); break;
      case 16: result = next(4) ? mount(0, to, 0, MS_SHARED, 0) : mount(0, to, 0, MS_UNBINDABLE, 0); break;
      case 17: result = mount(0, to, 0, MS_REMOUNT | MS_BIND | (next(4) ? 0 : MS_RDONLY), 0); break;
      case 18: result = rmdir(to); if (result == 0) mkdir(to, 0755); break;
      default: result = next(12) ? 0 : unshare(CLONE_NEWNS); break;
    }
    printf("%d %d %s %s: %d %s;", i, kind, from, to, result, result < 0 ? strerror(errno) : "");
    for (int p = 0; p < PLACES; p++) printf(" %d", shown(places[p]));
    printf(" of %d\n", mounts());
  }
  return 0;
}
