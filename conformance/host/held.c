/*
 * Does what the lines of its standard input say, and answers each with one: what came of it, or the errno. A directory is
 * held in three ways: as the working directory, open, and half read.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static sigjmp_buf fault;
static void on_bus(int signal) { siglongjmp(fault, signal); }

static void answer(long result) {
  if (result < 0) printf("%s\n", strerror(errno));
  else printf("%ld\n", result);
}

static void see(int dir, const char *path) {
  char text[64];
  int fd = openat(dir, path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (n < 0) answer(-1);
  else printf("%.*s\n", (int)n, text);
  if (fd >= 0) close(fd);
}

static void put(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  answer(fd < 0 ? -1 : write(fd, "put", 3));
  if (fd >= 0) fsync(fd), close(fd);
}

/* Entries that are left in an open directory. */
static void rest(DIR *d) {
  int count = 0;
  errno = 0;
  for (struct dirent *e; (e = readdir(d));) count += e->d_name[0] != '.';
  answer(errno ? -1 : count);
}

static void list(const char *path) {
  DIR *d = opendir(path);
  if (!d) { answer(-1); return; }
  rest(d);
  closedir(d);
}

/* How much a new file takes until there is no room, and the errno then. */
static void fill(const char *path) {
  static char block[65536];
  memset(block, 'x', sizeof block);
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  long all = 0, n = -1;
  while (fd >= 0 && (n = write(fd, block, sizeof block)) > 0) all += n;
  int e = errno;
  struct stat st = {0};
  if (fd >= 0) fstat(fd, &st), close(fd);
  printf("%s %s\n", e == ENOSPC ? "ENOSPC" : strerror(e), all > 0 && st.st_size == all ? "as written" : "another size");
}

/* Stores to a hole where the disk is full, as the program and in a system call. */
static void hole(const char *path) {
  int fd = open(path, O_CREAT | O_RDWR, 0644), zero = open("/dev/zero", O_RDONLY);
  if (ftruncate(fd, 1 << 20) < 0) { answer(-1); return; }
  char *map = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) { answer(-1); return; }
  struct sigaction act = {.sa_handler = on_bus}, old;
  sigaction(SIGBUS, &act, &old);
  int got = sigsetjmp(fault, 1);
  if (!got) for (int i = 0; i < 1 << 20; i += 4096) map[i] = 1;
  sigaction(SIGBUS, &old, 0);
  long n = read(zero, map + (1 << 19), 1 << 19);
  printf("%s, %s\n", got == SIGBUS ? "SIGBUS" : "no signal", n == 1 << 19 || n < 0 ? "alive" : "in part");
  munmap(map, 1 << 20);
  close(fd);
  close(zero);
}

int main(void) {
  static char line[8192], text[4096], events[4096];
  DIR *half = 0;
  int held = -1, watch = inotify_init1(IN_NONBLOCK);
  setvbuf(stdout, 0, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    char *a = strchr(line, ' '), *b = 0;
    if (a) *a++ = 0, b = strchr(a, ' ');
    if (b) *b++ = 0;
    struct stat st;
    ssize_t n;
    if (!strcmp(line, "hold")) {
      if ((held = open(a, O_RDONLY | O_DIRECTORY)) >= 0 && (half = opendir(a))) for (int i = 0; i < 5; i++) readdir(half);
      answer(held < 0 || !half ? -1 : chdir(a));
    } else if (!strcmp(line, "drop")) {
      if (held >= 0) close(held);
      if (half) closedir(half);
      half = 0;
      held = -1;
      answer(chdir("/"));
    } else if (!strcmp(line, "rest")) rest(half);
    else if (!strcmp(line, "again")) { rewinddir(half); rest(half); }
    else if (!strcmp(line, "see")) see(AT_FDCWD, a);
    else if (!strcmp(line, "seeat")) see(held, a);
    else if (!strcmp(line, "list")) list(a);
    else if (!strcmp(line, "mkdirat")) answer(mkdirat(held, a, 0755));
    else if (!strcmp(line, "mkdir")) answer(mkdir(a, 0755));
    else if (!strcmp(line, "put")) put(a);
    else if (!strcmp(line, "rename")) answer(rename(a, b));
    else if (!strcmp(line, "unlink")) answer(unlink(a));
    else if (!strcmp(line, "chdir")) answer(chdir(a));
    else if (!strcmp(line, "stat")) answer(stat(a, &st) < 0 ? -1 : (long)((st.st_mode & S_IFMT) >> 12));
    else if (!strcmp(line, "fstat")) answer(fstat(held, &st));
    else if (!strcmp(line, "getcwd")) {
      if (getcwd(text, sizeof text)) puts(text);
      else answer(-1);
    }
    else if (!strcmp(line, "readlink")) {
      if ((n = readlink(a, text, sizeof text - 1)) < 0) answer(-1);
      else printf("%.*s\n", (int)n, text);
    }
    else if (!strcmp(line, "names")) {
      DIR *d = opendir(a);
      for (struct dirent *e; d && (e = readdir(d));) if (e->d_name[0] != '.') printf("%s ", e->d_name);
      if (d) closedir(d);
      puts(d ? "" : "none");
    }
    else if (!strcmp(line, "watch"))
      answer(inotify_add_watch(watch, a, IN_CREATE | IN_MOVED_TO | IN_DELETE) < 0 ? -1 : 0);
    else if (!strcmp(line, "events")) {
      while ((n = read(watch, events, sizeof events)) > 0)
        for (char *at = events; at < events + n; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len)
          printf("%x %s ", ((struct inotify_event *)at)->mask, ((struct inotify_event *)at)->name);
      puts("");
    } else if (!strcmp(line, "fill")) fill(a);
    else if (!strcmp(line, "hole")) hole(a);
    else puts("what?");
  }
  return 0;
}
