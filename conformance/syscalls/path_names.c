/* rename, renameat2, link, unlink, symlink, readlink, mknod: what they do and their errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void put(const char *path, const char *text) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  write(fd, text, strlen(text));
  close(fd);
}
static void show(const char *path) {
  char buf[100];
  struct stat st;
  int fd = open(path, O_RDONLY);
  long n = read(fd, buf, sizeof buf);
  lstat(path, &st);
  if (fd < 0) printf("%s: %s\n", path, strerror(errno));
  else printf("%s: %.*s links %ld\n", path, (int)n, buf, (long)st.st_nlink);
  close(fd);
}
static int rename2(const char *a, const char *b, int flags) {
  return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

int main(void) {
  char buf[5000];
  put("a", "file a");
  put("b", "file b");
  mkdir("d", 0755);
  mkdir("e", 0755);
  put("e/inner", "inner");
  say("rename", rename("a", "c"));
  show("a");
  show("c");
  say("over a file", rename("c", "b"));
  show("b");
  say("to itself", rename("b", "b"));
  say("missing", rename("none", "x"));
  say("file over directory", rename("b", "d"));
  say("directory over file", rename("d", "b"));
  say("directory over full directory", rename("d", "e"));
  say("into itself", rename("e", "e/x"));
  say("onto its parent", rename("e/inner", "e"));
  say("file with slash", rename("b", "f/"));
  say("directory with slash", rename("d", "d2/"));
  say("directory back", rename("d2/", "d"));
  say("full over empty", rename("e", "d"));
  show("d/inner");
  say("dot", rename("d/.", "x"));
  say("dotdot", rename("d", "d/.."));
  say("root", rename("/", "x"));
  say("across", rename("b", "/dev/shm/../null/x"));
  say("other file system", rename("b", "/dev/posixx-test"));
  put("x", "x");
  put("y", "y");
  say("NOREPLACE", rename2("x", "y", 1));
  say("NOREPLACE free", rename2("x", "z", 1));
  say("EXCHANGE", rename2("z", "y", 2));
  show("y");
  say("EXCHANGE missing", rename2("y", "none", 2));
  say("EXCHANGE directory", rename2("y", "d", 2));
  show("y/inner");
  show("d");
  say("EXCHANGE back", rename2("y", "d", 2));
  say("both flags", rename2("y", "d", 3));
  say("unknown flag", rename2("y", "d", 64));
  say("long name", rename("y", memset(buf, 'n', 256) && (buf[256] = 0, buf) ? buf : buf));

  say("link", link("y", "y2"));
  show("y2");
  say("link exists", link("y", "z"));
  say("link missing", link("none", "x"));
  say("link directory", link("d", "d3"));
  say("link with slash", link("y", "y4/"));
  symlink("y", "s");
  say("link of link", link("s", "s2"));
  lstat("s2", (struct stat *)buf);
  printf("is a link %d\n", S_ISLNK(((struct stat *)buf)->st_mode));
  say("linkat follow", linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
  show("s3");
  int fd = open("y", O_RDONLY);
  say("linkat empty", linkat(fd, "", AT_FDCWD, "y5", AT_EMPTY_PATH));
  say("linkat unknown flag", linkat(fd, "", AT_FDCWD, "y6", 1));
  say("rename to the same inode", rename("y", "y2"));
  show("y");
  say("unlink", unlink("y"));
  say("unlink again", unlink("y"));
  say("unlink in a file", unlink("z/x"));
  say("unlink with slash", unlink("z/"));
  say("unlink missing with slash", unlink("none/"));
  say("unlink .", unlink("."));
  say("unlink directory", unlink("d/"));
  show("y2");

  say("symlink", symlink("target/of/link", "sym"));
  say("symlink exists", symlink("x", "sym"));
  say("symlink empty target", symlink("", "sym2"));
  say("symlink empty path", symlink("x", ""));
  say("symlink with slash", symlink("x", "sym3/"));
  say("readlink", readlink("sym", buf, sizeof buf));
  printf("%.14s\n", buf);
  say("readlink short", readlink("sym", buf, 6));
  say("readlink none", syscall(SYS_readlink, "sym", buf, 0L));
  say("readlink file", readlink("z", buf, sizeof buf));
  say("readlink missing", readlink("none", buf, sizeof buf));
  say("readlink empty", readlink("", buf, sizeof buf));
  int place = open("sym", O_PATH | O_NOFOLLOW);
  say("readlinkat of the link itself", readlinkat(place, "", buf, sizeof buf));
  say("readlink to nowhere", syscall(SYS_readlink, "sym", 16L, 10L));
  memset(buf, 'x', 4999);
  buf[4095] = 0;
  say("symlink of 4095", symlink(buf, "longest"));
  buf[4095] = 'x', buf[4096] = 0;
  say("symlink of 4096", symlink(buf, "longer"));
  say("through sym", open("sym/x", O_RDONLY));

  say("mkfifo", mkfifo("fifo", 0644));
  say("mknod file", mknod("plain", 0600, 0));
  say("mknod type 0", mknod("plain2", S_IFREG | 0600, 0));
  say("mknod socket", mknod("sock", S_IFSOCK | 0600, 0));
  say("mknod directory", mknod("dir", S_IFDIR | 0600, 0));
  say("mknod odd", mknod("odd", 0150000, 0));
  say("mknod null", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  struct stat st;
  stat("null", &st);
  printf("mode %o %d:%d\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
  stat("sock", &st);
  printf("mode %o\n", st.st_mode);
  say("open socket", open("sock", O_RDONLY));
  say("bad pointers", syscall(SYS_rename, 16L, 16L));
  return 0;
}
