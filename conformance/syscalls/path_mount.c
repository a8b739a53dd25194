// posixx: --quiet
/* mount, umount2: tmpfs, bind, remount, move and their errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void put(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0644);
  if (fd < 0) printf("%s: %s\n", path, strerror(errno));
  else close(fd);
}

int main(void) {
  /* On the host, nobody else shall see this. */
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  mkdir("a", 0755);
  mkdir("b", 0755);
  mkdir("a/sub", 0755);
  put("a/file");
  say("tmpfs", mount("none", "b", "tmpfs", 0, "size=64k,mode=0700"));
  struct stat st;
  stat("b", &st);
  printf("mode %o\n", st.st_mode);
  put("b/inside");
  say("inside", access("b/inside", F_OK));
  int fd = open("b/big", O_CREAT | O_WRONLY, 0644);
  static char bytes[100000];
  say("more than fits", write(fd, bytes, sizeof bytes));
  say("and more", write(fd, bytes, sizeof bytes));
  close(fd);
  say("link across", link("a/file", "b/file"));
  say("rename across", rename("a/file", "b/file"));
  say("rmdir of a mount point", rmdir("b"));
  say("remount", mount(0, "b", 0, MS_REMOUNT | MS_RDONLY, 0));
  put("b/other");
  say("unlink", unlink("b/inside"));
  say("chmod", chmod("b/inside", 0600));
  say("access", access("b/inside", W_OK));
  say("remount of no mount", mount(0, "a", 0, MS_REMOUNT, 0));
  say("umount", umount("b"));
  say("gone", access("b/inside", F_OK));
  say("umount again", umount("b"));
  say("bind", mount("a", "b", 0, MS_BIND, 0));
  say("seen", access("b/file", F_OK));
  put("b/new");
  say("both", access("a/new", F_OK));
  struct stat other;
  stat("a", &st);
  stat("b", &other);
  printf("same %d\n", st.st_ino == other.st_ino);
  say("dotdot", access("b/../a/file", F_OK));
  say("stacked", mount("none", "b", "tmpfs", 0, 0));
  say("hidden", access("b/file", F_OK));
  say("umount", umount("b"));
  say("seen", access("b/file", F_OK));
  say("umount", umount("b"));
  put("f1");
  put("f2");
  say("bind of a file", mount("a/file", "f1", 0, MS_BIND, 0));
  stat("a/file", &st);
  stat("f1", &other);
  printf("same %d\n", st.st_ino == other.st_ino);
  say("unlink it", unlink("f1"));
  say("bind of a directory on a file", mount("a", "f2", 0, MS_BIND, 0));
  say("umount", umount("f1"));
  say("tmpfs below", mount("none", "a/sub", "tmpfs", 0, 0));
  put("a/sub/x");
  say("bind", mount("a", "b", 0, MS_BIND, 0));
  say("without what is below", access("b/sub/x", F_OK));
  umount("b");
  say("rbind", mount("a", "b", 0, MS_BIND | MS_REC, 0));
  say("with it", access("b/sub/x", F_OK));
  say("umount of one with others below", umount("b"));
  say("detach", umount2("b", MNT_DETACH));
  mkdir("c", 0755);
  say("move", mount("a/sub", "c", 0, MS_MOVE, 0));
  say("moved", access("c/x", F_OK));
  say("moved away", access("a/sub/x", F_OK));
  say("noexec", mount(0, "c", 0, MS_REMOUNT | MS_NOEXEC | MS_NODEV, 0));
  chmod("c/x", 0755);
  say("access to run", access("c/x", X_OK));
  mknod("c/null", S_IFCHR | 0666, 0x103);
  say("device", open("c/null", O_RDONLY));
  say("unknown type", mount("none", "b", "bogusfs", 0, 0));
  say("no such place", mount("none", "none", "tmpfs", 0, 0));
  say("on a file", mount("none", "f1", "tmpfs", 0, 0));
  say("unknown option", mount("none", "b", "tmpfs", 0, "bogus=1"));
  say("umount of a file", umount("f1"));
  say("umount unknown flag", umount2("c", 64));
  chdir("c");
  say("busy", umount("../c"));
  chdir("..");
  say("umount", umount("c"));
  setuid(1000);
  say("as a user", mount("none", "b", "tmpfs", 0, 0));
  return 0;
}
