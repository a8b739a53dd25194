// Pipes and sockets as files: owner, mode, locks, credentials; and the edges of calls that move bytes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#define R(what, x) do { errno=0; long r_=(x); printf("%s: %ld %s\n", what, r_<0?-1:r_, r_<0?strerror(errno):""); } while(0)

static void show(const char *what, int fd) {
  struct stat st;
  fstat(fd, &st);
  printf("%s %o %d %d\n", what, st.st_mode, st.st_uid, st.st_gid);
}

static void owners(void) {
  int p[2], s = socket(AF_UNIX, SOCK_STREAM, 0);
  pipe(p);
  R("chown", fchown(p[0], 5, -1));
  R("chmod", fchmod(p[1], 0640));
  show("read end", p[0]);
  show("write end", p[1]);
  R("chown", fchown(s, -1, 7));
  R("chmod", fchmod(s, 0700));
  show("socket", s);
  struct sockaddr_un name = {AF_UNIX, "socket"};
  unlink("socket");
  umask(022);
  R("bind", bind(s, (void *)&name, sizeof name));
  struct stat st;
  stat("socket", &st);
  printf("%o\n", st.st_mode);
  struct ucred peer = {0};
  socklen_t length = sizeof peer;
  R("listen", listen(s, -1));
  R("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, sizeof name));
  R("peer", getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &length));
  printf("%d %d\n", peer.pid == getpid(), (int)peer.uid);
  unlink("socket");
}

static void locks(void) {
  int p[2], other[2], s = socket(AF_UNIX, SOCK_STREAM, 0);
  pipe(p);
  pipe(other);
  R("exclusive", flock(p[0], LOCK_EX | LOCK_NB));
  R("other end", flock(p[1], LOCK_EX | LOCK_NB));
  R("other pipe", flock(other[1], LOCK_EX | LOCK_NB));
  R("unlock", flock(p[0], LOCK_UN));
  R("other end", flock(p[1], LOCK_EX | LOCK_NB));
  R("socket", flock(s, LOCK_EX | LOCK_NB));
  struct flock write = {.l_type = F_WRLCK}, read = {.l_type = F_RDLCK};
  R("write lock of the read end", fcntl(p[0], F_SETLK, &write));
  R("write lock", fcntl(p[1], F_SETLK, &write));
  R("read lock", fcntl(p[0], F_SETLK, &read));
  R("socket", fcntl(s, F_SETLK, &write));
  struct f_owner_ex owner = {F_OWNER_TID, -1};
  R("nobody", fcntl(s, F_SETOWN_EX, &owner));
}

static void messages(void) {
  int s[2], p[2];
  char c;
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  pipe(p);
  R("nothing of nothing", recv(s[0], &c, 0, MSG_DONTWAIT));
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec one = {"x", 1};
  struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *item = CMSG_FIRSTHDR(&m);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(item), &p[0], sizeof(int));
  R("send", sendmsg(s[1], &m, 0));
  struct iovec none = {&c, 0};
  struct msghdr got = {.msg_iov = &none, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  R("only what goes with it", recvmsg(s[0], &got, 0));
  printf("%d\n", CMSG_FIRSTHDR(&got) != 0);
  got.msg_controllen = sizeof control;
  one.iov_base = &c;
  got.msg_iov = &one;
  R("the rest", recvmsg(s[0], &got, 0));
  printf("%d\n", CMSG_FIRSTHDR(&got) != 0);
  char cred[CMSG_SPACE(sizeof(struct ucred))] = {0};
  m.msg_control = cred;
  m.msg_controllen = sizeof cred;
  item = CMSG_FIRSTHDR(&m);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_CREDENTIALS;
  item->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  struct ucred who = {-1, 0, 0};
  memcpy(CMSG_DATA(item), &who, sizeof who);
  R("nobody", sendmsg(s[1], &m, 0));
}

