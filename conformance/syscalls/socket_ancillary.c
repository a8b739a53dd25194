// Ancillary data: descriptors and credentials, and descriptors in flight.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
#define SHOW(x) do { errno = 0; long r_ = (x); printf("%s = %ld %s\n", #x, r_, r_ < 0 ? strerror(errno) : ""); } while (0)

static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  poll(&p, 1, 0);
  return p.revents;
}

static long sendfds(int s, const char *text, int n, const int *fds) {
  char control[CMSG_SPACE(300 * sizeof(int))];
  memset(control, 0, sizeof control);
  struct iovec v = {(void *)text, strlen(text)};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  if (n >= 0) {
    m.msg_control = control;
    m.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
  }
  // The C library's own call takes fewer descriptors than the kernel's.
  return syscall(SYS_sendmsg, s, &m, 0);
}

static int got[300], gotn;
static long receive(int s, int room, int controlroom, int flags) {
  char buf[100], control[2000];
  struct iovec v = {buf, room};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = controlroom};
  long r = recvmsg(s, &m, flags);
  gotn = 0;
  printf("received %ld %s flags %x control %d", r, r < 0 ? strerror(errno) : "", r < 0 ? 0 : m.msg_flags, r < 0 ? 0 : (int)m.msg_controllen);
  if (r >= 0) for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    if (c->cmsg_type == SCM_RIGHTS) {
      gotn = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(got, CMSG_DATA(c), gotn * sizeof(int));
      printf(" rights %d (%d)", gotn, (int)c->cmsg_len);
    } else if (c->cmsg_type == SCM_CREDENTIALS) {
      struct ucred u;
      memcpy(&u, CMSG_DATA(c), sizeof u);
      printf(" credentials %s %d %d", u.pid == getpid() ? "own" : u.pid == 0 ? "none" : u.pid == getppid() ? "parent" : "other", u.uid == getuid(), u.gid == getgid());
    }
  }
  printf("\n");
  return r;
}
static void closegot(void) { while (gotn) close(got[--gotn]); }

static long sendcred(int s, struct ucred u, int length) {
  char control[CMSG_SPACE(sizeof u)];
  memset(control, 0, sizeof control);
  struct iovec v = {"c", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_CREDENTIALS;
  c->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(c), &u, sizeof u);
  return sendmsg(s, &m, 0);
}

static void rights(int type) {
  int p[2], q[2], many[300], i;
  char b[10];
  printf("type %d\n", type);
  socketpair(AF_UNIX, type, 0, p);
  pipe(q);
  SHOW(sendfds(p[0], "x", 1, &q[1]));
  close(q[1]);
  printf("pipe %x\n", events(q[0]));
  receive(p[1], 10, 100, 0);
  CHECK(gotn == 1 && write(got[0], "through", 7) == 7);
  CHECK(read(q[0], b, 10) == 7);
  printf("cloexec %d\n", fcntl(got[0], F_GETFD));
  SHOW(sendfds(p[0], "x", 2, (int[]){got[0], q[0]}));
  closegot();
  receive(p[1], 10, 100, MSG_PEEK | MSG_CMSG_CLOEXEC);
  printf("cloexec %d\n", fcntl(got[0], F_GETFD));
  closegot();
  receive(p[1], 10, CMSG_LEN(4), 0);
  closegot();
  printf("pipe %x\n", events(q[0]));
  // Dropped when nobody looks at them.
  pipe(q + 0);
  sendfds(p[0], "y", 1, &q[1]);
  close(q[1]);
  SHOW(read(p[1], b, 10));
  printf("pipe %x\n", events(q[0]));
  close(q[0]);
  pipe(q);
  sendfds(p[0], "y", 1, &q[1]);
  close(q[1]);
  receive(p[1], 10, 0, 0);
  printf("pipe %x\n", events(q[0]));
  close(q[0]);
  pipe(q);
  sendfds(p[0], "ab", 1, &q[1]);
  sendfds(p[0], "cd", -1, 0);
  sendfds(p[0], "ef", 2, q);
  sendfds(p[0], "gh", -1, 0);
  for (i = 0; i < 3; i++) { receive(p[1], 3, 100, MSG_DONTWAIT); closegot(); }
  for (i = 0; i < 3; i++) { receive(p[1], 10, 100, MSG_DONTWAIT); closegot(); }
  SHOW(sendfds(p[0], "x", 1, (int[]){999}));
  SHOW(sendfds(p[0], "x", 1, (int[]){-1}));
  for (i = 0; i < 300; i++) many[i] = q[0];
  SHOW(sendfds(p[0], "x", 254, many));
  SHOW(sendfds(p[0], "x", 253, many));
  receive(p[1], 10, 2000, 0);
  closegot();
  SHOW(sendfds(p[0], "x", 0, many));
  receive(p[1], 10, 100, 0);
  // Dropped with the socket.
  sendfds(p[0], "z", 1, &q[1]);
  close(q[1]);
  printf("pipe %x\n", events(q[0]));
  close(p[1]);
  printf("pipe %x\n", events(q[0]));
  close(p[0]);
  close(q[0]);
}

