// posixx: --quiet
/* setns and the files of /proc/PID/ns; poll of mountinfo; sync mounts; trees that are nowhere; mounts by their ids. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char here[512];
static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}
static void options(const char *what, const char *path) {
  FILE *f = fopen("/proc/self/mounts", "r");
  char line[4096], source[512], at[512], type[64], shown[2048] = "none", whole[1024];
  sprintf(whole, "%s/%s", here, path);
  while (f && fgets(line, sizeof line, f)) {
    char found[2048];
    if (sscanf(line, "%511s %511s %63s %2047s", source, at, type, found) == 4 && !strcmp(at, whole)) strcpy(shown, found);
  }
  if (f) fclose(f);
  char *inodes = strstr(shown, ",inode64");
  if (inodes) *inodes = 0;
  struct statfs s = {0};
  statfs(path, &s);
  printf("%s: %s, flags %lx, has an id %d\n", what, shown, (long)s.f_flags, s.f_fsid.__val[0] != 0);
}
static int tmpfs(void) {
  int fd = syscall(430, "tmpfs", 0);
  syscall(431, fd, 6, 0, 0, 0);
  int mount = syscall(432, fd, 0, 0);
  close(fd);
  return mount;
}

static void superFlags(void) {
  said("mount", mount("q", "a", "tmpfs", MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_LAZYTIME, 0));
  options("all", "a");
  int fd = open("a/f", O_CREAT | O_WRONLY, 0644);
  said("write", write(fd, "abc", 3));
  printf("descriptor does not show it: %d\n", (fcntl(fd, F_GETFL) & O_SYNC) == 0);
  said("rename", rename("a/f", "a/g"));
  said("chmod", chmod("a/g", 0600));
  close(fd);
  said("remount", mount(0, "a", 0, MS_REMOUNT, 0));
  options("dirsync stays", "a");
  said("remount, as data", mount(0, "a", 0, MS_REMOUNT, "sync,lazytime,size=64k"));
  options("again", "a");
  said("bind remount", mount(0, "a", 0, MS_REMOUNT | MS_BIND | MS_NODEV, 0));
  options("of the mount alone", "a");
  said("ro and rw", mount(0, "a", 0, MS_REMOUNT, "ro,rw,async"));
  options("the last counts", "a");
  said("ro as data", mount(0, "a", 0, MS_REMOUNT, "ro"));
  said("write", mkdir("a/d", 0755));
  said("umount", umount("a"));
  said("no user", mount("q", "a", "tmpfs", 0x80000000u, 0));
}

static void detached(void) {
  int one = tmpfs(), two = tmpfs();
  mkdirat(one, "s", 0755), mkdirat(one, "t", 0755), mkdirat(two, "z", 0755);
  char path[64], whole[64];
  sprintf(path, "/proc/self/fd/%d/s", one), sprintf(whole, "/proc/self/fd/%d", one);
  said("mount into it", mount("x", path, "tmpfs", 0, 0));
  said("bind into it", mount("a", path, 0, MS_BIND, 0));
  said("move_mount into it", syscall(429, two, "", one, "s", 4));
  said("seen", faccessat(one, "s/z", F_OK, 0));
  said("umount in it", umount2(path, 0));
  int copy = syscall(428, one, "", 1 | 0x1000 | 0x8000);
  said("copy", faccessat(copy, "s/z", F_OK, 0));
  int part = syscall(428, one, "t", 1);
  printf("part %d\n", part >= 0);
  said("bind from it", mount(whole, "a", 0, MS_BIND, 0));
  said("remount", mount(0, whole, 0, MS_REMOUNT | MS_BIND | MS_NOSUID, 0));
  said("shared", mount(0, whole, 0, MS_SHARED, 0));
  said("umount", umount2(whole, MNT_DETACH));
  said("move", mount(whole, "b", 0, MS_MOVE, 0));
  said("what was mounted in it", access("b/s/z", F_OK));
  said("umount while a descriptor is open", umount2("b", 0));
  close(one), close(two), close(copy), close(part);
  said("umount", umount2("b", MNT_DETACH));
  said("umount", umount2("a", 0));
}

static void polled(void) {
  struct pollfd p = {open("/proc/self/mountinfo", O_RDONLY), POLLIN | POLLPRI, 0};
  said("poll", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  mount("q", "a", "tmpfs", 0, 0);
  said("after a mount", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  said("again", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  mount(0, "a", 0, MS_REMOUNT | MS_BIND | MS_NOSUID, 0);
  said("after a remount", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  mount(0, "a", 0, MS_SHARED, 0);
  said("after a change of kind", poll(&p, 1, 0));
  printf("%x\n", p.revents);
  if (!fork()) {
    usleep(20000);
    umount("a");
    _exit(0);
  }
  p.events = POLLPRI;
  said("while another unmounts", poll(&p, 1, 5000));
  printf("%x\n", p.revents);
  wait(0);
  close(p.fd);
}

static void namespaces(void) {
  int own = open("/proc/self/ns/mnt", O_RDONLY), ready[2], go[2];
  struct stat st, other;
  fstat(own, &st);
  char text[64] = "", name[64];
  sprintf(name, "/proc/self/fd/%d", own);
  printf("mode %o link %d %.5s\n", st.st_mode, readlink(name, text, 63) > 0, text);
  pipe(ready), pipe(go);
  pid_t child = fork();
  if (!child) {
    close(go[1]);
    unshare(CLONE_NEWNS);
    mount("secret", "b", "tmpfs", 0, 0);
    mkdir("b/inside", 0755);
    write(ready[1], "x", 1);
    read(go[0], text, 1);
    _exit(0);
  }
  read(ready[0], text, 1);
  said("not here", access("b/inside", F_OK));
  sprintf(name, "/proc/%d/ns/mnt", child);
  int its = open(name, O_RDONLY);
  fstat(its, &other);
  printf("another %d, same file system %d\n", st.st_ino != other.st_ino, st.st_dev == other.st_dev);
  said("wrong kind", setns(its, CLONE_NEWNET));
  said("unknown kind", setns(its, 1));
  said("ioctl kind", ioctl(its, 0xb703) == CLONE_NEWNS);
  said("read", read(its, text, 1));
  said("no namespace", setns(ready[0], 0));
  said("none", setns(99, 0));
  said("open to write", open(name, O_RDWR));
  if (!fork()) {
    said("enter", setns(its, CLONE_NEWNS));
    said("at the root", access("proc", F_OK));
    chdir(here);
    said("there", access("b/inside", F_OK));
    mkdir("b/more", 0755);
    said("and back", setns(own, 0));
    chdir(here);
    said("not here", access("b/more", F_OK));
    _exit(0);
  }
  wait(0);
  int process = syscall(434, child, 0);
  if (!fork()) {
    said("by process", setns(process, CLONE_NEWNS));
    chdir(here);
    said("there", access("b/more", F_OK));
    said("of no kind", setns(process, 0));
    said("user", setns(process, CLONE_NEWUSER));
    _exit(0);
  }
  wait(0);
  close(go[1]);
  waitpid(child, 0, 0);
  /* The descriptor keeps it. */
  said("enter after its end", setns(its, CLONE_NEWNS));
  chdir(here);
  said("there", access("b/more", F_OK));
  said("back", setns(own, CLONE_NEWNS));
  chdir(here);
  close(its), close(own);
  const char *kinds[] = {"ipc", "uts", "net", "pid", "pid_for_children", "user", "cgroup"};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    sprintf(name, "/proc/self/ns/%s", kinds[i]);
    int fd = open(name, O_RDONLY);
    said(kinds[i], setns(fd, 0));
    close(fd);
  }
}

