/* Who may do what to files: owner, group, other; sticky and set-group-ID directories; bits that go; times; access. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
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
static void show(const char *path) {
  struct stat st;
  if (lstat(path, &st) < 0) printf("  %s: %s\n", path, strerror(errno));
  else printf("  %s: %o %d:%d\n", path, st.st_mode, st.st_uid, st.st_gid);
}
static void make(const char *path, int mode, int uid, int gid) {
  close(open(path, O_CREAT | O_WRONLY, 0600));
  chown(path, uid, gid);
  chmod(path, mode);
}
/* Runs the rest as that user, with those groups, in a child. */
static int as(int uid, int gid, int n, const gid_t *groups) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    setgroups(n, groups);
    setresgid(gid, gid, gid);
    setresuid(uid, uid, uid);
    printf("as %d:%d\n", uid, gid);
    return 1;
  }
  waitpid(child, 0, 0);
  return 0;
}
static void done(void) {
  fflush(stdout);
  _exit(0);
}
static void try(const char *path) {
  for (int mode = 1; mode < 8; mode++) putchar(access(path, mode) == 0 ? '0' + mode : '-');
  printf(" r %d", open(path, O_RDONLY) >= 0 ? 0 : errno);
  printf(" w %d", open(path, O_WRONLY) >= 0 ? 0 : errno);
  printf(" rw %d %s\n", open(path, O_RDWR) >= 0 ? 0 : errno, path);
}

