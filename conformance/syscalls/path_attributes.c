/* chmod, chown, utimensat, umask, xattr: as root and as another user. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void show(const char *path) {
  struct stat st;
  if (lstat(path, &st) < 0) say(path, -1);
  else printf("%s: %o %d:%d\n", path, st.st_mode, st.st_uid, st.st_gid);
}
static void times(const char *path) {
  struct stat st;
  lstat(path, &st);
  printf("%s: %ld.%09ld %ld.%09ld\n", path, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec,
         st.st_mtim.tv_nsec);
}

int main(void) {
  printf("umask %o", umask(027));
  printf(" %o\n", umask(022));
  chmod(".", 0777);
  int fd = open("file", O_CREAT | O_RDWR, 0666);
  mkdir("dir", 0777);
  symlink("file", "link");
  show("file");
  say("chmod", chmod("file", 04751));
  show("file");
  say("through a link", chmod("link", 0640));
  show("file");
  show("link");
  say("fchmod", fchmod(fd, 0604));
  show("file");
  say("fchmodat", fchmodat(AT_FDCWD, "dir", 01770, 0));
  show("dir");
  say("chmod missing", chmod("none", 0));
  say("chmod in a file", chmod("file/x", 0));
  say("fchmod bad fd", fchmod(99, 0));
  chmod("file", 06755);
  say("chown", chown("file", 1, 2));
  show("file");
  say("chown group only", chown("file", -1, 3));
  show("file");
  say("lchown", lchown("link", 5, 6));
  show("link");
  show("file");
  say("fchown", fchown(fd, 1000, -1));
  say("fchownat", fchownat(AT_FDCWD, "link", 7, 8, AT_SYMLINK_NOFOLLOW));
  show("link");
  say("fchownat empty", fchownat(fd, "", 1000, 1000, AT_EMPTY_PATH));
  show("file");
  say("fchownat unknown flag", fchownat(AT_FDCWD, "file", 0, 0, 1));

  struct timespec ts[2] = {{1000000000, 123456789}, {-5, 999999999}};
  say("utimensat", utimensat(AT_FDCWD, "file", ts, 0));
  times("file");
  ts[0].tv_nsec = UTIME_OMIT;
  ts[1] = (struct timespec){42, 0};
  say("omit", utimensat(AT_FDCWD, "file", ts, 0));
  times("file");
  ts[1].tv_nsec = 1000000000;
  say("too many nanoseconds", utimensat(AT_FDCWD, "file", ts, 0));
  ts[1].tv_nsec = UTIME_OMIT;
  say("omit both of a missing file", utimensat(AT_FDCWD, "none", ts, 0));
  ts[0] = ts[1] = (struct timespec){77, 0};
  say("of a link", utimensat(AT_FDCWD, "link", ts, AT_SYMLINK_NOFOLLOW));
  times("link");
  say("futimens", futimens(fd, ts));
  times("file");
  struct utimbuf seconds = {11, 22};
  say("utime", utime("file", &seconds));
  times("file");
  struct timeval tv[2] = {{33, 500000}, {44, 1}};
  say("utimes", utimes("file", tv));
  times("file");
  tv[0].tv_usec = 1000000;
  say("utimes too many", syscall(SYS_utimes, "file", tv));
  say("utime now", utime("file", 0));
  struct stat st;
  stat("file", &st);
  printf("now %d\n", st.st_mtime > 1600000000);
  say("unknown flag", utimensat(AT_FDCWD, "file", ts, 1));
  say("nowhere", syscall(SYS_utimensat, AT_FDCWD, "file", 16L, 0));

  char buf[300];
  say("setxattr", setxattr("file", "user.one", "value", 5, 0));
  say("create again", setxattr("file", "user.one", "v", 1, XATTR_CREATE));
  say("replace missing", setxattr("file", "user.two", "v", 1, XATTR_REPLACE));
  say("replace", setxattr("file", "user.one", "other", 5, XATTR_REPLACE));
  say("getxattr", getxattr("file", "user.one", buf, sizeof buf));
  printf("%.5s\n", buf);
  say("size", getxattr("file", "user.one", 0, 0));
  say("short", getxattr("file", "user.one", buf, 2));
  say("missing", getxattr("file", "user.none", buf, sizeof buf));
  say("namespace", setxattr("file", "bogus.x", "v", 1, 0));
  say("no dot", setxattr("file", "nodot", "v", 1, 0));
  say("empty name", setxattr("file", "", "v", 1, 0));
  say("unknown flag", setxattr("file", "user.x", "v", 1, 8));
  say("on a link", lsetxattr("link", "user.x", "v", 1, 0));
  say("fsetxattr", fsetxattr(fd, "user.fd", "f", 1, 0));
  long n = flistxattr(fd, buf, sizeof buf);
  int names = 0;
  for (long at = 0; at < n; at += strlen(buf + at) + 1) names += strncmp(buf + at, "user.", 5) == 0;
  printf("names %d\n", names);
  say("list short", listxattr("file", buf, 3));
  say("remove", removexattr("file", "user.one"));
  say("remove again", removexattr("file", "user.one"));
  say("trusted", setxattr("file", "trusted.t", "v", 1, 0));

  /* Another user from here on. */
  close(open("mine", O_CREAT | O_WRONLY, 0600));
  chown("mine", 1000, 1000);
  mkdir("sticky", 01777);
  chmod("sticky", 01777);
  close(open("sticky/roots", O_CREAT | O_WRONLY, 0666));
  mkdir("closed", 0711);
  close(open("closed/file", O_CREAT | O_WRONLY, 0644));
  mkdir("shared", 0777);
  chmod("shared", 02777);
  chown("shared", 0, 50);
  chmod("shared", 02777);
  chmod("file", 0640);
  setgid(1000);
  setuid(1000);
  chown("file", 0, 0);
  say("user chmod", chmod("dir", 0777));
  say("user chmod own", chmod("mine", 02755));
  show("mine");
  say("user chown", chown("mine", 0, -1));
  say("user chgrp own", chown("mine", -1, 1000));
  say("user chgrp other", chown("mine", -1, 5));
  say("user times", utimensat(AT_FDCWD, "dir", ts, 0));
  say("user unlink sticky", unlink("sticky/roots"));
  say("user rename sticky", rename("sticky/roots", "sticky/other"));
  say("user create", open("sticky/own", O_CREAT | O_RDWR, 0600) >= 0);
  say("user unlink own", unlink("sticky/own"));
  say("user list closed", open("closed", O_RDONLY));
  say("user file in closed", open("closed/file", O_RDONLY) >= 0);
  say("user create in closed", open("closed/new", O_CREAT | O_RDWR, 0600));
  say("user write in closed", open("closed/file", O_WRONLY));
  say("user trusted", getxattr("file", "trusted.t", buf, sizeof buf));
  say("user mknod", mknod("null", S_IFCHR | 0666, 0x103));
  say("user chroot", chroot("."));
  say("user access", access("sticky/roots", W_OK));
  say("user setgid directory", mkdir("shared/inner", 0755));
  show("shared/inner");
  return 0;
}
