/*
 * race HOST-SIDE swaps a directory and a symbolic link for as long as its parent lives:      race swap DIRECTORY LINK
 * gives a file an attribute that no guest is to see, where the disk takes one:                 race mark FILE
 * race GUEST-SIDE reads, writes, makes, removes and lists through the name, and says what it met: race use DIRECTORY SECONDS
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int swap(const char *directory, const char *link) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) syscall(SYS_renameat2, AT_FDCWD, directory, AT_FDCWD, link, 2);
}

/* Calls that would show or change a file or a link of another directory; `made` and `moved` are names in this one. */
static long others(const char *directory, const char *made, const char *moved) {
  char file[512], link_[512], text[256];
  long outside = 0;
  snprintf(file, sizeof file, "%s/file", directory);
  snprintf(link_, sizeof link_, "%s/secret-link", directory);
  struct timespec times[2] = {{1, 0}, {1, 0}};
  outside += readlink(link_, text, sizeof text) > 0;
  outside += getxattr(file, "user.secret", text, sizeof text) > 0;
  ssize_t names = listxattr(file, text, sizeof text);
  outside += names > 0 && memmem(text, names, "secret", 6) != 0;
  removexattr(file, "user.secret");
  setxattr(file, "user.mine", "x", 1, 0);
  removexattr(file, "user.mine");
  chown(file, 1, 1);
  lchown(link_, 1, 1);
  chown(directory, 0, 0);
  utimensat(AT_FDCWD, file, times, 0);
  utimensat(AT_FDCWD, link_, times, AT_SYMLINK_NOFOLLOW);
  link(file, moved);
  unlink(moved);
  mknod(made, S_IFSOCK | 0600, 0);
  rename(made, moved);
  unlink(made);
  unlink(moved);
  int dir = open(directory, O_RDONLY | O_DIRECTORY);
  int fd = dir < 0 ? -1 : openat(dir, "made", O_CREAT | O_EXCL | O_RDWR, 0600);
  if (fd >= 0) close(fd);
  if (dir >= 0) mkdirat(dir, "moved", 0700), unlinkat(dir, "moved", AT_REMOVEDIR), unlinkat(dir, "made", 0), close(dir);
  unlink(made);
  rmdir(made);
  rmdir(moved);
  unlink(moved);
  return outside;
}

static int use(const char *directory, int seconds) {
  long inside = 0, outside = 0, nothing = 0, rounds = 0;
  char path[512], other[512];
  time_t end = time(0) + seconds;
  while (time(0) < end) {
    rounds++;
    snprintf(path, sizeof path, "%s/file", directory);
    char buf[16] = "";
    int fd = open(path, rounds & 1 ? O_RDONLY : O_RDWR);
    if (fd < 0) nothing++;
    else {
      read(fd, buf, 15);
      if (!strncmp(buf, "inside", 6)) inside++;
      else outside++;
      if (!(rounds & 1)) pwrite(fd, "inside", 6, 0);
      close(fd);
    }
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size > 100) outside++;
    chmod(path, 0640);
    truncate(path, 50);
    snprintf(path, sizeof path, "%s/made", directory);
    snprintf(other, sizeof other, "%s/moved", directory);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    rename(path, other);
    unlink(other);
    mkdir(path, 0700);
    rmdir(path);
    symlink("x", other);
    unlink(other);
    outside += others(directory, path, other);
    DIR *d = opendir(directory);
    for (struct dirent *e; d && (e = readdir(d));) if (!strcmp(e->d_name, "secret")) outside++;
    if (d) closedir(d);
  }
  printf("outside %ld, %s\n", outside, inside > 0 ? "inside" : "never inside");
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "swap")) return swap(argv[2], argv[3]);
  if (argc == 4 && !strcmp(argv[1], "use")) return use(argv[2], atoi(argv[3]));
  if (argc == 3 && !strcmp(argv[1], "mark")) return setxattr(argv[2], "user.secret", "secret", 6, 0) < 0;
  return 2;
}
