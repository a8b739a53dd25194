// posixx: --quiet
/* fsopen, fsconfig, fsmount, fspick and their messages; open_tree, move_mount, mount_setattr; all their errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CLONE = 1, EMPTY = 0x1000, RECURSIVE = 0x8000, CLOEXEC = O_CLOEXEC };
enum { FLAG, STRING, BINARY, PATH, PATH_EMPTY, FD, CREATE, RECONFIGURE, CREATE_EXCL };
enum { F_SYMLINKS = 1, F_EMPTY = 4, T_SYMLINKS = 16, T_EMPTY = 64, SET_GROUP = 256, BENEATH = 512 };
enum { A_RDONLY = 1, A_NOSUID = 2, A_NODEV = 4, A_NOEXEC = 8, A_ATIME = 0x70, A_NOATIME = 0x10, A_STRICT = 0x20,
  A_NODIRATIME = 0x80, A_IDMAP = 0x100000, A_NOSYMFOLLOW = 0x200000 };
struct attr { uint64_t set, clr, propagation, userns_fd; };

static char here[512];
static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}
static int fd_of(const char *what, long fd) {
  if (fd < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: fd%s\n", what, fcntl(fd, F_GETFD) ? " cloexec" : "");
  return fd;
}
static long fsopen_(const char *type, unsigned flags) { return syscall(430, type, flags); }
static long config(int fd, unsigned cmd, const void *key, const void *value, int aux) {
  return syscall(431, fd, cmd, key, value, aux);
}
static long fsmount_(int fd, unsigned flags, unsigned attr) { return syscall(432, fd, flags, attr); }
static long fspick_(int dir, const char *path, unsigned flags) { return syscall(433, dir, path, flags); }
static long open_tree_(int dir, const char *path, unsigned flags) { return syscall(428, dir, path, flags); }
static long move(int from, const char *path, int to, const char *there, unsigned flags) {
  return syscall(429, from, path, to, there, flags);
}
static long setattr(int dir, const char *path, unsigned flags, uint64_t set, uint64_t clr, uint64_t propagation) {
  struct attr attr = {set, clr, propagation, 0};
  return syscall(442, dir, path, flags, &attr, sizeof attr);
}
static void messages(int fd) {
  char text[512];
  ssize_t n;
  while ((n = read(fd, text, sizeof text)) > 0) {
    while (n > 0 && text[n - 1] == '\n') n--;
    printf("  message: %.*s\n", (int)n, text);
  }
  if (errno != ENODATA) printf("  read: %s\n", strerror(errno));
}
static void touch(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0644);
  if (fd < 0) printf("%s: %s\n", path, strerror(errno));
  else close(fd);
}
static int order(const void *a, const void *b) { return strcmp(a, b); }
/* The mounts below the working directory at the start: path, root, flags, kind of propagation, source. */
static void tree(const char *what) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[4096];
  static char shown[64][512];
  int lines = 0, seen[32], n = 0;
  printf("%s:\n", what);
  while (f && fgets(line, sizeof line, f)) {
    char *field[32], *save, *word;
    int count = 0, dash;
    for (word = strtok_r(line, " \n", &save); word && count < 32; word = strtok_r(0, " \n", &save)) field[count++] = word;
    if (strncmp(field[4], here, strlen(here)) || !field[4][strlen(here)]) continue;
    char *root = field[3], *out = shown[lines++];
    if (!strncmp(root, here, strlen(here))) root += strlen(here);
    out += sprintf(out, "  %s root %s %s", field[4] + strlen(here), root, field[5]);
    for (dash = 6; strcmp(field[dash], "-"); dash++) {
      char *colon = strchr(field[dash], ':');
      if (!colon) { out += sprintf(out, " %s", field[dash]); continue; }
      int id = atoi(colon + 1), at = 0;
      while (at < n && seen[at] != id) at++;
      if (at == n) seen[n++] = id;
      *colon = 0;
      out += sprintf(out, " %s:%d", field[dash], at);
    }
    if (!strcmp(field[dash + 1], "tmpfs")) {
      char *inodes = strstr(field[dash + 3], ",inode64");
      if (inodes) memmove(inodes, inodes + 8, strlen(inodes + 8) + 1);
      sprintf(out, " tmpfs %s %s", field[dash + 2], field[dash + 3]);
    }
  }
  if (f) fclose(f);
  qsort(shown, lines, sizeof shown[0], order);
  for (int i = 0; i < lines; i++) puts(shown[i]);
}
static int tmpfs(const char *name) {
  int fd = fsopen_("tmpfs", 0);
  if (fd < 0 || config(fd, STRING, "source", name, 0) || config(fd, CREATE, 0, 0, 0)) perror("tmpfs");
  int m = fsmount_(fd, 0, 0);
  if (m < 0) perror("fsmount");
  close(fd);
  return m;
}