static void cycles(void) {
  int p[2], q[2], r[2];
  // A socket in its own queue, with a pipe's end.
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  pipe(q);
  sendfds(p[0], "x", 2, (int[]){p[1], q[1]});
  close(q[1]);
  close(p[0]);
  printf("pipe %x\n", events(q[0]));
  close(p[1]);
  // Linux looks for cycles in its own time, when sockets are closed.
  struct pollfd hangup = {q[0], 0, 0};
  for (int i = 0; i < 200 && poll(&hangup, 1, 50) == 0; i++) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, r);
    close(r[0]);
    close(r[1]);
  }
  printf("pipe %x\n", events(q[0]));
  close(q[0]);
  // Two pairs in each other's queues; a third socket still reaches one of them.
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  socketpair(AF_UNIX, SOCK_STREAM, 0, r);
  int hold[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, hold);
  pipe(q);
  sendfds(p[0], "x", 2, (int[]){r[1], q[1]});
  sendfds(r[0], "x", 1, (int[]){p[1]});
  sendfds(hold[0], "x", 1, (int[]){p[1]});
  close(q[1]);
  close(p[0]);
  close(p[1]);
  close(r[0]);
  close(r[1]);
  usleep(10000);
  printf("pipe %x\n", events(q[0]));
  receive(hold[1], 10, 100, 0);
  receive(got[0], 10, 100, 0);
  int two = got[0], pipeend = got[1];
  CHECK(write(pipeend, "w", 1) == 1);
  close(pipeend);
  close(two);
  close(hold[0]);
  close(hold[1]);
  printf("pipe %x\n", events(q[0]));
}

static void credentials(void) {
  int p[2], on = 1;
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  sendfds(p[0], "x", -1, 0);
  SHOW(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  receive(p[1], 10, 100, 0);
  sendfds(p[0], "x", -1, 0);
  receive(p[1], 10, 100, 0);
  sendfds(p[0], "x", 1, p);
  receive(p[1], 10, 100, 0);
  closegot();
  sendfds(p[0], "x", 1, p);
  receive(p[1], 10, CMSG_SPACE(12) + CMSG_LEN(0), 0);
  sendfds(p[0], "x", -1, 0);
  receive(p[1], 10, CMSG_LEN(8), 0);
  struct ucred own = {getpid(), getuid(), getgid()};
  SHOW(sendcred(p[0], own, sizeof own));
  receive(p[1], 10, 100, 0);
  SHOW(sendcred(p[0], own, 8));
  int off = 0;
  setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &off, sizeof off);
  SHOW(sendcred(p[0], own, sizeof own));
  receive(p[1], 10, 100, 0);
  setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  fflush(stdout);
  sendfds(p[0], "mine", -1, 0);
  if (fork() == 0) {
    sendfds(p[0], "child's", -1, 0);
    _exit(0);
  }
  wait(0);
  receive(p[1], 100, 100, 0);
  receive(p[1], 100, 100, 0);
  // Malformed.
  char control[64] = {0};
  struct iovec v = {"m", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_len = 8;
  SHOW(sendmsg(p[0], &m, 0));
  c->cmsg_len = 100;
  SHOW(sendmsg(p[0], &m, 0));
  c->cmsg_len = CMSG_LEN(4);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = 99;
  SHOW(sendmsg(p[0], &m, 0));
  m.msg_iovlen = 2000;
  SHOW(sendmsg(p[0], &m, 0));
  m.msg_iovlen = 1;
  m.msg_control = (void *)16;
  SHOW(syscall(SYS_sendmsg, p[0], &m, 0));
  SHOW(syscall(SYS_sendmsg, p[0], (void *)16, 0));
  SHOW(syscall(SYS_recvmsg, p[1], (void *)16, 0));
}

static void many(void) {
  int p[2], i;
  char in[3][8] = {{0}};
  socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
  struct iovec v[3] = {{"a", 1}, {"bc", 2}, {"def", 3}}, w[3] = {{in[0], 8}, {in[1], 8}, {in[2], 2}};
  struct mmsghdr out[3] = {{{.msg_iov = v, .msg_iovlen = 1}}, {{.msg_iov = v + 1, .msg_iovlen = 1}}, {{.msg_iov = v + 2, .msg_iovlen = 1}}};
  struct mmsghdr inm[4] = {{{.msg_iov = w, .msg_iovlen = 1}}, {{.msg_iov = w + 1, .msg_iovlen = 1}}, {{.msg_iov = w + 2, .msg_iovlen = 1}}, {{.msg_iov = w, .msg_iovlen = 1}}};
  SHOW(sendmmsg(p[0], out, 3, 0));
  printf("lengths %d %d %d\n", out[0].msg_len, out[1].msg_len, out[2].msg_len);
  SHOW(recvmmsg(p[1], inm, 4, MSG_WAITFORONE, 0));
  printf("lengths %d %d %d %s %s %.2s flags %x\n", inm[0].msg_len, inm[1].msg_len, inm[2].msg_len, in[0], in[1], in[2], inm[2].msg_hdr.msg_flags);
  SHOW(recvmmsg(p[1], inm, 4, MSG_DONTWAIT, 0));
  SHOW(sendmmsg(p[0], out, 0, 0));
  if (fork() == 0) {
    for (i = 0; i < 3; i++) { usleep(20000); send(p[0], "late", 4, 0); }
    _exit(0);
  }
  SHOW(recvmmsg(p[1], inm, 3, 0, 0));
  wait(0);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGPIPE, SIG_IGN);
  rights(SOCK_STREAM);
  rights(SOCK_DGRAM);
  rights(SOCK_SEQPACKET);
  cycles();
  credentials();
  many();
}
