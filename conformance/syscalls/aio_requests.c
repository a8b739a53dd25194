// Asynchronous I/O by the kernel: io_setup, io_submit, io_getevents, io_pgetevents, io_cancel, io_destroy.
// flags: -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static aio_context_t context;
static struct timespec now = {0, 0}, soon = {0, 20000000}, wait_long = {20, 0};

static void told(const char *what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static struct iocb request(int op, int fd, void *buf, long length, long offset) {
  struct iocb cb;
  memset(&cb, 0, sizeof cb);
  cb.aio_data = 7;
  cb.aio_key = 99;
  cb.aio_lio_opcode = op;
  cb.aio_fildes = fd;
  cb.aio_buf = (long)buf;
  cb.aio_nbytes = length;
  cb.aio_offset = offset;
  return cb;
}

static long submit(struct iocb *cb) {
  return syscall(SYS_io_submit, context, 1L, &cb);
}

static long events(long least, long most, struct io_event *into, struct timespec *timeout) {
  return syscall(SYS_io_getevents, context, least, most, into, timeout);
}

/* Submits one request and shows what comes of it. */
static void one(const char *what, struct iocb cb) {
  struct io_event event;
  long result = submit(&cb);
  if (result != 1) {
    told(what, result);
    return;
  }
  memset(&event, 9, sizeof event);
  result = events(1, 1, &event, &wait_long);
  // What woke a poll may be told whole.
  if (cb.aio_lio_opcode == IOCB_CMD_POLL) event.res &= cb.aio_buf;
  printf("%s: %ld event, result %lld, second %lld, data %llu, itself %d, key %d\n", what, result, event.res, event.res2,
         event.data, event.obj == (unsigned long)&cb, cb.aio_key);
}

static void setup(void) {
  aio_context_t other = 0;
  told("no room for the name", syscall(SYS_io_setup, 1, 0L));
  told("for nothing", syscall(SYS_io_setup, 0, &other));
  other = 1;
  told("a name there", syscall(SYS_io_setup, 1, &other));
  other = 0;
  told("too many", syscall(SYS_io_setup, 0x7fffffff, &other));
  told("more than the limit", syscall(SYS_io_setup, 70000, &other));
  told("one", syscall(SYS_io_setup, 1, &other));
  told("destroyed", syscall(SYS_io_destroy, other));
  told("again", syscall(SYS_io_destroy, other));
  told("nothing", syscall(SYS_io_destroy, 0));
  told("setup", syscall(SYS_io_setup, 64, &context));
}

static void files(void) {
  char name[] = "/tmp/aio_XXXXXX", bytes[64] = "0123456789", back[64] = "";
  int fd = mkstemp(name), dir = open("/tmp", O_RDONLY), reader = open(name, O_RDONLY), path = open(name, O_PATH);
  struct iovec both[2] = {{back, 3}, {back + 10, 20}}, parts[2] = {{bytes, 4}, {bytes + 6, 2}};
  one("write", request(IOCB_CMD_PWRITE, fd, bytes, 10, 0));
  one("write further on", request(IOCB_CMD_PWRITE, fd, bytes, 4, 20));
  one("read", request(IOCB_CMD_PREAD, fd, back, 64, 5));
  printf("%.5s %d %.4s\n", back, back[5], back + 15);
  one("read behind the end", request(IOCB_CMD_PREAD, fd, back, 64, 500));
  one("read a vector", request(IOCB_CMD_PREADV, fd, both, 2, 1));
  printf("%.3s %.5s\n", back, back + 10);
  one("write a vector", request(IOCB_CMD_PWRITEV, fd, parts, 2, 2));
  one("read", request(IOCB_CMD_PREAD, fd, back, 10, 0));
  printf("%.10s\n", back);
  printf("position %ld\n", lseek(fd, 0, SEEK_CUR));
  one("fsync", request(IOCB_CMD_FSYNC, fd, 0, 0, 0));
  one("fdsync", request(IOCB_CMD_FDSYNC, fd, 0, 0, 0));
  one("fsync of a range", request(IOCB_CMD_FSYNC, fd, 0, 1, 0));
  one("poll", request(IOCB_CMD_POLL, fd, (void *)(POLLIN | POLLOUT), 0, 0));
  one("poll with a length", request(IOCB_CMD_POLL, fd, (void *)POLLIN, 1, 0));
  one("poll for more bits", request(IOCB_CMD_POLL, fd, (void *)0x10001, 0, 0));
  one("no such operation", request(4, fd, back, 1, 0));
  one("nor that", request(IOCB_CMD_NOOP, fd, back, 1, 0));
  one("bad descriptor", request(IOCB_CMD_PREAD, 1000, back, 1, 0));
  one("negative offset", request(IOCB_CMD_PREAD, fd, back, 1, -1));
  one("negative length", request(IOCB_CMD_PREAD, fd, back, -1, 0));
  one("bad buffer", request(IOCB_CMD_PREAD, fd, (void *)16, 4, 0));
  one("bad buffer to write", request(IOCB_CMD_PWRITE, fd, (void *)16, 4, 0));
  one("address of the kernel", request(IOCB_CMD_PREAD, fd, (void *)-4096L, 4, 0));
  one("bad vector", request(IOCB_CMD_PREADV, fd, (void *)16, 2, 0));
  one("too long a vector", request(IOCB_CMD_PREADV, fd, both, 1025, 0));
  one("write to what is read", request(IOCB_CMD_PWRITE, reader, bytes, 4, 0));
  one("a directory", request(IOCB_CMD_PREAD, dir, back, 4, 0));
  one("O_PATH", request(IOCB_CMD_PREAD, path, back, 4, 0));
  struct iocb cb = request(IOCB_CMD_PREAD, fd, back, 4, 0);
  cb.aio_reserved2 = 1;
  one("reserved", cb);
  cb = request(IOCB_CMD_PREAD, fd, back, 4, 0);
  cb.aio_rw_flags = 0x4000;
  one("unknown flags", cb);
  cb = request(IOCB_CMD_PWRITE, fd, bytes, 2, 0);
  cb.aio_rw_flags = RWF_APPEND;
  one("append", cb);
  printf("size %ld\n", lseek(fd, 0, SEEK_END));
  cb.aio_rw_flags = 0;
  cb.aio_flags = IOCB_FLAG_RESFD;
  cb.aio_resfd = 1000;
  one("bad eventfd", cb);
  cb.aio_resfd = fd;
  one("no eventfd", cb);
  cb.aio_flags = 2;
  cb.aio_reqprio = 5 << 13;
  one("no such priority", cb);
  cb.aio_reqprio = (2 << 13) | 3;
  one("a priority", cb);
  close(fd);
  close(dir);
  close(reader);
  close(path);
  unlink(name);
}

static void lists(void) {
  char name[] = "/tmp/aio_XXXXXX", bytes[8] = "abcdefg";
  int fd = mkstemp(name), counter = eventfd(0, 0);
  struct iocb cbs[8], *list[8];
  struct io_event got[8];
  uint64_t count = 0;
  for (int i = 0; i < 8; i++) {
    cbs[i] = request(IOCB_CMD_PWRITE, fd, bytes + i, 1, 7 - i);
    cbs[i].aio_data = i;
    cbs[i].aio_flags = IOCB_FLAG_RESFD;
    cbs[i].aio_resfd = counter;
    list[i] = &cbs[i];
  }
  cbs[5].aio_fildes = 1000;
  told("up to the wrong one", syscall(SYS_io_submit, context, 8L, list));
  read(counter, &count, 8);
  printf("counted %d\n", (int)count);
  told("at least more than at most", events(3, 2, got, 0));
  told("negative", events(-1, 2, got, 0));
  told("of no context", syscall(SYS_io_getevents, 16L, 0L, 1L, got, 0));
  told("two of them", events(0, 2, got, 0));
  printf("%llu %llu\n", got[0].data, got[1].data);
  told("a bad place", events(1, 2, (void *)16, &now));
  told("the rest", events(0, 8, got, &now));
  printf("%llu %llu %llu\n", got[0].data, got[1].data, got[2].data);
  told("no more", events(0, 8, got, &soon));
  told("in vain", events(2, 8, got, &soon));
  told("bad time", events(2, 8, got, (void *)16));
  told("none", syscall(SYS_io_submit, context, 0L, 0L));
  told("fewer than none", syscall(SYS_io_submit, context, -1L, list));
  told("no list", syscall(SYS_io_submit, context, 1L, (void *)16));
  list[1] = (void *)16;
  told("one good one", syscall(SYS_io_submit, context, 2L, list));
  told("fetched", events(1, 1, got, 0));
  told("no context", syscall(SYS_io_submit, 16L, 1L, list));
  close(fd);
  close(counter);
  unlink(name);
}

static void *late_writer(void *arg) {
  struct timespec pause = {0, 20000000};
  nanosleep(&pause, 0);
  write(*(int *)arg, "late", 4);
  return 0;
}

static void streams(void) {
  int ends[2], pair[2], counter = eventfd(5, EFD_NONBLOCK);
  char back[64];
  pthread_t thread;
  pipe(ends);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  one("to a pipe", request(IOCB_CMD_PWRITE, ends[1], "hello", 5, 0));
  one("from it", request(IOCB_CMD_PREAD, ends[0], back, 64, 3));
  printf("%.5s\n", back);
  pthread_create(&thread, 0, late_writer, &ends[1]);
  one("waits for it", request(IOCB_CMD_PREAD, ends[0], back, 64, 0));
  pthread_join(thread, 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  one("does not wait", request(IOCB_CMD_PREAD, ends[0], back, 64, 0));
  one("to a socket", request(IOCB_CMD_PWRITE, pair[0], "socket", 6, 0));
  one("from it", request(IOCB_CMD_PREAD, pair[1], back, 64, 0));
  one("an eventfd", request(IOCB_CMD_PREAD, counter, back, 8, 0));
  printf("%d\n", back[0]);
  one("written", request(IOCB_CMD_PWRITE, counter, back, 8, 0));
  one("fsync of a pipe", request(IOCB_CMD_FSYNC, ends[1], 0, 0, 0));
  pthread_create(&thread, 0, late_writer, &pair[0]);
  one("poll", request(IOCB_CMD_POLL, pair[1], (void *)POLLIN, 0, 0));
  pthread_join(thread, 0);
  one("poll at once", request(IOCB_CMD_POLL, pair[1], (void *)(POLLIN | POLLOUT), 0, 0));
  signal(SIGPIPE, SIG_IGN);
  close(ends[0]);
  one("no reader", request(IOCB_CMD_PWRITE, ends[1], "hello", 5, 0));
  close(ends[1]);
  close(pair[0]);
  one("the end", request(IOCB_CMD_PREAD, pair[1], back, 64, 0));
  close(pair[1]);
  close(counter);
}

static void on_alarm(int signal) {
  (void)signal;
}

static void cancels(void) {
  int ends[2];
  struct io_event event;
  pipe(ends);
  struct iocb cb = request(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0), other = cb;
  told("poll", submit(&cb));
  told("nothing yet", events(1, 1, &event, &soon));
  told("cancel another", syscall(SYS_io_cancel, context, &other, &event));
  other.aio_key = 0;
  told("with the right key", syscall(SYS_io_cancel, context, &other, &event));
  told("no block", syscall(SYS_io_cancel, context, (void *)16, &event));
  told("no context", syscall(SYS_io_cancel, 16L, &cb, &event));
  told("cancel", syscall(SYS_io_cancel, context, &cb, &event));
  told("its event", events(1, 1, &event, &wait_long));
  printf("%lld %d\n", event.res, event.obj == (unsigned long)&cb);
  told("again", syscall(SYS_io_cancel, context, &cb, &event));
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, 0);
  ualarm(20000, 0);
  told("interrupted", events(1, 1, &event, 0));
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, &old);
  struct { void *mask; size_t size; } with = {&old, 8}, wrong = {&old, 3};
  ualarm(20000, 0);
  told("interrupted by what the mask lets in", syscall(SYS_io_pgetevents, context, 1L, 1L, &event, 0, &with));
  sigprocmask(SIG_SETMASK, 0, &set);
  printf("blocked as before: %d\n", sigismember(&set, SIGALRM));
  told("wrong size", syscall(SYS_io_pgetevents, context, 1L, 1L, &event, 0, &wrong));
  told("bad mask", syscall(SYS_io_pgetevents, context, 1L, 1L, &event, 0, 16L));
  told("no mask", syscall(SYS_io_pgetevents, context, 1L, 1L, &event, &soon, 0L));
  close(ends[0]);
  close(ends[1]);
}