static void contexts(void) {
  said("fsopen unknown", fsopen_("nosuchfs", 0));
  said("fsopen flags", fsopen_("tmpfs", 2));
  said("fsopen NULL", fsopen_(0, 0));
  int fd = fd_of("fsopen", fsopen_("tmpfs", 1));
  int plain = open(".", O_RDONLY);
  char link[64], name[64];
  sprintf(link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, name, sizeof name);
  printf("link %.*s\n", (int)n, name);
  struct stat st;
  said("fstat", fstat(fd, &st));
  printf("mode %o access %o\n", st.st_mode, fcntl(fd, F_GETFL) & O_ACCMODE);
  said("read", read(fd, name, sizeof name));
  said("write", write(fd, name, 1));
  said("lseek", lseek(fd, 0, SEEK_SET));
  said("config bad fd", config(99, STRING, "a", "b", 0));
  said("config fd -1", config(-1, STRING, "a", "b", 0));
  said("config other fd", config(plain, STRING, "size", "1M", 0));
  said("config bad command", config(fd, 77, "a", "b", 0));
  said("flag with value", config(fd, FLAG, "ro", "b", 0));
  said("flag without key", config(fd, FLAG, 0, 0, 0));
  said("string without value", config(fd, STRING, "size", 0, 0));
  said("string with aux", config(fd, STRING, "size", "1M", 1));
  said("binary without length", config(fd, BINARY, "size", "1M", 0));
  said("binary", config(fd, BINARY, "size", "1M", 2));
  messages(fd);
  said("path", config(fd, PATH, "size", "/", AT_FDCWD));
  messages(fd);
  said("path with bad aux", config(fd, PATH, "size", "/", -5));
  said("fd param", config(fd, FD, "size", 0, plain));
  messages(fd);
  said("fd param bad", config(fd, FD, "size", 0, 99));
  said("create with key", config(fd, CREATE, "a", 0, 0));
  said("key NULL pointer", config(fd, STRING, (void *)8, "b", 0));
  said("value bad pointer", config(fd, STRING, "size", (void *)8, 0));
  char big[512];
  memset(big, 'k', sizeof big), big[511] = 0;
  said("long key", config(fd, STRING, big, "b", 0));
  said("long value", config(fd, STRING, "size", big, 0));
  said("empty key", config(fd, STRING, "", "b", 0));
  messages(fd);
  said("unknown", config(fd, STRING, "nosuch", "b", 0));
  said("unknown flag", config(fd, FLAG, "nosuch", 0, 0));
  messages(fd);
  said("bad size", config(fd, STRING, "size", "huge", 0));
  messages(fd);
  said("size without value", config(fd, FLAG, "size", 0, 0));
  messages(fd);
  said("reconfigure too early", config(fd, RECONFIGURE, 0, 0, 0));
  said("fsmount too early", fsmount_(fd, 0, 0));
  said("source", config(fd, STRING, "source", "first", 0));
  said("source again", config(fd, STRING, "source", "second", 0));
  messages(fd);
  said("source flag", config(fd, FLAG, "source", 0, 0));
  messages(fd);
  said("size", config(fd, STRING, "size", "128k", 0));
  said("mode", config(fd, STRING, "mode", "0700", 0));
  said("ro", config(fd, FLAG, "ro", 0, 0));
  said("rw", config(fd, FLAG, "rw", 0, 0));
  said("create", config(fd, CREATE, 0, 0, 0));
  said("create again", config(fd, CREATE, 0, 0, 0));
  said("set after create", config(fd, STRING, "size", "1M", 0));
  said("fsmount flags", fsmount_(fd, 2, 0));
  said("fsmount attr", fsmount_(fd, 0, 0x100));
  said("fsmount atime", fsmount_(fd, 0, 0x30));
  said("fsmount bad fd", fsmount_(99, 0, 0));
  said("fsmount other fd", fsmount_(plain, 0, 0));
  int m = fd_of("fsmount", fsmount_(fd, 1, A_NOSUID | A_NODEV | A_NOATIME));
  said("fsmount again", fsmount_(fd, 0, 0));
  printf("mount flags %o\n", fcntl(m, F_GETFL) & O_PATH);
  said("mkdirat before it is mounted", mkdirat(m, "early", 0755));
  struct statvfs vfs;
  said("fstatvfs", fstatvfs(m, &vfs));
  printf("flags %lx blocks %ld\n", (long)vfs.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOATIME | ST_RELATIME), (long)vfs.f_blocks);
  tree("nothing yet");
  said("move_mount", move(m, "", AT_FDCWD, "a", F_EMPTY));
  tree("mounted");
  said("early", access("a/early", F_OK));
  said("move it again", move(m, "", AT_FDCWD, "b", F_EMPTY));
  tree("moved");
  said("reconfigured context: size", config(fd, STRING, "size", "256k", 0));
  said("mode", config(fd, STRING, "mode", "0755", 0));
  said("ro", config(fd, FLAG, "ro", 0, 0));
  said("reconfigure", config(fd, RECONFIGURE, 0, 0, 0));
  messages(fd);
  tree("reconfigured");
  said("create then", config(fd, CREATE, 0, 0, 0));
  said("fsmount then", fsmount_(fd, 0, 0));
  said("rw", config(fd, FLAG, "rw", 0, 0));
  said("reconfigure", config(fd, RECONFIGURE, 0, 0, 0));
  said("make", mkdir("b/late", 0755));
  close(fd), close(m);
  said("pick: no mount", fspick_(AT_FDCWD, "a", 0));
  said("pick: flags", fspick_(AT_FDCWD, "b", 64));
  said("pick: missing", fspick_(AT_FDCWD, "missing", 0));
  said("pick: empty", fspick_(plain, "", 0));
  fd = fd_of("fspick", fspick_(AT_FDCWD, "b", 1));
  said("source", config(fd, STRING, "source", "new", 0));
  messages(fd);
  said("sync", config(fd, FLAG, "sync", 0, 0));
  said("size", config(fd, STRING, "size", "1m", 0));
  said("create a picked one", config(fd, CREATE, 0, 0, 0));
  said("reconfigure", config(fd, RECONFIGURE, 0, 0, 0));
  messages(fd);
  tree("reconfigured");
  said("fsmount of a picked one", fsmount_(fd, 0, 0));
  close(fd);
  said("umount", umount2("b", 0));
  fd = fsopen_("tmpfs", 0);
  said("exclusive", config(fd, CREATE_EXCL, 0, 0, 0));
  m = fsmount_(fd, 0, A_RDONLY);
  close(fd);
  said("read-only", mkdirat(m, "x", 0755));
  said("move_mount into a", move(m, "", AT_FDCWD, "a", F_EMPTY));
  tree("without a source");
  said("umount while its descriptor is open", umount2("a", 0));
  close(m);
  said("umount", umount2("a", 0));
  close(plain);
}

