/* stat, lstat, fstat, fstatat, statx, statfs, access: what they say and their errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void tell(const char *what, int result, struct stat *st) {
  if (result < 0) { say(what, result); return; }
  printf("%s: mode %o links %ld uid %d gid %d size %ld rdev %d:%d\n", what, st->st_mode,
         S_ISDIR(st->st_mode) ? 0 : (long)st->st_nlink, st->st_uid, st->st_gid,
         S_ISDIR(st->st_mode) ? 0 : (long)st->st_size, major(st->st_rdev), minor(st->st_rdev));
}

struct statx_ { unsigned mask, blksize; unsigned long long attributes; unsigned nlink, uid, gid; unsigned short mode, pad;
  unsigned long long ino, size, blocks, attributes_mask; struct { long long sec; unsigned nsec; int pad; } atime, btime, ctime, mtime;
  unsigned rdev_major, rdev_minor, dev_major, dev_minor; unsigned long long more[14]; };

int main(void) {
  umask(022);
  struct stat st, other;
  mkdir("dir", 0750);
  int fd = open("dir/file", O_RDWR | O_CREAT, 0640);
  write(fd, "12345", 5);
  link("dir/file", "second");
  symlink("dir/file", "link");
  symlink("dir", "todir");
  mkfifo("fifo", 0600);
  tell("file", stat("dir/file", &st), &st);
  tell("link", stat("link", &other), &other);
  printf("same %d\n", st.st_ino == other.st_ino && st.st_dev == other.st_dev);
  tell("lstat", lstat("link", &other), &other);
  tell("lstat with slash", lstat("todir/", &other), &other);
  tell("fstat", fstat(fd, &other), &other);
  tell("directory", stat("dir", &other), &other);
  tell("fifo", stat("fifo", &other), &other);
  tell("null", stat("/dev/null", &other), &other);
  tell("zero", stat("/dev/zero", &other), &other);
  tell("missing", stat("nothing", &other), &other);
  tell("empty", stat("", &other), &other);
  tell("in a file", stat("second/x", &other), &other);
  say("bad buffer", syscall(SYS_stat, "second", 16L));
  say("bad path", syscall(SYS_stat, 16L, &st));
  int dir = open("dir", O_RDONLY);
  tell("fstatat", fstatat(dir, "file", &other, 0), &other);
  tell("fstatat nofollow", fstatat(AT_FDCWD, "link", &other, AT_SYMLINK_NOFOLLOW), &other);
  tell("fstatat empty", fstatat(fd, "", &other, AT_EMPTY_PATH), &other);
  tell("fstatat empty without flag", fstatat(fd, "", &other, 0), &other);
  tell("fstatat of a file", fstatat(fd, "x", &other, 0), &other);
  say("fstatat unknown flag", syscall(SYS_newfstatat, dir, "file", &other, 0x8000));
  tell("bad fd", fstat(99, &other), &other);
  unlink("second");
  fstat(fd, &other);
  printf("links %ld\n", (long)other.st_nlink);
  unlink("dir/file");
  fstat(fd, &other);
  printf("links %ld size %ld\n", (long)other.st_nlink, (long)other.st_size);
  pwrite(fd, "x", 1, 99999);
  fstat(fd, &other);
  printf("size %ld\n", (long)other.st_size);

  struct statx_ sx;
  memset(&sx, 0, sizeof sx);
  say("statx", syscall(332, AT_FDCWD, "fifo", 0, 0x7ffu, &sx));
  printf("mask %x mode %o links %u\n", sx.mask & 0x7ff, sx.mode, sx.nlink);
  say("statx both syncs", syscall(332, AT_FDCWD, "fifo", 0x6000, 0x7ffu, &sx));
  say("statx reserved", syscall(332, AT_FDCWD, "fifo", 0, 0x80000000u, &sx));
  say("statx unknown flag", syscall(332, AT_FDCWD, "fifo", 0x10000, 0x7ffu, &sx));
  say("statx empty path", syscall(332, fd, "", AT_EMPTY_PATH, 0x7ffu, &sx));
  printf("size %llu\n", sx.size);

  say("access", access("fifo", R_OK | W_OK));
  say("access to run", access("fifo", X_OK));
  say("access to search", access("dir", X_OK));
  say("access missing", access("nothing", F_OK));
  say("access unknown mode", access("fifo", 8));
  say("faccessat2 on a link", syscall(439, AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW));
  say("access dangling", access("link", F_OK));
  say("faccessat2 unknown flag", syscall(439, AT_FDCWD, "link", F_OK, 1));
  chmod("fifo", 0);
  say("root reads all", access("fifo", R_OK | W_OK));

  struct statfs fs;
  say("statfs", statfs(".", &fs));
  printf("%d %ld\n", fs.f_bsize > 0, (long)fs.f_namelen);
  say("statfs missing", statfs("nothing", &fs));
  say("fstatfs", fstatfs(fd, &fs));
  say("fstatfs bad fd", fstatfs(99, &fs));
  return 0;
}