int main(void) {
  umask(0);
  const gid_t g200[] = {200};
  make("owner", 0077, 1000, 100);
  make("group", 0707, 1, 100);
  make("other", 0770, 1, 1);
  make("supplementary", 0040, 1, 200);
  make("program", 0644, 1, 1);
  make("closed", 0000, 1, 1);
  for (int i = 0; i < 2; i++) {
    if (i == 0 ? as(1000, 100, 1, g200) : as(0, 0, 0, 0)) {
      try("owner"), try("group"), try("other"), try("supplementary"), try("program"), try("closed");
      done();
    }
  }
  /* Directories: search, write, sticky. */
  mkdir("search", 0711);
  make("search/known", 0666, 1, 1);
  mkdir("list", 0744);
  make("list/known", 0666, 1, 1);
  mkdir("sticky", 01777);
  make("sticky/mine", 0666, 1000, 100);
  make("sticky/theirs", 0666, 1, 1);
  mkdir("sticky/dir", 0777);
  mkdir("own", 01777);
  chown("own", 1000, 100);
  make("own/theirs", 0666, 1, 1);
  make("suid", 04755, 1, 1);
  make("sgid", 02755, 1, 1);
  make("plain", 0666, 1, 1);
  make("unread", 0622, 1, 1);
  if (as(1000, 100, 0, 0)) {
    say("open known", open("search/known", O_RDWR) > 0);
    say("list", open("search", O_RDONLY | O_DIRECTORY));
    say("make", open("search/new", O_CREAT | O_WRONLY, 0644));
    say("open in list", open("list/known", O_RDONLY));
    say("readdir", open("list", O_RDONLY | O_DIRECTORY) > 0);
    say("chdir", chdir("list"));
    say("remove theirs", unlink("sticky/theirs"));
    say("rename theirs", rename("sticky/theirs", "sticky/x"));
    say("rename over theirs", rename("sticky/mine", "sticky/theirs"));
    say("rmdir theirs", rmdir("sticky/dir"));
    say("rename mine", rename("sticky/mine", "sticky/x"));
    say("remove mine", unlink("sticky/x"));
    say("in my directory", unlink("own/theirs"));
    say("link suid", link("suid", "sticky/l1"));
    say("link sgid", link("sgid", "sticky/l2"));
    say("link plain", link("plain", "sticky/l3"));
    say("link unreadable", link("unread", "sticky/l4"));
    say("mknod device", mknod("sticky/null", S_IFCHR | 0666, 0x103));
    say("mknod fifo", mknod("sticky/fifo", S_IFIFO | 0666, 0));
    say("chroot", chroot("sticky"));
    say("mount", mount("none", "sticky", "tmpfs", 0, 0));
    done();
  }
  /* What new files get. */
  mkdir("sg", 02777);
  chown("sg", 1, 200);
  chmod("sg", 02777);
  if (as(1000, 100, 0, 0)) {
    umask(027);
    close(open("sg/file", O_CREAT | O_WRONLY, 0666));
    mkdir("sg/dir", 0777);
    symlink("x", "sg/link");
    mkfifo("sg/fifo", 0666);
    close(open("sg/privileged", O_CREAT | O_WRONLY, 06777));
    umask(0);
    close(open("sg/privileged2", O_CREAT | O_WRONLY, 06777));
    close(open("sg/privileged3", O_CREAT | O_WRONLY, 06707));
    mkdir("sg/privileged4", 06777);
    show("sg/file"), show("sg/dir"), show("sg/link"), show("sg/fifo"), show("sg/privileged"), show("sg/privileged2");
    show("sg/privileged3"), show("sg/privileged4");
    say("chmod keeps?", chmod("sg/file", 02770));
    show("sg/file");
    say("chmod of theirs", chmod("plain", 0600));
    say("chown to me", chown("plain", 1000, -1));
    say("chown away", chown("sg/file", 1, -1));
    say("chown same", chown("sg/file", 1000, -1));
    say("chgrp to mine", chown("sg/file", -1, 100));
    say("chgrp to other", chown("sg/file", -1, 300));
    say("chown nothing of theirs", chown("plain", -1, -1));
    say("sticky file", chmod("sg/file", 01644));
    show("sg/file");
    done();
  }
  /* Bits that go with changes. */
  struct { const char *name; int mode; } kinds[] = {{"k6777", 06777}, {"k2767", 02767}, {"k4666", 04666}};
  for (int round = 0; round < 6; round++) {
    for (int i = 0; i < 3; i++) make(kinds[i].name, kinds[i].mode, 1000, 1);
    for (int who = 0; who < 2; who++) {
      if (as(who ? 1000 : 0, who ? 100 : 0, 0, 0)) {
        for (int i = 0; i < 3; i++) {
          const char *name = kinds[i].name;
          int fd = round < 4 ? open(name, O_RDWR) : -1;
          switch (round) {
            case 0: write(fd, "x", 1); break;
            case 1: write(fd, "x", 0); break;
            case 2: ftruncate(fd, 10); break;
            case 3: pwrite(fd, "x", 1, 5); break;
            case 4: truncate(name, 20); break;
            case 5: if (who) chown(name, -1, 100); else chown(name, -1, -1); break;
          }
          show(name);
        }
        done();
      }
    }
  }
  for (int i = 0; i < 3; i++) make(kinds[i].name, kinds[i].mode, 1000, 1);
  if (as(1000, 100, 0, 0)) {
    for (int i = 0; i < 3; i++) close(open(kinds[i].name, O_WRONLY | O_TRUNC)), show(kinds[i].name);
    done();
  }
  mkdir("kd", 06777);
  chmod("kd", 06777);
  chown("kd", 5, 6);
  show("kd");
  symlink("k6777", "kl");
  lchown("kl", 7, 8);
  show("kl");
  /* Times. */
  make("writable", 0666, 1, 1);
  make("readonly", 0644, 1, 1);
  make("mine", 0400, 1000, 100);
  if (as(1000, 100, 0, 0)) {
    struct timespec set[2] = {{100, 0}, {200, 0}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct timespec half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}}, none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    const char *names[] = {"writable", "readonly", "mine"};
    for (int i = 0; i < 3; i++) {
      printf("%s\n", names[i]);
      say("  set", utimensat(AT_FDCWD, names[i], set, 0));
      say("  now", utimensat(AT_FDCWD, names[i], now, 0));
      say("  null", utimensat(AT_FDCWD, names[i], 0, 0));
      say("  half", utimensat(AT_FDCWD, names[i], half, 0));
      say("  none", utimensat(AT_FDCWD, names[i], none, 0));
      say("  noatime", open(names[i], O_RDONLY | O_NOATIME) > 0);
    }
    say("truncate", truncate("mine", 0));
    done();
  }
  /* Real, effective and file system ids. */
  make("private", 0600, 1000, 100);
  make("roots", 0600, 0, 0);
  fflush(stdout);
  if (fork() == 0) {
    setgroups(0, 0);
    setresuid(1000, 0, 0);
    say("access with real id", access("roots", R_OK));
    say("effective", faccessat(AT_FDCWD, "roots", R_OK, AT_EACCESS));
    say("open", open("roots", O_RDONLY) > 0);
    setresuid(0, 1000, 0);
    say("access as root", access("roots", R_OK));
    say("effective", syscall(SYS_faccessat2, AT_FDCWD, "roots", R_OK, AT_EACCESS));
    say("open", open("roots", O_RDONLY));
    setresuid(0, 0, 0);
    say("setfsuid", setfsuid(1000));
    say("setfsuid", setfsuid(-1));
    say("setfsgid", setfsgid(100));
    say("open roots", open("roots", O_RDONLY));
    say("open private", open("private", O_RDONLY) > 0);
    close(open("madeby", O_CREAT | O_WRONLY, 0644));
    show("madeby");
    setfsuid(0);
    say("open roots", open("roots", O_RDONLY) > 0);
    done();
  }
  wait(0);
  /* Extended attributes. */
  make("attr", 0644, 1000, 100);
  symlink("attr", "attrlink");
  if (as(1001, 100, 0, 0)) {
    say("user", setxattr("attr", "user.x", "1", 1, 0));
    say("get", getxattr("attr", "user.x", 0, 0));
    say("trusted", setxattr("attr", "trusted.x", "1", 1, 0));
    say("get trusted", getxattr("attr", "trusted.x", 0, 0));
    done();
  }
  say("root user", setxattr("attr", "user.x", "1", 1, 0));
  say("of a link", lsetxattr("attrlink", "user.x", "1", 1, 0));
  mkdir("stickyattr", 01777);
  if (as(1001, 100, 0, 0)) {
    say("sticky directory", setxattr("stickyattr", "user.x", "1", 1, 0));
    say("unknown namespace", setxattr("attr", "bogus.x", "1", 1, 0));
    say("no name", setxattr("attr", "user.", "1", 1, 0));
    done();
  }
  return 0;
}