static void trees(void) {
  int t = tmpfs("one");
  said("move_mount", move(t, "", AT_FDCWD, "a", F_EMPTY));
  close(t);
  mkdir("a/x", 0755), mkdir("a/y", 0755), touch("a/file"), mkdir("a/x/deep", 0755);
  mount("two", "a/x", "tmpfs", 0, "size=64k"), mkdir("a/x/in", 0755);
  said("open_tree flags", open_tree_(AT_FDCWD, "a", 2));
  said("recursive without clone", open_tree_(AT_FDCWD, "a", RECURSIVE));
  said("missing", open_tree_(AT_FDCWD, "nothing", CLONE));
  said("empty", open_tree_(AT_FDCWD, "", CLONE));
  int fd = fd_of("open_tree", open_tree_(AT_FDCWD, "a", CLOEXEC));
  said("same tree", faccessat(fd, "x/in", F_OK, 0));
  said("move what is attached", move(fd, "", AT_FDCWD, "b", F_EMPTY));
  tree("moved");
  close(fd);
  said("back", move(AT_FDCWD, "b", AT_FDCWD, "a", 0));
  fd = fd_of("clone", open_tree_(AT_FDCWD, "a", CLONE));
  said("without what is below", faccessat(fd, "x/in", F_OK, 0));
  said("its own directory", faccessat(fd, "x/deep", F_OK, 0));
  said("move into b", move(fd, "", AT_FDCWD, "b", F_EMPTY));
  tree("one mount copied");
  said("umount", umount2("b", MNT_DETACH));
  said("again", move(fd, "", AT_FDCWD, "b", F_EMPTY));
  close(fd);
  fd = fd_of("clone all", open_tree_(AT_FDCWD, "a", CLONE | RECURSIVE | CLOEXEC));
  said("with what is below", faccessat(fd, "x/in", F_OK, 0));
  said("move a part", move(fd, "y", AT_FDCWD, "b", 0));
  said("move a mount below it", move(fd, "x", AT_FDCWD, "b", 0));
  said("move all", move(fd, "", AT_FDCWD, "b", F_EMPTY));
  tree("copied");
  said("umount2", umount2("b", MNT_DETACH));
  close(fd);
  fd = fd_of("clone of a directory", open_tree_(AT_FDCWD, "a/y", CLONE));
  said("on a file", move(fd, "", AT_FDCWD, "f", F_EMPTY));
  said("on nothing", move(fd, "", AT_FDCWD, "nothing", F_EMPTY));
  said("flags", move(fd, "", AT_FDCWD, "b", 0x8000));
  said("group and beneath", move(fd, "", AT_FDCWD, "b", F_EMPTY | SET_GROUP | BENEATH));
  said("no empty path", move(fd, "", AT_FDCWD, "b", 0));
  said("bad descriptor", move(77, "", AT_FDCWD, "b", F_EMPTY));
  said("bad target descriptor", move(fd, "", 77, "", F_EMPTY | T_EMPTY));
  int to = open("b", O_PATH);
  said("to a descriptor", move(fd, "", to, "", F_EMPTY | T_EMPTY));
  close(to);
  tree("part");
  said("umount", umount2("b", MNT_DETACH));
  close(fd);
  fd = fd_of("clone of a file", open_tree_(AT_FDCWD, "a/file", CLONE));
  said("on a directory", move(fd, "", AT_FDCWD, "b", F_EMPTY));
  symlink("f", "link");
  said("on a link", move(fd, "", AT_FDCWD, "link", F_EMPTY));
  said("on what it names", move(fd, "", AT_FDCWD, "link", F_EMPTY | T_SYMLINKS));
  tree("file");
  said("umount", umount2("f", 0));
  close(fd);
  said("umount", umount2("link", 8));
  said("into itself", move(AT_FDCWD, "a", AT_FDCWD, "a/y", 0));
  said("no mount", move(AT_FDCWD, "a/y", AT_FDCWD, "b", 0));
  mount(0, "a", 0, MS_UNBINDABLE, 0);
  said("unbindable", open_tree_(AT_FDCWD, "a", CLONE));
  mount(0, "a", 0, MS_PRIVATE, 0);
  /* Beneath what is there. */
  t = tmpfs("below");
  mkdirat(t, "lower", 0755);
  said("beneath", move(t, "", AT_FDCWD, "a/x", F_EMPTY | BENEATH));
  said("still seen", access("a/x/in", F_OK));
  tree("beneath");
  said("umount", umount2("a/x", 0));
  said("now seen", access("a/x/lower", F_OK));
  close(t);
  t = tmpfs("other");
  said("beneath a directory", move(t, "", AT_FDCWD, "a/y", F_EMPTY | BENEATH));
  close(t);
  /* Descriptors of trees that are nowhere, changed and used. */
  t = tmpfs("free");
  said("file in it", openat(t, "new", O_CREAT | O_WRONLY, 0644) >= 0);
  said("chdir", fchdir(t));
  char cwd[256];
  errno = 0;
  long n = syscall(SYS_getcwd, cwd, sizeof cwd);
  printf("getcwd %s\n", n > 0 ? cwd : strerror(errno));
  close(t);
  said("still there", access("new", F_OK));
  chdir(here);
  said("umount", umount2("a", MNT_DETACH));
}

