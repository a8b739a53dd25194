// posixx: --quiet
/* AT_EMPTY_PATH, O_PATH, magic links, O_TMPFILE with names, openat2's rules, renameat2, handles, names of any bytes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void opened(const char *what, int fd) {
  if (fd < 0) say(what, -1);
  else printf("%s: open\n", what), close(fd);
}
static void touch(const char *path) { close(open(path, O_CREAT | O_WRONLY, 0644)); }
static long mode(const char *path) {
  struct stat st;
  return lstat(path, &st) < 0 ? -1 : st.st_mode;
}
struct how { uint64_t flags, mode, resolve; };
static int open2(int dir, const char *path, uint64_t flags, uint64_t resolve) {
  struct how how = {flags, 0, resolve};
  return syscall(SYS_openat2, dir, path, &how, sizeof how);
}
enum { NO_XDEV = 1, NO_MAGIC = 2, NO_LINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32 };

static void empty(void) {
  touch("f");
  symlink("f", "l");
  symlink("nothing", "dangling");
  mkdir("d", 0755);
  int f = open("f", O_RDWR), p = open("f", O_PATH), l = open("l", O_PATH | O_NOFOLLOW), d = open("d", O_PATH | O_DIRECTORY);
  struct stat st;
  char buf[64];
  say("fstatat", fstatat(p, "", &st, AT_EMPTY_PATH));
  say("fstatat without the flag", fstatat(p, "", &st, 0));
  say("fstatat cwd", fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
  say("fchmodat2", syscall(452, p, "", 0600, AT_EMPTY_PATH));
  printf("%lo\n", mode("f"));
  say("fchmodat2 of a link", syscall(452, l, "", 0600, AT_EMPTY_PATH));
  say("fchmodat2 not followed", syscall(452, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
  say("fchmodat2 bad flag", syscall(452, AT_FDCWD, "f", 0600, 1));
  say("fchownat", fchownat(p, "", 3, 4, AT_EMPTY_PATH));
  say("fchownat of a link", fchownat(l, "", 5, 6, AT_EMPTY_PATH));
  lstat("l", &st);
  printf("%d:%d\n", st.st_uid, st.st_gid);
  say("utimensat", syscall(SYS_utimensat, p, "", 0, AT_EMPTY_PATH));
  say("utimensat null path", syscall(SYS_utimensat, p, 0, 0, 0));
  say("utimensat null path open", syscall(SYS_utimensat, f, 0, 0, 0));
  say("faccessat2", syscall(SYS_faccessat2, p, "", R_OK, AT_EMPTY_PATH));
  say("faccessat2 of a file by name", syscall(SYS_faccessat2, f, "x", R_OK, AT_EMPTY_PATH));
  say("readlinkat", readlinkat(l, "", buf, sizeof buf));
  say("readlinkat of a file", readlinkat(f, "", buf, sizeof buf));
  say("linkat", linkat(p, "", AT_FDCWD, "f2", AT_EMPTY_PATH));
  say("linkat bad fd", linkat(99, "", AT_FDCWD, "f3", AT_EMPTY_PATH));
  say("linkat of a link", linkat(l, "", AT_FDCWD, "l2", AT_EMPTY_PATH));
  printf("%lo\n", mode("l2"));
  say("linkat of a directory", linkat(d, "", AT_FDCWD, "d2", AT_EMPTY_PATH));
  int pipes[2];
  pipe(pipes);
  say("fstatat of a pipe", fstatat(pipes[0], "", &st, AT_EMPTY_PATH));
  say("unlinkat empty", unlinkat(d, "", AT_REMOVEDIR));
  opened("openat empty", openat(d, "", O_RDONLY));
  say("mkdirat empty", mkdirat(d, "", 0755));
  /* O_PATH descriptors. */
  say("read", read(p, buf, 1));
  say("write", write(p, buf, 1));
  say("fchmod", fchmod(p, 0644));
  say("fchown", fchown(p, 0, 0));
  say("ftruncate", ftruncate(p, 0));
  say("fsync", fsync(p));
  say("ioctl", ioctl(p, FIONREAD, buf));
  say("fgetxattr", fgetxattr(p, "user.x", buf, 1));
  say("fsetxattr", fsetxattr(p, "user.x", buf, 1, 0));
  say("flistxattr", flistxattr(p, buf, 1));
  say("lseek", lseek(p, 0, SEEK_SET));
  say("getdents", syscall(SYS_getdents64, d, buf, sizeof buf));
  say("fchdir", fchdir(d));
  say("back", chdir(".."));
  say("fstatfs", syscall(SYS_fstatfs, p, (char[256]){0}));
  printf("mmap %s\n", mmap(0, 1, PROT_READ, MAP_PRIVATE, p, 0) == MAP_FAILED ? strerror(errno) : "yes");
  printf("flags %o\n", fcntl(p, F_GETFL));
  say("setfl", fcntl(p, F_SETFL, O_NONBLOCK));
  say("lock", fcntl(p, F_SETLK, &(struct flock){F_RDLCK}));
  say("dup", dup(p) >= 0);
  say("getfd", fcntl(p, F_GETFD));
  opened("O_PATH|O_CREAT", open("created?", O_PATH | O_CREAT, 0644));
  opened("O_PATH of a link, followed", open("dangling", O_PATH));
  opened("O_PATH of a link", open("dangling", O_PATH | O_NOFOLLOW));
  opened("O_NOFOLLOW of a link", open("l", O_RDONLY | O_NOFOLLOW));
  opened("O_PATH|O_DIRECTORY of a file", open("f", O_PATH | O_DIRECTORY));
  opened("at a file", openat(p, "x", O_RDONLY));
  opened("at a file, .", openat(f, ".", O_RDONLY));
  opened("at a closed one", openat(77, "x", O_RDONLY));
  opened("at a closed one, absolute", openat(77, "/", O_RDONLY));
  close(pipes[0]), close(pipes[1]), close(f), close(l), close(d), close(p);
}

