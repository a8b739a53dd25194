// What each thread has for itself: its user, its children, the files of a call that it waits in; futexes of two kinds.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_WAKE_OP 5
#define FUTEX_PRIVATE_FLAG 128
/* *uaddr2 += 1, and whether it was 0. */
#define ADD_ONE 0x10001000
#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static void run(void *(*body)(void *), void *arg) {
  pthread_t t;
  pthread_create(&t, 0, body, arg);
  pthread_join(t, 0);
}

static const char *secret = "secret";

static void *other_user(void *arg) {
  (void)arg;
  CHECK(open(secret, O_RDONLY) >= 0);
  CHECK(syscall(SYS_setresgid, 12346, 12346, 12346) == 0);
  CHECK(syscall(SYS_setresuid, 12345, 12345, 12345) == 0);
  CHECK(getuid() == 12345 && getgid() == 12346);
  CHECK(open(secret, O_RDONLY) < 0 && errno == EACCES);
  CHECK(syscall(SYS_setresuid, 0, 0, 0) < 0 && errno == EPERM);
  // Its own process it may signal all the same.
  CHECK(syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
  pid_t child = fork();
  if (child == 0) _exit(getuid() == 12345 && open(secret, O_RDONLY) < 0 ? 7 : 8);
  int status;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 7);
  return 0;
}

static void *no_new_privileges(void *arg) {
  (void)arg;
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
  return 0;
}

static void *set_all(void *arg) {
  // libc changes all threads.
  CHECK(seteuid(12345) == 0);
  *(int *)arg = 1;
  return 0;
}

static void users(void) {
  int fd = open(secret, O_CREAT | O_WRONLY, 0600);
  close(fd);
  run(other_user, 0);
  CHECK(getuid() == 0 && open(secret, O_RDONLY) >= 0);
  run(no_new_privileges, 0);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
  int done;
  run(set_all, &done);
  CHECK(geteuid() == 12345);
  CHECK(seteuid(0) == 0);
  unlink(secret);
}

static pid_t forked;

static void *forks(void *arg) {
  (void)arg;
  forked = fork();
  if (forked == 0) {
    for (;;) pause();
  }
  int status;
  CHECK(waitpid(forked, &status, __WNOTHREAD | WNOHANG) == 0);
  return 0;
}

static void *not_mine(void *arg) {
  int status;
  CHECK(waitpid(*(pid_t *)arg, &status, __WNOTHREAD | WNOHANG) < 0 && errno == ECHILD);
  CHECK(waitpid(*(pid_t *)arg, &status, WNOHANG) == 0);
  return 0;
}

static int ready[2];

static void *forks_mortal(void *arg) {
  (void)arg;
  forked = fork();
  if (forked == 0) {
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    write(ready[1], "", 1);
    for (;;) pause();
  }
  char c;
  read(ready[0], &c, 1);
  return 0;
}

static void children(void) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  run(not_mine, &child);
  kill(child, SIGKILL);
  CHECK(waitpid(child, &status, __WNOTHREAD) == child);
  run(forks, 0);
  // The thread is gone; another one took its place.
  kill(forked, SIGKILL);
  CHECK(waitpid(forked, &status, __WNOTHREAD) == forked);
  pipe(ready);
  run(forks_mortal, 0);
  CHECK(waitpid(forked, &status, 0) == forked && WTERMSIG(status) == SIGUSR1);
}

static int ends[2];
static long got;
static char c;

static void *reads(void *arg) {
  got = *(int *)arg ? recv(ends[0], &c, 1, 0) : read(ends[0], &c, 1);
  return 0;
}

static void *waits_for_room(void *arg) {
  (void)arg;
  char page[4096] = {0};
  got = write(ends[1], page, sizeof page);
  return 0;
}

// A call that waits goes on with its file when another thread closes the descriptor.
static void closing(void) {
  pthread_t t;
  for (int sockets = 0; sockets < 2; sockets++) {
    sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends);
    pthread_create(&t, 0, reads, &sockets);
    usleep(50000);
    CHECK(close(ends[0]) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    pthread_join(t, 0);
    printf("read %ld %c\n", got, c);
    signal(SIGPIPE, SIG_IGN);
    CHECK(write(ends[1], "x", 1) < 0 && errno == EPIPE);
    close(ends[1]);
  }
  pipe(ends);
  char page[4096] = {0};
  for (int i = 0; i < 16; i++) write(ends[1], page, sizeof page);
  pthread_create(&t, 0, waits_for_room, 0);
  usleep(50000);
  CHECK(close(ends[1]) == 0);
  long total = 0, n;
  while ((n = read(ends[0], page, sizeof page)) > 0) total += n;
  pthread_join(t, 0);
  printf("wrote %ld, read %ld\n", got, total);
}

static int word, failed;

static void *waits(void *arg) {
  struct timespec time = {0, 300000000};
  failed = syscall(SYS_futex, &word, *(int *)arg, 0, &time, 0, 0) < 0 ? errno : 0;
  return 0;
}

static void futexes(void) {
  pthread_t t;
  for (int kind = 0; kind < 4; kind++) {
    int private = kind & 1 ? FUTEX_PRIVATE_FLAG : 0, other = kind & 2 ? FUTEX_PRIVATE_FLAG : 0;
    int wait = FUTEX_WAIT | private;
    pthread_create(&t, 0, waits, &wait);
    usleep(50000);
    long woken = syscall(SYS_futex, &word, FUTEX_WAKE | other, 1, 0, 0, 0);
    pthread_join(t, 0);
    printf("%ld, %s\n", woken, failed == 0 ? "woken" : strerror(failed));
  }
  int add = ADD_ONE;
  CHECK(syscall(SYS_futex, 0, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0, &word, add) == 0 && word == 1);
  CHECK(syscall(SYS_futex, 0, FUTEX_WAKE_OP, 0, 0, &word, add) < 0 && errno == EFAULT && word == 1);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  users();
  children();
  closing();
  futexes();
  return 0;
}