static void groups(void) {
  mount("g", "a", "tmpfs", 0, 0);
  mkdir("a/s", 0755);
  mount("b", "b", "tmpfs", 0, 0);
  mount(0, "a", 0, MS_SHARED, 0);
  int t = open_tree_(AT_FDCWD, "a", CLONE);
  tree("before");
  said("set group of others", move(AT_FDCWD, "a", AT_FDCWD, "b", SET_GROUP));
  said("move a copy", move(t, "", AT_FDCWD, "c", F_EMPTY));
  close(t);
  tree("a copy of a shared mount");
  mount(0, "c", 0, MS_PRIVATE, 0);
  said("from a private", move(AT_FDCWD, "c", AT_FDCWD, "a", SET_GROUP));
  said("no root", move(AT_FDCWD, "a/s", AT_FDCWD, "c", SET_GROUP));
  said("set group", move(AT_FDCWD, "a", AT_FDCWD, "c", SET_GROUP));
  tree("same group");
  said("twice", move(AT_FDCWD, "a", AT_FDCWD, "c", SET_GROUP));
  mount("n", "a/s", "tmpfs", 0, 0);
  tree("propagated");
  said("move from a shared parent", move(AT_FDCWD, "a/s", AT_FDCWD, "b", 0));
  said("beneath, propagated", move(AT_FDCWD, "b", AT_FDCWD, "a/s", BENEATH));
  umount2("a", MNT_DETACH), umount2("b", MNT_DETACH), umount2("c", MNT_DETACH);
}