static void ids(void) {
  struct request { uint32_t size, spare; uint64_t id, param, tree; } r = {24, 0, ~0ull, 0, 0};
  struct reply {
    uint32_t size, options; uint64_t mask; uint32_t major, minor; uint64_t magic; uint32_t flags, type; uint64_t id, parent;
    uint32_t oldId, oldParent; uint64_t attributes, kind, group, master, from; uint32_t root, point; uint64_t rest[50];
    char text[1024];
  } m;
  uint64_t list[4096], first[2];
  mount("q", "a", "tmpfs", MS_NOSUID | MS_NOATIME, 0);
  mkdir("a/s", 0755);
  mount("r", "a/s", "tmpfs", MS_RDONLY, 0);
  long n = syscall(458, &r, list, 4096, 0);
  printf("sorted %d, unique %d\n", n > 2 && list[0] < list[1] && list[1] < list[n - 1], list[0] > 1ull << 31);
  printf("two %ld\n", syscall(458, &r, first, 2, 0));
  printf("same %d\n", first[0] == list[0] && first[1] == list[1]);
  r.param = first[1];
  printf("go on %d\n", syscall(458, &r, first, 2, 0) > 0 && first[0] == list[2]);
  r.param = 0;
  printf("from the end %d\n", syscall(458, &r, first, 1, 1) == 1 && first[0] == list[n - 1]);
  said("flags", syscall(458, &r, list, 1, 2));
  said("none", syscall(458, &r, list, 0, 0));
  said("too many", syscall(458, &r, list, 2000000, 0));
  said("bad pointers", syscall(458, 8, list, 1, 0));
  said("bad buffer", syscall(458, &r, 8, 1, 0));
  r.size = 20;
  said("short", syscall(458, &r, list, 1, 0));
  r.size = 24, r.spare = 1;
  said("spare", syscall(458, &r, list, 1, 0));
  r.spare = 0, r.id = list[n - 2];
  said("below a", syscall(458, &r, first, 2, 0));
  printf("is a/s %d\n", first[0] == list[n - 1]);
  for (int i = n - 2; i < n; i++) {
    r.id = list[i], r.param = 0x3b;
    said("statmount", syscall(457, &r, &m, sizeof m, 0));
    printf("mask %lx flags %x attributes %lx kind %lx type %s root %s point %s parent is the other %d\n", (long)m.mask, m.flags,
      (long)m.attributes, (long)m.kind, m.text + m.type, m.text + m.root, m.text + m.point + strlen(here), m.parent == list[n - 2]);
    uint64_t s[32];
    syscall(SYS_statx, AT_FDCWD, i == n - 1 ? "a/s" : "a", 0, 0x4000, s);
    printf("statx root %d same id %d\n", (s[1] & 0x2000) != 0, s[18] == list[i]);
  }
  said("no room", syscall(457, &r, &m, 520, 0));
  said("flags", syscall(457, &r, &m, sizeof m, 1));
  r.id = 7;
  said("an old id", syscall(457, &r, &m, sizeof m, 0));
  r.id = 0x7fffffffffff, r.param = 2;
  said("no such id", syscall(457, &r, &m, sizeof m, 0));
  umount2("a", MNT_DETACH);
}

int main(void) {
  /* On the host, nobody else shall see this. */
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  getcwd(here, sizeof here);
  mkdir("a", 0755), mkdir("b", 0755);
  setvbuf(stdout, 0, _IONBF, 0);
  superFlags();
  detached();
  polled();
  namespaces();
  ids();
  return 0;
}
