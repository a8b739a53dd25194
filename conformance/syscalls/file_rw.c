/* read, write, pread, readv, preadv2, lseek, sendfile, copy_file_range: counts, positions and errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void show(const char *what, int fd) {
  char bytes[200];
  long n = pread(fd, bytes, sizeof bytes, 0);
  printf("%s: %ld ", what, n);
  for (long i = 0; i < n; i++) putchar(bytes[i] < 32 ? '.' : bytes[i]);
  putchar('\n');
}

int main(void) {
  char buf[100];
  int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644);
  say("write", write(fd, "hello world", 11));
  say("position", lseek(fd, 0, SEEK_CUR));
  say("read at the end", read(fd, buf, 10));
  say("lseek", lseek(fd, 6, SEEK_SET));
  say("read", read(fd, buf, 100));
  printf("%.5s\n", buf);
  say("lseek end", lseek(fd, -1, SEEK_END));
  say("lseek before the start", lseek(fd, -100, SEEK_CUR));
  say("lseek unknown", lseek(fd, 0, 9));
  say("lseek beyond", lseek(fd, 20, SEEK_SET));
  say("write beyond", write(fd, "!", 1));
  show("with a hole", fd);
  say("pwrite", pwrite(fd, "J", 1, 0));
  say("pwrite negative", pwrite(fd, "J", 1, -1));
  say("pread behind", pread(fd, buf, 10, 1000));
  say("write nothing", write(fd, buf, 0));
  say("read nothing", read(fd, buf, 0));
  say("write from nowhere", write(fd, (void *)16, 5));
  say("read to nowhere", pread(fd, (void *)16, 5, 0));
  say("negative count", syscall(SYS_read, fd, buf, -1L) < 0 ? -1 : 0);
  say("read of a bad fd", read(77, buf, 1));
  char *edge = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(edge + 4096, 4096);
  say("read over an edge", pread(fd, edge + 4090, 20, 0));
  say("write over an edge", pwrite(fd, edge + 4090, 20, 30));
  int only = open("data", O_WRONLY);
  say("read of a write-only", read(only, buf, 1));
  int back = open("data", O_RDONLY);
  say("write of a read-only", write(back, buf, 1));
  say("pwrite of a read-only", pwrite(back, buf, 1, 0));
  int dir = open(".", O_RDONLY);
  say("read of a directory", read(dir, buf, 1));
  say("write of a directory", write(dir, buf, 1));

  ftruncate(fd, 0);
  struct iovec out[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
  say("lseek", lseek(fd, 0, SEEK_SET));
  say("writev", writev(fd, out, 3));
  say("pwritev", pwritev(fd, out, 3, 10));
  show("after writev", fd);
  char a[3], b[20];
  struct iovec in[2] = {{a, 3}, {b, 20}};
  say("preadv", preadv(fd, in, 2, 0));
  printf("%.3s|%.14s\n", a, b + 7);
  say("readv", readv(fd, in, 2));
  say("iovec count", readv(fd, in, -1));
  say("iovec too many", readv(fd, in, 1025));
  say("iovec nowhere", readv(fd, (struct iovec *)16, 2));
  struct iovec odd[2] = {{a, 3}, {(void *)16, 20}};
  lseek(fd, 0, SEEK_SET);
  say("readv half", readv(fd, odd, 2));
  say("writev half", writev(fd, odd, 2));
  struct iovec huge[1] = {{a, -1}};
  say("iovec negative", readv(fd, huge, 1));
  say("preadv2 own position", syscall(SYS_preadv2, fd, in, 1L, -1L, -1L, 0));
  say("preadv2 unknown flag", syscall(SYS_preadv2, fd, in, 1L, 0L, 0L, 1 << 20));

  int append = open("data", O_WRONLY | O_APPEND);
  say("append", write(append, "<end>", 5));
  say("position", lseek(append, 0, SEEK_CUR));
  say("pwrite to append", pwrite(append, "+", 1, 0));
  show("appended", fd);

  int to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
  off_t at = 4;
  say("sendfile", sendfile(to, fd, &at, 7));
  printf("offset %ld\n", (long)at);
  lseek(fd, 0, SEEK_SET);
  say("sendfile from before the start", sendfile(to, fd, &(off_t){-1}, 7));
  say("sendfile own position", sendfile(to, fd, 0, 1000));
  show("sent", to);
  say("sendfile of a directory", sendfile(to, dir, 0, 10));
  say("sendfile to a read-only", sendfile(back, fd, 0, 10));
  loff_t from = 0, into = 3;
  say("copy_file_range", syscall(326, fd, &from, to, &into, 3L, 0));
  printf("offsets %ld %ld\n", (long)from, (long)into);
  show("copied", to);
  from = 0, into = 1;
  say("copy over itself", syscall(326, fd, &from, fd, &into, 5L, 0));

  int null = open("/dev/null", O_RDWR);
  say("null write", write(null, buf, 100));
  say("null read", read(null, buf, 100));
  int zero = open("/dev/zero", O_RDONLY);
  memset(buf, 1, 100);
  say("zero read", read(zero, buf, 100));
  printf("%d %d\n", buf[0], buf[99]);
  int full = open("/dev/full", O_WRONLY);
  say("full write", write(full, buf, 1));
  int pipefd[2];
  if (pipe(pipefd) == 0) {
    say("lseek of a pipe", lseek(pipefd[0], 0, SEEK_CUR));
    say("pread of a pipe", pread(pipefd[0], buf, 1, 0));
  }
  int big = open("big", O_RDWR | O_CREAT | O_TRUNC, 0644);
  char *block = malloc(1 << 20);
  long sum = 0;
  for (int i = 0; i < 1 << 20; i++) block[i] = i * 7 + (i >> 11);
  for (int i = 0; i < 5; i++) sum += write(big, block, 1 << 20);
  printf("written %ld\n", sum);
  say("pread across", pread(big, buf, 100, (1 << 20) - 50));
  int same = 1;
  for (int i = 0; i < 100; i++) same &= buf[i] == block[((1 << 20) - 50 + i) & ((1 << 20) - 1)];
  printf("same %d\n", same);
  return 0;
}