/* Takes an event from the ring without a call; the ring may be moved. */
static void ring(void) {
  char byte = 1;
  int fds[2];
  struct { unsigned id, nr, head, tail, magic, compat, incompat, header; struct io_event events[]; } *at = (void *)context;
  struct io_event event;
  pipe(fds);
  struct iocb cb = request(IOCB_CMD_PWRITE, fds[1], &byte, 1, 0);
  printf("%x %u %u %u, empty %d\n", at->magic, at->compat, at->incompat, at->header, at->head == at->tail);
  for (int i = 0; i < 300; i++) {
    cb.aio_data = i;
    if (submit(&cb) != 1) told("full", i);
    event = at->events[at->head];
    if (event.data != i || event.res != 1 || event.obj != (unsigned long)&cb) told("not this one", i);
    at->head = (at->head + 1) % at->nr;
  }
  told("none left", events(0, 1, &event, &now));
  told("submit", submit(&cb));
  told("larger", (long)mremap(at, 8192, 16384, MREMAP_MAYMOVE) == -1 ? -1 : 0);
  void *to = mmap(0, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *moved = mremap(at, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  told("moved", moved == to);
  told("the old name", events(1, 1, &event, &now));
  context = (long)to;
  told("the new name", events(1, 1, &event, &now));
  told("submit", submit(&cb));
  told("fetch", events(1, 1, &event, &now));
}

static void *waiter(void *arg) {
  struct io_event event;
  errno = 0;
  *(long *)arg = syscall(SYS_io_getevents, context, 1L, 1L, &event, 0) < 0 ? -errno : 0;
  return 0;
}

static void ends(void) {
  char back[8];
  struct io_event event;
  int status, fds[2];
  fflush(stdout);
  if (fork() == 0) {
    struct iocb cb = request(IOCB_CMD_PREAD, 0, back, 1, 0);
    told("a child has no context", submit(&cb));
    fflush(stdout);
    _exit(0);
  }
  wait(&status);
  pipe(fds);
  struct iocb cb = request(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 0, 0);
  told("pending", submit(&cb));
  long result = 1;
  pthread_t thread;
  pthread_create(&thread, 0, waiter, &result);
  nanosleep(&soon, 0);
  told("destroyed", syscall(SYS_io_destroy, context));
  pthread_join(thread, 0);
  printf("who waited: %ld\n", result);
  told("gone", events(0, 1, &event, &now));
  told("submit", submit(&cb));
  char line[64];
  FILE *used = fopen("/proc/self/maps", "r");
  int mapped = 0;
  while (fgets(line, sizeof line, used)) if (strstr(line, "[aio]")) mapped++;
  printf("rings mapped: %d\n", mapped);
}

int main(void) {
  setup();
  files();
  lists();
  streams();
  cancels();
  ring();
  ends();
  return 0;
}