static void attributes(void) {
  mount("m", "a", "tmpfs", 0, 0);
  mkdir("a/s", 0755);
  mount("n", "a/s", "tmpfs", 0, 0);
  said("set", setattr(AT_FDCWD, "a", 0, A_NOSUID | A_NODEV, 0, 0));
  tree("one");
  said("all", setattr(AT_FDCWD, "a", RECURSIVE, A_NOEXEC, A_NODEV, 0));
  tree("all");
  said("atime without clear", setattr(AT_FDCWD, "a", 0, A_NOATIME, 0, 0));
  said("atime cleared in part", setattr(AT_FDCWD, "a", 0, A_NOATIME, A_STRICT, 0));
  said("atime wrong", setattr(AT_FDCWD, "a", 0, 0x30, A_ATIME, 0));
  said("noatime", setattr(AT_FDCWD, "a", 0, A_NOATIME | A_NODIRATIME, A_ATIME, 0));
  tree("noatime");
  said("strict", setattr(AT_FDCWD, "a", RECURSIVE, A_STRICT, A_ATIME | A_NODIRATIME | A_NOEXEC, 0));
  tree("strict");
  said("relatime", setattr(AT_FDCWD, "a", RECURSIVE, 0, A_ATIME, 0));
  said("symlinks", setattr(AT_FDCWD, "a/s", 0, A_NOSYMFOLLOW, 0, 0));
  tree("relatime");
  said("unknown", setattr(AT_FDCWD, "a", 0, 0x100, 0, 0));
  said("unknown clear", setattr(AT_FDCWD, "a", 0, 0, 1ull << 40, 0));
  said("clear ids", setattr(AT_FDCWD, "a", 0, 0, A_IDMAP, 0));
  said("flags", setattr(AT_FDCWD, "a", 1, A_RDONLY, 0, 0));
  said("two kinds", setattr(AT_FDCWD, "a", 0, 0, 0, MS_SHARED | MS_PRIVATE));
  said("no kind", setattr(AT_FDCWD, "a", 0, 0, 0, MS_BIND));
  said("nothing", setattr(AT_FDCWD, "a", 0, 0, 0, 0));
  said("nothing to nothing", setattr(AT_FDCWD, "missing", 0, 0, 0, 0));
  said("missing", setattr(AT_FDCWD, "missing", 0, A_RDONLY, 0, 0));
  said("no mount", setattr(AT_FDCWD, "a/s/..", 0, 0, A_NOSUID, 0));
  mkdir("a/d", 0755);
  said("directory", setattr(AT_FDCWD, "a/d", 0, A_RDONLY, 0, 0));
  struct attr attr[130] = {{A_RDONLY, 0, 0, 0}};
  said("short", syscall(442, AT_FDCWD, "a", 0, attr, 24));
  said("long", syscall(442, AT_FDCWD, "a", 0, attr, 4097));
  said("long with zeros", syscall(442, AT_FDCWD, "a", 0, attr, 64));
  attr[1].set = 1;
  said("long with more", syscall(442, AT_FDCWD, "a", 0, attr, 64));
  said("bad pointer", syscall(442, AT_FDCWD, "a", 0, 8, 32));
  said("write to a read-only mount", mkdir("a/no", 0755));
  int fd = open("a/s/w", O_CREAT | O_WRONLY, 0644);
  said("read-only with a writer below", setattr(AT_FDCWD, "a", RECURSIVE, A_RDONLY | A_NODEV, 0, 0));
  tree("nothing was changed");
  close(fd);
  said("now", setattr(AT_FDCWD, "a", RECURSIVE, A_RDONLY | A_NODEV, 0, 0));
  said("shared", setattr(AT_FDCWD, "a", RECURSIVE, 0, A_RDONLY, MS_SHARED));
  tree("shared");
  said("slave", setattr(AT_FDCWD, "a", 0, 0, 0, MS_SLAVE));
  said("unbindable", setattr(AT_FDCWD, "a/s", 0, 0, 0, MS_UNBINDABLE));
  tree("unbindable");
  said("private", setattr(AT_FDCWD, "a", RECURSIVE, 0, 0, MS_PRIVATE));
  fd = open("a/s", O_PATH);
  said("of a descriptor", setattr(fd, "", EMPTY, A_NOSUID, 0, 0));
  close(fd);
  fd = open_tree_(AT_FDCWD, "a", CLONE | RECURSIVE);
  said("of a tree that is nowhere", setattr(fd, "", EMPTY | RECURSIVE, A_RDONLY, 0, 0));
  said("write there", mkdirat(fd, "no", 0755));
  said("write here", mkdir("a/yes", 0755));
  said("attach", move(fd, "", AT_FDCWD, "b", F_EMPTY));
  tree("attached");
  close(fd);
  umount2("a", MNT_DETACH), umount2("b", MNT_DETACH);
  tree("nothing");
}

int main(void) {
  /* On the host, nobody else shall see this. */
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  getcwd(here, sizeof here);
  mkdir("a", 0755), mkdir("b", 0755), mkdir("c", 0755), touch("f");
  contexts();
  trees();
  groups();
  attributes();
  return 0;
}
