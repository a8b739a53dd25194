/* truncate, ftruncate, fallocate, posix_fadvise, fsync, SEEK_DATA, RLIMIT_FSIZE, memfd_create and seals. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static long size_of(int fd) {
  struct stat st;
  fstat(fd, &st);
  return st.st_size;
}
static void caught(int signal) {
  printf("signal %d\n", signal);
}

int main(void) {
  char buf[100];
  int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
  write(fd, "0123456789", 10);
  say("ftruncate", ftruncate(fd, 4));
  say("grow", ftruncate(fd, 20));
  say("pread", pread(fd, buf, 100, 0));
  printf("%.4s %d %d\n", buf, buf[4], buf[19]);
  say("truncate", truncate("file", 7));
  printf("size %ld\n", size_of(fd));
  say("negative", ftruncate(fd, -1));
  say("truncate missing", truncate("nothing", 0));
  say("truncate directory", truncate(".", 0));
  int back = open("file", O_RDONLY);
  say("read-only", ftruncate(back, 0));
  say("bad fd", ftruncate(99, 0));
  int dir = open(".", O_RDONLY);
  say("directory", ftruncate(dir, 0));
  say("O_TRUNC", open("file", O_WRONLY | O_TRUNC) >= 0);
  printf("size %ld\n", size_of(fd));

  say("fallocate", fallocate(fd, 0, 0, 10000));
  printf("size %ld\n", size_of(fd));
  say("keep size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 50000));
  printf("size %ld\n", size_of(fd));
  say("fallocate nothing", fallocate(fd, 0, 0, 0));
  say("fallocate negative", fallocate(fd, 0, -1, 10));
  say("fallocate read-only", fallocate(back, 0, 0, 10));
  say("punch without keep", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
  memset(buf, 'x', 100);
  pwrite(fd, buf, 100, 5000);
  say("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
  pread(fd, buf, 100, 5000);
  printf("%d %d\n", buf[0], buf[99]);
  int pipefd[2];
  if (pipe(pipefd) == 0) say("fallocate pipe", fallocate(pipefd[1], 0, 0, 10));
  say("fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
  say("fadvise unknown", posix_fadvise(fd, 0, 0, 17) == EINVAL);
  say("fadvise pipe", posix_fadvise(pipefd[0], 0, 0, 0) == ESPIPE);
  say("readahead", readahead(fd, 0, 4096));
  say("fsync", fsync(fd));
  say("fdatasync", fdatasync(fd));
  say("fsync pipe", fsync(pipefd[0]));
  say("syncfs", syncfs(fd));
  say("fsync bad fd", fsync(99));
  ftruncate(fd, 0);
  say("SEEK_DATA of nothing", lseek(fd, 0, SEEK_DATA));
  write(fd, "data", 4);
  say("SEEK_DATA", lseek(fd, 1, SEEK_DATA));
  say("SEEK_HOLE", lseek(fd, 1, SEEK_HOLE));
  say("SEEK_HOLE behind", lseek(fd, 4, SEEK_HOLE));
  int ready;
  lseek(fd, 1, SEEK_SET);
  say("FIONREAD", ioctl(fd, FIONREAD, &ready));
  printf("%d\n", ready);
  say("TCGETS of a file", ioctl(fd, TCGETS, buf));
  say("FIOCLEX", ioctl(fd, FIOCLEX));
  printf("cloexec %d\n", fcntl(fd, F_GETFD));
  int on = 1;
  say("FIONBIO", ioctl(fd, FIONBIO, &on));
  printf("nonblock %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  say("unknown ioctl", ioctl(fd, 0x12345, 0));
  say("ioctl bad fd", ioctl(99, FIONREAD, &ready));

  signal(SIGXFSZ, caught);
  struct rlimit limit = {100, RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &limit);
  say("write across the limit", pwrite(fd, buf, 20, 90));
  say("write at the limit", pwrite(fd, buf, 20, 100));
  say("truncate beyond the limit", ftruncate(fd, 101));
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);

  int memory = memfd_create("name", MFD_ALLOW_SEALING);
  say("memfd", write(memory, "hello", 5));
  say("seals", fcntl(memory, F_GET_SEALS));
  say("seal", fcntl(memory, F_ADD_SEALS, F_SEAL_GROW));
  say("grow", ftruncate(memory, 100));
  say("write at the end", write(memory, "x", 1));
  say("write inside", pwrite(memory, "J", 1, 0));
  say("seal all", fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL));
  say("write", pwrite(memory, "J", 1, 0));
  say("shrink", ftruncate(memory, 1));
  say("seal more", fcntl(memory, F_ADD_SEALS, F_SEAL_GROW));
  printf("mapping %s\n", mmap(0, 4096, PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED ? strerror(errno) : "ok");
  int plain = memfd_create("plain", MFD_CLOEXEC);
  say("plain seals", fcntl(plain, F_GET_SEALS));
  say("plain seal", fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
  say("seals of a pipe", fcntl(pipefd[0], F_GET_SEALS));
  say("memfd unknown flag", memfd_create("x", 0x8000));
  char name[300];
  memset(name, 'n', 299);
  name[299] = 0;
  say("memfd long name", memfd_create(name, 0));
  return 0;
}