static void magic(void) {
  char path[64], buf[64];
  touch("m");
  int f = open("m", O_RDONLY), p = open("m", O_PATH);
  sprintf(path, "/proc/self/fd/%d", p);
  opened("reopen O_PATH", open(path, O_RDWR));
  opened("reopen, O_CREAT", open(path, O_RDWR | O_CREAT, 0644));
  opened("reopen, O_EXCL", open(path, O_RDWR | O_CREAT | O_EXCL, 0644));
  opened("not followed", open(path, O_RDONLY | O_NOFOLLOW));
  opened("O_PATH not followed", open(path, O_PATH | O_NOFOLLOW));
  say("chmod", chmod(path, 0400));
  printf("%lo\n", mode("m"));
  say("truncate", truncate(path, 10));
  say("through it", open((strcat(path, "/x"), path), O_RDONLY));
  unlink("m");
  sprintf(path, "/proc/self/fd/%d", f);
  long n = readlink(path, buf, sizeof buf - 1);
  buf[n > 0 ? n : 0] = 0;
  printf("%s\n", n > 10 ? buf + n - 10 : "?");
  opened("reopen removed", open(path, O_RDONLY));
  say("link removed", linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
  say("unlink it", unlink(path));
  close(f), close(p);
  int d = open(".", O_RDONLY | O_DIRECTORY);
  sprintf(path, "/proc/self/fd/%d/f", d);
  opened("below a directory", open(path, O_RDONLY));
  sprintf(path, "/proc/self/fd/%d/..", d);
  opened("above it", open(path, O_RDONLY));
  opened("cwd", open("/proc/self/cwd/f", O_RDONLY));
  opened("root", open("/proc/self/root/proc", O_RDONLY));
  /* Files without a name. */
  f = open(".", O_TMPFILE | O_RDWR, 0640);
  say("write", write(f, "text", 4));
  sprintf(path, "/proc/self/fd/%d", f);
  say("name it", linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  say("name it again", linkat(f, "", AT_FDCWD, "named2", AT_EMPTY_PATH));
  struct stat st;
  fstat(f, &st);
  printf("%o links %ld size %ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size);
  close(f);
  f = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
  sprintf(path, "/proc/self/fd/%d", f);
  say("name an exclusive one", linkat(AT_FDCWD, path, AT_FDCWD, "named3", AT_SYMLINK_FOLLOW));
  close(f);
  opened("O_TMPFILE to read", open(".", O_TMPFILE | O_RDONLY, 0640));
  opened("O_TMPFILE in a file", open("f", O_TMPFILE | O_RDWR, 0640));
  close(d);
}

static void how(void) {
  mkdir("h", 0755);
  mkdir("h/in", 0755);
  touch("h/in/f");
  touch("h/f");
  symlink("in/f", "h/rel");
  symlink("/in/f", "h/abs");
  symlink("../h/in/f", "h/out");
  symlink("in", "h/dir");
  symlink("..", "h/in/up");
  symlink("../..", "h/in/upup");
  int d = open("h", O_PATH), cwd = AT_FDCWD;
  const char *paths[] = {"in/f", "rel", "abs", "out", "dir/f", "in/up/f", "in/upup", "..", "in/../f", "/in/f", "/", ".", "in/../../h/f", "none"};
  int modes[] = {0, NO_LINKS, BENEATH, IN_ROOT, NO_XDEV, NO_MAGIC, BENEATH | NO_LINKS};
  for (int i = 0; i < 14; i++) {
    printf("%s:", paths[i]);
    for (int j = 0; j < 7; j++) {
      if (paths[i][0] == '/' && !(modes[j] & (BENEATH | IN_ROOT))) continue;
      int fd = open2(d, paths[i], O_RDONLY, modes[j]);
      printf(" %d", fd < 0 ? errno : 0);
      if (fd >= 0) close(fd);
    }
    printf("\n");
  }
  opened("magic", open2(cwd, "/proc/self/cwd", O_RDONLY, NO_MAGIC));
  opened("magic beneath", open2(open("/proc/self", O_PATH), "cwd", O_RDONLY, BENEATH));
  opened("/proc crossed", open2(open("/", O_PATH), "proc/self/stat", O_RDONLY, NO_XDEV));
  opened("last link, O_PATH|O_NOFOLLOW", open2(d, "rel", O_PATH | O_NOFOLLOW, NO_LINKS));
  struct how h = {O_RDONLY, 0, 0};
  struct { struct how how; uint64_t more; } large = {{O_RDONLY, 0, 0}, 0};
  say("small", syscall(SYS_openat2, cwd, "f", &h, 16));
  say("zero size", syscall(SYS_openat2, cwd, "f", &h, 0));
  opened("larger, zero", syscall(SYS_openat2, cwd, "f", &large, sizeof large));
  large.more = 1;
  say("larger, not zero", syscall(SYS_openat2, cwd, "f", &large, sizeof large));
  say("bad pointer", syscall(SYS_openat2, cwd, "f", 8, sizeof h));
  struct how bad[] = {
    {O_RDONLY, 0644, 0}, {O_CREAT | O_WRONLY, 010000, 0}, {1ULL << 40, 0, 0}, {1 << 30, 0, 0}, {O_RDONLY, 0, 64},
    {O_RDONLY, 0, BENEATH | IN_ROOT}, {O_PATH | O_RDWR, 0, 0}, {O_PATH | O_CREAT, 0, 0}, {O_CREAT | O_DIRECTORY, 0644, 0},
    {O_RDONLY, 1ULL << 33, 0},
  };
  for (int i = 0; i < 10; i++) say("refused", syscall(SYS_openat2, cwd, "f", &bad[i], sizeof h));
  close(d);
}

static void renames(void) {
  touch("a"), touch("b");
  mkdir("x", 0755), mkdir("y", 0755);
  touch("y/in");
#define RENAME(from, to, flags) say(#from " " #to " " #flags, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags))
  RENAME("a", "b", 1);
  RENAME("a", "c", 1);
  RENAME("c", "a", 3);
  RENAME("c", "a", 2);
  RENAME("c", "x", 2);
  printf("%lo %lo\n", mode("c"), mode("x"));
  RENAME("c", "y", 2);
  RENAME("c", "y/in", 2);
  RENAME("y", "y/in", 2);
  RENAME("y", "y/z", 2);
  RENAME("x", "w", 4);
  printf("%lo %lo\n", mode("x"), mode("w"));
  RENAME("w", "x", 4);
  RENAME("w", "v", 5);
  RENAME("v", "b", 6);
  RENAME("b", "e", 8);
  RENAME("b", "nothing/e", 0);
  RENAME("b", "e/", 0);
  RENAME("y", "e/", 0);
  RENAME("e", "b", 0);
  RENAME("b", "e", 0);
  RENAME("e/.", "q", 0);
  RENAME("e", ".", 0);
  RENAME("e", "e/in", 0);
  RENAME("b", "b", 0);
  RENAME("b", "b", 1);
}

static void handles(void) {
  struct { struct file_handle h; unsigned char bytes[128]; } a, b;
  int id, other;
  touch("handle");
  a.h.handle_bytes = 0;
  say("no room", name_to_handle_at(AT_FDCWD, "handle", &a.h, &id, 0));
  printf("needs some %d\n", a.h.handle_bytes > 0);
  say("room", name_to_handle_at(AT_FDCWD, "handle", &a.h, &id, 0));
  b.h.handle_bytes = 128;
  link("handle", "handle2");
  say("its other name", name_to_handle_at(AT_FDCWD, "handle2", &b.h, &other, 0));
  printf("same %d %d\n", !memcmp(a.h.f_handle, b.h.f_handle, a.h.handle_bytes), id == other);
  b.h.handle_bytes = 200;
  say("too much room", name_to_handle_at(AT_FDCWD, "handle", &b.h, &id, 0));
  say("bad flag", name_to_handle_at(AT_FDCWD, "handle", &a.h, &id, AT_SYMLINK_NOFOLLOW));
  say("missing", name_to_handle_at(AT_FDCWD, "no handle", &a.h, &id, 0));
  b.h.handle_bytes = 128;
  symlink("handle", "hl");
  say("of a link", name_to_handle_at(AT_FDCWD, "hl", &b.h, &id, 0));
  printf("same %d\n", !memcmp(a.h.f_handle, b.h.f_handle, a.h.handle_bytes));
  b.h.handle_bytes = 128;
  say("of its target", name_to_handle_at(AT_FDCWD, "hl", &b.h, &id, AT_SYMLINK_FOLLOW));
  printf("same %d\n", !memcmp(a.h.f_handle, b.h.f_handle, a.h.handle_bytes));
  int d = open(".", O_RDONLY);
  b.h.handle_bytes = 128;
  say("of a descriptor", name_to_handle_at(d, "", &b.h, &id, AT_EMPTY_PATH));
  opened("the directory", open_by_handle_at(d, &b.h, O_RDONLY | O_DIRECTORY));
  opened("open", open_by_handle_at(d, &a.h, O_RDWR));
  opened("open O_PATH", open_by_handle_at(d, &a.h, O_PATH));
  opened("as a directory", open_by_handle_at(d, &a.h, O_RDONLY | O_DIRECTORY));
  opened("bad mount", open_by_handle_at(99, &a.h, O_RDONLY));
  int f = open("handle", O_RDONLY);
  unlink("handle");
  opened("one name less", open_by_handle_at(d, &a.h, O_RDONLY));
  unlink("handle2");
  close(f);
  opened("gone", open_by_handle_at(d, &a.h, O_RDONLY));
  b.h.handle_bytes = 4;
  opened("nonsense", open_by_handle_at(d, &b.h, O_RDONLY));
  b.h.handle_bytes = 128;
  say("of proc", name_to_handle_at(AT_FDCWD, "/proc/self/stat", &b.h, &id, 0));
  fflush(stdout);
  if (fork() == 0) {
    setuid(1000);
    b.h.handle_bytes = 128;
    say("as a user", name_to_handle_at(AT_FDCWD, "f", &b.h, &id, 0));
    opened("open as a user", open_by_handle_at(d, &b.h, O_RDONLY));
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  close(d);
}

static void bytes(void) {
  mkdir("bytes", 0755);
  chdir("bytes");
  char name[3] = {0};
  int made = 0, seen = 0;
  for (int c = 1; c < 256; c++) {
    if (c == '/' || c == '.') continue;
    name[0] = c;
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd >= 0) made++, close(fd);
  }
  DIR *d = opendir(".");
  char map[256] = {0};
  for (struct dirent *e; (e = readdir(d));) if (!e->d_name[1]) map[(unsigned char)e->d_name[0]] = 1;
  for (int c = 1; c < 256; c++) seen += map[c];
  closedir(d);
  printf("made %d seen %d\n", made, seen);
  symlink("\xff\xfe\x80 target\n", "\xc3\x28");
  char buf[64];
  long n = readlink("\xc3\x28", buf, sizeof buf);
  printf("target %ld %d\n", n, memcmp(buf, "\xff\xfe\x80 target\n", n));
  say("chdir", mkdir("\xe9\xff", 0755) | chdir("\xe9\xff"));
  getcwd(buf, sizeof buf);
  printf("cwd ends %d\n", !strcmp(buf + strlen(buf) - 2, "\xe9\xff"));
  chdir("../..");
}

/* Entries come and go while a directory is read; positions hold. */
static void reading(void) {
  mkdir("many", 0755);
  char name[64];
  for (int i = 0; i < 500; i++) sprintf(name, "many/old%d", i), touch(name);
  DIR *d = opendir("many");
  int counts[500] = {0}, n, i = 0;
  long at = -1;
  char after[64] = "";
  for (struct dirent *e; (e = readdir(d)); i++) {
    if (sscanf(e->d_name, "old%d", &n) == 1) counts[n]++;
    sprintf(name, "many/new%d", i), touch(name);
    if (i == 200) for (int j = 0; j < 500; j += 50) sprintf(name, "many/old%d", j), unlink(name);
  }
  int once = 1;
  for (i = 0; i < 500; i++) if (i % 50 && counts[i] != 1 || counts[i] > 1) once = 0;
  printf("each once %d\n", once);
  struct dirent *e;
  rewinddir(d);
  for (i = 0; (e = readdir(d)); i++) {
    if (i == 100) at = telldir(d);
    if (i == 101) strcpy(after, e->d_name);
  }
  seekdir(d, at);
  e = readdir(d);
  printf("seekdir %d\n", e && !strcmp(e->d_name, after));
  rewinddir(d);
  int old = 0, new = 0;
  while ((e = readdir(d))) old += e->d_name[0] == 'o', new += e->d_name[0] == 'n';
  printf("old %d new %d\n", old, new > 490);
  closedir(d);
  int fd = open("many", O_RDONLY | O_DIRECTORY);
  char buf[256];
  say("too small", syscall(SYS_getdents64, fd, buf, 10));
  say("some", syscall(SYS_getdents64, fd, buf, sizeof buf) > 0);
  say("old form", syscall(SYS_getdents, fd, buf, sizeof buf) > 0);
  say("bad pointer", syscall(SYS_getdents64, fd, 8, sizeof buf));
  for (i = 0; i < 1000; i++) {
    sprintf(name, "many/old%d", i), unlink(name);
    sprintf(name, "many/new%d", i), unlink(name);
  }
  say("rmdir", rmdir("many"));
  say("removed", syscall(SYS_getdents64, fd, buf, sizeof buf));
  close(fd);
}

int main(void) {
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  mkdir("top", 0755);
  mount("none", "top", "tmpfs", 0, "mode=755");
  chdir("top");
  empty();
  magic();
  how();
  renames();
  handles();
  bytes();
  reading();
  return 0;
}
