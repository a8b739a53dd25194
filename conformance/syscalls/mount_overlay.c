// mount(2) of an overlay: what shows, what a change leaves in the layers, and what is the same before and after copy-up.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) say(path, -1);
  close(fd);
}
static void show(const char *path) {
  char text[100];
  int fd = open(path, O_RDONLY);
  long got = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (got < 0) say(path, -1);
  else printf("%s = %.*s\n", path, (int)got, text);
  close(fd);
}
static int order(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static void list(const char *path) {
  char *names[100];
  int n = 0;
  DIR *dir = opendir(path);
  if (!dir) { say(path, -1); return; }
  for (struct dirent *e; n < 100 && (e = readdir(dir));) if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) names[n++] = strdup(e->d_name);
  closedir(dir);
  qsort(names, n, sizeof *names, order);
  printf("%s:", path);
  for (int i = 0; i < n; i++) {
    struct stat s;
    char full[1000];
    snprintf(full, sizeof full, "%s/%s", path, names[i]);
    if (lstat(full, &s) < 0) { printf(" %s?", names[i]); continue; }
    if (S_ISCHR(s.st_mode)) printf(" %s(%d:%d)", names[i], major(s.st_rdev), minor(s.st_rdev));
    else if (S_ISDIR(s.st_mode)) printf(" %s/(%o)", names[i], s.st_mode & 07777);
    else printf(" %s(%o,%ld,%lu)", names[i], s.st_mode & 07777, (long)s.st_size, (unsigned long)s.st_nlink);
    free(names[i]);
  }
  printf("\n");
}
static void attribute(const char *path, const char *name) {
  char value[100];
  long got = getxattr(path, name, value, sizeof value);
  if (got < 0) printf("%s %s: %s\n", path, name, strerror(errno));
  else printf("%s %s = %.*s\n", path, name, (int)got, value);
}
static struct stat at(const char *path) {
  struct stat s;
  if (lstat(path, &s) < 0) { say(path, -1); memset(&s, 0, sizeof s); }
  return s;
}

/** The device a file shows by its name and, just made or opened, by its descriptor; next to the mount's and the layers'. */
static void devices(const char *path) {
  struct stat opened = {0};
  int fd = open(path, O_CREAT | O_RDWR, 0644);
  if (fd < 0 || fstat(fd, &opened) < 0) say(path, -1);
  close(fd);
  struct stat named = at(path);
  printf("%s: one file %d, on the overlay's device %d, on a layer's %d\n", path,
    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino, named.st_dev == at("all").st_dev,
    named.st_dev == at("low").st_dev || named.st_dev == at("up").st_dev);
}

#define OPTIONS "redirect_dir=on,index=on,lowerdir=top:low,upperdir=up,workdir=work"

