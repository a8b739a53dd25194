// Carries out changes of files that it reads line by line and answers for each; every Nth is brought to the disk before
// that (fsync takes its time, and kills are to hit everything else, too). With "dump" for N it prints what there is, and
// the bytes of the file that is named behind that. The other end is persist.ts.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char bytes[1 << 20];
static long number, every;

static int synced(int fd, long result) {
  if (result >= 0 && number % every == 0 && fsync(fd) < 0) result = -1;
  close(fd);
  return result < 0 ? -1 : 0;
}

static int put(const char *path, int flags, long offset, long length, int byte) {
  int fd = open(path, O_CREAT | O_WRONLY | flags, 0644);
  if (fd < 0) return -1;
  memset(bytes, byte, length);
  return synced(fd, flags & O_APPEND ? write(fd, bytes, length) : pwrite(fd, bytes, length, offset));
}

static int carry_out(const char *line) {
  char a[200], b[200];
  long m, n, byte;
  if (sscanf(line, "write %199s %ld %ld %ld", a, &m, &n, &byte) == 4) return put(a, 0, m, n, byte);
  if (sscanf(line, "append %199s %ld %ld", a, &n, &byte) == 3) return put(a, O_APPEND, 0, n, byte);
  if (sscanf(line, "truncate %199s %ld", a, &n) == 2) return truncate(a, n);
  if (sscanf(line, "unlink %199s", a) == 1) return unlink(a);
  if (sscanf(line, "rename %199s %199s", a, b) == 2) return rename(a, b);
  if (sscanf(line, "link %199s %199s", a, b) == 2) return link(a, b);
  if (sscanf(line, "mkdir %199s", a) == 1) return mkdir(a, 0755);
  if (sscanf(line, "rmdir %199s", a) == 1) return rmdir(a);
  if (sscanf(line, "chmod %199s %lo", a, &n) == 2) return chmod(a, n);
  if (sscanf(line, "symlink %199s %199s", a, b) == 2) return symlink(a, b);
  if (sscanf(line, "xattr %199s %199s", a, b) == 2) return setxattr(a, "user.v", b, strlen(b), 0);
  errno = ENOSYS;
  return -1;
}

static void dump(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) { printf("%s: %s\n", path, strerror(errno)); return; }
  for (struct dirent *e; (e = readdir(dir));) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    char full[1000], text[100] = "";
    struct stat s;
    snprintf(full, sizeof full, "%s%s%s", strcmp(path, ".") ? path : "", strcmp(path, ".") ? "/" : "", e->d_name);
    if (lstat(full, &s) < 0) { printf("%s: %s\n", full, strerror(errno)); continue; }
    uint32_t hash = 2166136261u;
    if (S_ISREG(s.st_mode)) {
      int fd = open(full, O_RDONLY);
      for (long got; (got = read(fd, bytes, sizeof bytes)) > 0;) {
        for (long i = 0; i < got; i++) hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
      }
      close(fd);
      long got = getxattr(full, "user.v", text, sizeof text - 1);
      text[got < 0 ? 0 : got] = 0;
      printf("%s file %o %ld %lu %u %s\n", full, s.st_mode & 07777, (long)s.st_size, (unsigned long)s.st_nlink,
        hash, text);
    } else if (S_ISLNK(s.st_mode)) {
      long got = readlink(full, text, sizeof text - 1);
      text[got < 0 ? 0 : got] = 0;
      printf("%s link %s\n", full, text);
    } else {
      printf("%s directory %o\n", full, s.st_mode & 07777);
      dump(full);
    }
  }
  closedir(dir);
}

static void dump_bytes(const char *path) {
  struct stat s;
  if (lstat(path, &s) < 0 || !S_ISREG(s.st_mode)) return;
  int fd = open(path, O_RDONLY);
  printf("bytes ");
  for (long got; (got = read(fd, bytes, sizeof bytes)) > 0;) {
    for (long i = 0; i < got; i++) printf("%02x", (uint8_t)bytes[i]);
  }
  printf("\n");
  close(fd);
}

int main(int argc, char **argv) {
  umask(022);
  if (argc < 3 || chdir(argv[1]) < 0) return 2;
  if (!strcmp(argv[2], "dump")) {
    dump(".");
    if (argc > 3) dump_bytes(argv[3]);
    return 0;
  }
  every = atol(argv[2]);
  char line[1000];
  int here = open(".", O_RDONLY | O_DIRECTORY);
  for (; fgets(line, sizeof line, stdin); number++) {
    int result = carry_out(line) < 0 ? errno : 0;
    if (number % every == 0 && fsync(here) < 0) result = errno;
    char answer[40];
    int length = snprintf(answer, sizeof answer, "%ld %d\n", number, result);
    if (write(1, answer, length) != length) return 1;
  }
  return 0;
}