static void edges(void) {
  char page[4096] = {0};
  int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644), p[2], efd = eventfd(0, 0), s = socket(AF_UNIX, SOCK_STREAM, 0);
  pipe(p);
  write(fd, page, 100);
  int neither = open("file", 3);
  R("read of mode 3", read(neither, page, 1));
  R("write of mode 3", write(neither, page, 1));
  R("direct directory", open(".", O_RDONLY | O_DIRECT));
  R("fallocate", fallocate(efd, 0, 0, 10));
  R("fallocate", fallocate(s, 0, 0, 10));
  R("fallocate", fallocate(p[1], 0, 0, 10));
  R("sendfile", sendfile(p[1], fd, 0, -1));
  off_t at = 0;
  lseek(fd, 0, SEEK_END);
  R("to itself", sendfile(fd, fd, &at, 100));
  loff_t to = -1;
  write(p[1], "x", 1);
  R("splice", splice(p[0], 0, fd, &to, 1, 0));
  to = 0x7fffffffffffffffLL;
  R("splice", splice(p[0], 0, fd, &to, 1, 0));
  struct iovec far[2] = {{page, 1}, {(void *)-1L, 1}};
  lseek(fd, 0, SEEK_SET);
  R("readv", readv(fd, far, 2));
  R("seek", lseek(fd, 0x7fffffffffffffffLL, SEEK_END));
  int dir = open(".", O_RDONLY | O_DIRECTORY);
  R("getdents", syscall(SYS_getdents64, dir, page, 0x80000000u));
  void *none = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  R("mlock", mlock(none, 4096));
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  printf("children %ld\n", usage.ru_maxrss);
  int queue = msgget(IPC_PRIVATE, 0600);
  struct { long type; char text[8]; } message = {1, "12345"};
  msgsnd(queue, &message, 5, 0);
  R("copy", msgrcv(queue, &message, 4, 0, IPC_NOWAIT | MSG_NOERROR | 040000));
  msgctl(queue, IPC_RMID, 0);
  struct rlimit small = {4096, 4096};
  signal(SIGXFSZ, SIG_IGN);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  while (read(p[0], page, sizeof page) > 0);
  write(p[1], page, 4096);
  write(p[1], page, 4096);
  setrlimit(RLIMIT_FSIZE, &small);
  ftruncate(fd, 0);
  lseek(fd, 0, SEEK_SET);
  R("up to the limit", splice(p[0], 0, fd, 0, 8192, 0));
  R("beyond", splice(p[0], 0, fd, 0, 4096, 0));
}

// More than is copied at once, to who reads slowly.
static void long_vectors(void) {
  static char big[3][700000];
  for (int sockets = 0; sockets < 2; sockets++) {
    int ends[2];
    if (sockets) socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    else pipe(ends);
    for (int i = 0; i < 3; i++) memset(big[i], 'a' + i, sizeof big[i]);
    pid_t reader = fork();
    if (reader == 0) {
      close(ends[1]);
      long counts[3] = {0}, n;
      char page[5000];
      while ((n = read(ends[0], page, sizeof page)) > 0) {
        for (long i = 0; i < n; i++) counts[page[i] - 'a']++;
      }
      printf("%ld %ld %ld\n", counts[0], counts[1], counts[2]);
      _exit(0);
    }
    close(ends[0]);
    struct iovec vector[4] = {{big[0], sizeof big[0]}, {0, 0}, {big[1], sizeof big[1]}, {big[2], sizeof big[2]}};
    long wrote = writev(ends[1], vector, 4);
    close(ends[1]);
    wait(0);
    printf("%ld\n", wrote);
  }
}

static int thread(void *arg) {
  usleep(20000);
  *(int *)arg = 1;
  syscall(SYS_exit, 0);
  return 0;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  owners();
  locks();
  messages();
  edges();
  long_vectors();
  // A thread made as by vfork: its maker waits for its end.
  static char stack[16384] __attribute__((aligned(16)));
  static int ended;
  clone(thread, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_VFORK, &ended);
  printf("ended %d\n", ended);
  return 0;
}