int main(void) {
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  mkdir("overlay-case", 0755);
  say("tmpfs", mount("tmpfs", "overlay-case", "tmpfs", 0, "mode=755"));
  if (chdir("overlay-case") < 0) return 1;
  umask(022);
  const char *dirs[] = {"low", "top", "up", "work", "all", "low/dir", "low/dir/deep", "low/both", "top/both", "low/gone", "low/move", "low/move/in", "up3", "work3"};
  for (unsigned i = 0; i < sizeof dirs / sizeof *dirs; i++) mkdir(dirs[i], 0755);
  put("low/file", "low");
  put("low/both/a", "low a");
  put("low/both/b", "low b");
  put("top/both/b", "top b");
  put("top/file2", "top");
  put("low/file2", "hidden");
  put("low/dir/deep/x", "x");
  put("low/gone/y", "y");
  put("low/move/in/z", "z");
  put("low/hard", "hard");
  link("low/hard", "low/hard2");
  link("low/hard", "low/both/hard3");
  symlink("file", "low/link");
  setxattr("low/file", "user.kept", "yes", 3, 0);
  chmod("low/file", 04751);
  struct timespec times[2] = {{1000000, 5}, {2000000, 7}};
  utimensat(AT_FDCWD, "low/file", times, 0);

  say("no lowerdir", mount("overlay", "all", "overlay", 0, "upperdir=up,workdir=work"));
  say("no workdir", mount("overlay", "all", "overlay", 0, "lowerdir=low,upperdir=up"));
  say("work in upper", (mkdir("up/w", 0755), mount("overlay", "all", "overlay", 0, "lowerdir=low,upperdir=up,workdir=up/w")));
  rmdir("up/w");
  say("one lower", mount("overlay", "all", "overlay", 0, "lowerdir=low"));
  say("missing", mount("overlay", "all", "overlay", 0, "lowerdir=nowhere:low"));
  say("odd option", mount("overlay", "all", "overlay", 0, "lowerdir=low:top,what=ever"));
  say("mount", mount("overlay", "all", "overlay", 0, OPTIONS));
  list("all");
  list("all/both");
  show("all/both/b");
  show("all/file2");
  printf("directory of one device: %d\n", at("all").st_dev == at("all/dir").st_dev && at("all").st_dev != at("up").st_dev);

  struct stat before = at("all/file"), dirBefore = at("all/dir");
  put("all/file", " more");
  struct stat after = at("all/file");
  printf("copy-up: same file %d, mode %o, size %ld\n", before.st_ino == after.st_ino && before.st_dev == after.st_dev,
    after.st_mode & 07777, (long)after.st_size);
  attribute("all/file", "user.kept");
  show("low/file");
  show("up/file");
  chmod("all/dir/deep/x", 0600);
  struct stat dirAfter = at("all/dir");
  printf("its directories: same %d, time kept %d\n", dirBefore.st_ino == dirAfter.st_ino,
    dirBefore.st_mtim.tv_sec == dirAfter.st_mtim.tv_sec && dirBefore.st_mtim.tv_nsec == dirAfter.st_mtim.tv_nsec);
  list("up");
  list("up/dir/deep");

  say("unlink", unlink("all/file2"));
  show("all/file2");
  list("up");
  put("all/file2", "anew");
  show("all/file2");
  say("rmdir full", rmdir("all/gone"));
  unlink("all/gone/y");
  say("rmdir", rmdir("all/gone"));
  list("up");
  say("mkdir", mkdir("all/gone", 0700));
  list("all/gone");
  attribute("up/gone", "trusted.overlay.opaque");
  attribute("all/gone", "trusted.overlay.opaque");

  say("rename directory", rename("all/move", "all/moved"));
  show("all/moved/in/z");
  list("up");
  attribute("up/moved", "trusted.overlay.redirect");
  say("rename on", rename("all/moved", "all/both/moved"));
  show("all/both/moved/in/z");
  say("mkdir old name", mkdir("all/move", 0755));
  list("all/move");
  say("rename file", rename("all/both/a", "all/a2"));
  show("all/a2");
  list("all/both");
  say("exchange", syscall(SYS_renameat2, AT_FDCWD, "all/both", AT_FDCWD, "all/dir", 2));
  list("all/both");
  list("all/dir");

  put("all/hard2", " and more");
  show("all/hard");
  show("all/dir/hard3");
  list("all");
  unlink("all/hard2");
  printf("links %lu\n", (unsigned long)at("all/hard").st_nlink);
  say("link", link("all/hard", "all/hard4"));
  printf("links %lu\n", (unsigned long)at("all/hard").st_nlink);
  unlink("all/hard");
  unlink("all/dir/hard3");
  show("all/hard4");
  printf("links %lu\n", (unsigned long)at("all/hard4").st_nlink);

  say("whiteout by hand", mknod("all/white", S_IFCHR | 0600, 0));
  int fd = open("all", O_TMPFILE | O_RDWR, 0644);
  say("O_TMPFILE", fd < 0 ? -1 : 0);
  char name[40];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  say("its name", linkat(AT_FDCWD, name, AT_FDCWD, "all/named", AT_SYMLINK_FOLLOW));
  close(fd);
  int lower = open("all/dir/b", O_RDWR);
  char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, lower, 0);
  memcpy(map, "MAP", 3);
  munmap(map, 4096);
  close(lower);
  show("all/dir/b");
  show("top/both/b");

  say("umount", umount("all"));
  say("again", mount("overlay", "all", "overlay", 0, OPTIONS));
  list("all");
  list("all/dir");
  list("all/both");
  show("all/dir/moved/in/z");
  show("all/hard4");
  list("all/gone");
  umount("all");
  say("lower only", mount("overlay", "all", "overlay", 0, "lowerdir=top:low"));
  list("all");
  say("write", open("all/file", O_WRONLY));
  umount("all");
  say("former upper layer below", mount("overlay", "all", "overlay", 0, "redirect_dir=on,lowerdir=up:top:low,upperdir=up3,workdir=work3"));
  list("all/dir/moved");
  show("all/dir/moved/in/z");
  list("all/gone");
  list("all/move");
  list("all/both");
  say("rename on", rename("all/dir/moved/in", "all/both/in"));
  show("all/both/in/z");
  put("all/both/in/z", " changed");
  show("all/both/in/z");
  show("low/move/in/z");
  umount("all");
  say("again", mount("overlay", "all", "overlay", 0, "redirect_dir=on,lowerdir=up3:up:top:low"));
  list("all/both");
  show("all/both/in/z");
  list("all/dir/moved");
  umount("all");

  say("layers of one device", mount("overlay", "all", "overlay", 0, OPTIONS));
  devices("all/new");
  devices("all/file");
  mkfifo("all/pipe", 0600);
  printf("pipe %d, lower file %d\n", at("all/pipe").st_dev == at("all").st_dev, at("all/dir/deep/x").st_dev == at("all").st_dev);
  umount("all");
  say("a layer in another", mount("overlay", "all", "overlay", 0, "lowerdir=low/dir:low"));
  umount("all");
  say("one twice", mount("overlay", "all", "overlay", 0, "lowerdir=low:low"));
  umount("all");
  say("upper in lower", (mkdir("low/u", 0755), mount("overlay", "all", "overlay", 0, "lowerdir=low,upperdir=low/u,workdir=work")));
  umount("all");
  say("lower in upper", mount("overlay", "all", "overlay", 0, "lowerdir=low/dir,upperdir=low,workdir=work"));
  umount("all");
  say("lower in work", mount("overlay", "all", "overlay", 0, "lowerdir=work/work:low,upperdir=up3,workdir=work"));
  umount("all");
  say("upper is lower", mount("overlay", "all", "overlay", 0, "lowerdir=low,upperdir=low,workdir=work"));
  umount("all");
  rmdir("low/u");
  say("a tmpfs below", mount("tmpfs", "low", "tmpfs", 0, "mode=755"));
  put("low/below", "below");
  mkdir("up2", 0755);
  mkdir("work2", 0755);
  say("layers of two devices", mount("overlay", "all", "overlay", 0, "lowerdir=low,upperdir=up2,workdir=work2"));
  struct stat below = at("all/below");
  printf("lower file: on the overlay's device %d, on its layer's %d\n", below.st_dev == at("all").st_dev, below.st_dev == at("low").st_dev);
  devices("all/new");
  devices("all/below");
  umount("all");
  return 0;
}
