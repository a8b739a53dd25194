// AF_UNIX: pairs, names, connections, errors, readiness.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
#define SHOW(x) do { errno = 0; long r_ = (x); printf("%s = %ld %s\n", #x, r_, r_ < 0 ? strerror(errno) : ""); } while (0)
#define SHOWFD(x) do { errno = 0; long r_ = (x); printf("%s: %s\n", #x, r_ < 0 ? strerror(errno) : "a descriptor"); if (r_ >= 0) close(r_); } while (0)

static int pipes;
static void onpipe(int s) { pipes++; }
static void onalarm(int s) {}

static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
  poll(&p, 1, 0);
  return p.revents;
}
static void name(const char *what, int fd, int peer) {
  struct sockaddr_un a;
  memset(&a, 'x', sizeof a);
  socklen_t n = sizeof a;
  int r = peer ? getpeername(fd, (void *)&a, &n) : getsockname(fd, (void *)&a, &n);
  if (r < 0) { printf("%s: %s\n", what, strerror(errno)); return; }
  printf("%s: family %d length %d path %.*s\n", what, a.sun_family, (int)n, n > 2 && a.sun_path[0] ? (int)n - 3 : 0, a.sun_path);
}
static struct sockaddr_un at(const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strcpy(a.sun_path, path);
  return a;
}
static int intopt(int fd, int level, int opt) {
  int v = -77;
  socklen_t n = sizeof v;
  if (getsockopt(fd, level, opt, &v, &n) < 0) return -errno;
  return v;
}

static void creation(void) {
  SHOWFD(socket(AF_UNIX, SOCK_STREAM, 0));
  SHOWFD(socket(AF_UNIX, SOCK_STREAM, 1));
  SHOWFD(socket(AF_UNIX, SOCK_STREAM, 2));
  SHOWFD(socket(AF_UNIX, SOCK_RAW, 0));
  SHOWFD(socket(AF_UNIX, SOCK_RDM, 0));
  SHOWFD(socket(AF_UNIX, 12, 0));
  SHOWFD(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
  SHOWFD(socket(99, SOCK_STREAM, 0));
  SHOWFD(socket(-1, SOCK_STREAM, 0));
  int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  printf("flags %x %x\n", fcntl(s, F_GETFL), fcntl(s, F_GETFD));
  struct stat st;
  fstat(s, &st);
  printf("mode %o size %d\n", st.st_mode, (int)st.st_size);
  SHOW(lseek(s, 0, SEEK_SET));
  name("fresh", s, 0);
  name("fresh peer", s, 1);
  printf("fresh events %x\n", events(s));
  char b[4];
  SHOW(read(s, b, 1));
  SHOW(send(s, b, 1, MSG_NOSIGNAL));
  SHOW(listen(s, 5));
  SHOW(accept(s, 0, 0));
  SHOW(shutdown(s, 7));
  printf("options %d %d %d %d\n", intopt(s, SOL_SOCKET, SO_TYPE), intopt(s, SOL_SOCKET, SO_DOMAIN), intopt(s, SOL_SOCKET, SO_PROTOCOL),
    intopt(s, SOL_SOCKET, SO_ACCEPTCONN));
  printf("options %d %d %d\n", intopt(s, SOL_SOCKET, SO_ERROR), intopt(s, SOL_SOCKET, 999), intopt(s, 6, 1));
  SHOW(bind(0x7fff, 0, 0));
  SHOW(listen(0, 1));
  close(s);
  int p[2];
  SHOW(socketpair(AF_INET, SOCK_STREAM, 0, p));
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
}

static void stream(void) {
  int p[2], n;
  char b[300000];
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  name("pair", p[0], 0);
  name("pair peer", p[0], 1);
  printf("events %x\n", events(p[0]));
  SHOW(write(p[0], "hello", 5));
  SHOW(write(p[0], "world", 5));
  SHOW(ioctl(p[1], FIONREAD, &n));
  printf("waiting %d, events %x\n", n, events(p[1]));
  SHOW(recv(p[1], b, 3, MSG_PEEK));
  SHOW(recv(p[1], b, 100, MSG_PEEK));
  SHOW(recv(p[1], b, 7, MSG_WAITALL));
  printf("%.7s\n", b);
  SHOW(read(p[1], b, 100));
  SHOW(recv(p[1], b, 100, MSG_DONTWAIT));
  struct iovec v[2] = {{"ab", 2}, {"cdef", 4}};
  SHOW(writev(p[0], v, 2));
  char c1[3], c2[10];
  struct iovec w[2] = {{c1, 3}, {c2, 10}};
  SHOW(readv(p[1], w, 2));
  printf("%.3s %.3s\n", c1, c2);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  long total = 0, r;
  memset(b, 'z', sizeof b);
  while ((r = write(p[0], b, sizeof b)) > 0) total += r;
  CHECK(total > 100000 && errno == EAGAIN);
  printf("full events %x\n", events(p[0]) );
  while (total > 0 && (r = read(p[1], b, sizeof b)) > 0) total -= r;
  printf("empty events %x\n", events(p[0]));
  SHOW(sendto(p[0], "x", 1, 0, (void *)&(struct sockaddr_un){AF_UNIX, "/q"}, 5));
  SHOW(shutdown(p[0], SHUT_WR));
  printf("half closed %x %x\n", events(p[0]), events(p[1]));
  SHOW(read(p[1], b, 10));
  SHOW(write(p[0], "x", 1));
  SHOW(write(p[1], "back", 4));
  SHOW(read(p[0], b, 10));
  SHOW(shutdown(p[1], SHUT_RDWR));
  printf("closed %x %x\n", events(p[0]), events(p[1]));
  close(p[0]);
  SHOW(send(p[1], "x", 1, 0));
  printf("signals %d\n", pipes);
  SHOW(send(p[1], "x", 1, MSG_NOSIGNAL));
  printf("signals %d\n", pipes);
  close(p[1]);

  // Unread data make the other end see a reset.
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  write(p[0], "lost", 4);
  write(p[1], "kept", 4);
  close(p[1]);
  printf("reset %x\n", events(p[0]));
  SHOW(read(p[0], b, 10));
  SHOW(read(p[0], b, 10));
  SHOW(read(p[0], b, 10));
  SHOW(write(p[0], "x", 1));
  close(p[0]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  write(p[0], "lost", 4);
  close(p[1]);
  printf("error %d %d\n", intopt(p[0], SOL_SOCKET, SO_ERROR), intopt(p[0], SOL_SOCKET, SO_ERROR));
  SHOW(read(p[0], b, 10));
  close(p[0]);
}

static void names(void) {
  char dir[] = "/tmp/posixx-socket-XXXXXX";
  mkdtemp(dir);
  chdir(dir);
  struct sockaddr_un a = at("listener"), bound;
  int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), n;
  SHOW(connect(c, (void *)&a, sizeof a));
  SHOW(bind(s, (void *)&a, 2));
  name("autobound", s, 0);
  close(s);
  s = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(bind(s, (void *)&a, 1));
  SHOW(bind(s, (void *)&a, sizeof a + 1));
  a.sun_family = AF_INET;
  SHOW(bind(s, (void *)&a, sizeof a));
  a.sun_family = AF_UNIX;
  umask(022);
  SHOW(bind(s, (void *)&a, sizeof a));
  SHOW(bind(s, (void *)&a, sizeof a));
  name("bound", s, 0);
  struct stat st;
  stat("listener", &st);
  printf("inode %o\n", st.st_mode);
  SHOW(open("listener", O_RDONLY));
  SHOW(connect(c, (void *)&a, sizeof a));
  int other = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(bind(other, (void *)&a, sizeof a));
  close(other);
  SHOW(listen(s, 1));
  printf("listening %x %d\n", events(s), intopt(s, SOL_SOCKET, SO_ACCEPTCONN));
  int d = socket(AF_UNIX, SOCK_DGRAM, 0);
  SHOW(connect(d, (void *)&a, sizeof a));
  SHOW(listen(d, 1));
  SHOW(accept(d, 0, 0));
  close(d);
  close(open("plain", O_CREAT | O_WRONLY, 0600));
  struct sockaddr_un plain = at("plain");
  SHOW(connect(c, (void *)&plain, sizeof plain));
  SHOW(connect(c, (void *)&a, sizeof a));
  SHOW(connect(c, (void *)&a, sizeof a));
  printf("listening %x client %x\n", events(s), events(c));
  name("client", c, 0);
  name("client peer", c, 1);
  SHOW(write(c, "early", 5));
  socklen_t len = sizeof bound;
  int t = accept4(s, (void *)&bound, &len, SOCK_CLOEXEC);
  CHECK(t >= 0);
  printf("accepted from length %d, flags %x\n", (int)len, fcntl(t, F_GETFD));
  name("server", t, 0);
  name("server peer", t, 1);
  char b[10];
  SHOW(read(t, b, 10));
  struct ucred cred;
  len = sizeof cred;
  getsockopt(t, SOL_SOCKET, SO_PEERCRED, &cred, &len);
  CHECK(len == sizeof cred && cred.pid == getpid() && cred.uid == getuid() && cred.gid == getgid());
  getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &len);
  close(t);
  printf("after the server's end %x\n", events(c));
  SHOW(read(c, b, 10));
  close(c);
  // The backlog.
  int many[4];
  for (n = 0; n < 4; n++) {
    many[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SHOW(connect(many[n], (void *)&a, sizeof a));
  }
  fcntl(s, F_SETFL, O_NONBLOCK);
  for (n = 0; n < 4; n++) {
    int got = accept(s, 0, 0);
    printf("accept %s\n", got < 0 ? strerror(errno) : "yes");
    if (got >= 0) { printf("flags %x\n", fcntl(got, F_GETFL)); close(got); }
  }
  for (n = 0; n < 4; n++) close(many[n]);
  // A listener that goes away resets those that wait.
  c = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(c, (void *)&a, sizeof a);
  close(s);
  printf("orphan %x\n", events(c));
  SHOW(read(c, b, 1));
  SHOW(read(c, b, 1));
  close(c);
  c = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(connect(c, (void *)&a, sizeof a));
  unlink("listener");
  SHOW(connect(c, (void *)&a, sizeof a));
  // Abstract names.
  struct sockaddr_un abstract = {AF_UNIX, "\0posixx-test"};
  int size = 2 + 1 + sprintf(abstract.sun_path + 1, "posixx%d", getpid());
  s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  SHOW(bind(s, (void *)&abstract, size));
  len = sizeof bound;
  getsockname(s, (void *)&bound, &len);
  CHECK(len == size && !memcmp(&bound, &abstract, size));
  other = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  SHOW(bind(other, (void *)&abstract, size));
  SHOW(connect(c, (void *)&abstract, size));
  SHOW(connect(other, (void *)&abstract, size));
  SHOW(listen(s, 5));
  SHOW(connect(other, (void *)&abstract, size + 1));
  SHOW(connect(other, (void *)&abstract, size));
  t = accept(s, 0, 0);
  SHOW(send(other, "one", 3, 0));
  SHOW(send(other, "second", 6, 0));
  SHOW(recv(t, b, 2, MSG_TRUNC));
  SHOW(recv(t, b, 10, 0));
  SHOW(send(other, "x", 1, MSG_EOR));
  struct iovec v = {b, 10};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  SHOW(recvmsg(t, &m, 0));
  printf("flags %x\n", m.msg_flags);
  close(other);
  SHOW(recv(t, b, 10, 0));
  SHOW(send(t, "x", 1, 0));
  printf("signals %d, events %x\n", pipes, events(t));
  close(t);
  close(s);
  chdir("/");
  char path[60];
  sprintf(path, "%s/plain", dir);
  unlink(path);
  SHOW(rmdir(dir));
}

static void datagrams(void) {
  int p[2], n;
  char b[100];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
  SHOW(send(p[0], "one", 3, 0));
  SHOW(send(p[0], "", 0, 0));
  SHOW(send(p[0], "three", 5, 0));
  SHOW(ioctl(p[1], FIONREAD, &n));
  printf("first %d\n", n);
  SHOW(recv(p[1], b, 2, MSG_PEEK | MSG_TRUNC));
  struct iovec v[2] = {{b, 1}, {b + 10, 1}};
  struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
  SHOW(recvmsg(p[1], &m, 0));
  printf("flags %x %c%c\n", m.msg_flags, b[0], b[10]);
  SHOW(recv(p[1], b, 10, 0));
  SHOW(readv(p[1], v, 2));
  SHOW(recv(p[1], b, 10, MSG_DONTWAIT));
  for (n = 0; n < 100 && send(p[0], "x", 1, MSG_DONTWAIT) == 1; n++) ;
  int queued = n;
  CHECK(queued > 5 && queued < 100 + 1);
  printf("receiver %x\n", events(p[1]));
  for (n = 0; n < queued; n++) recv(p[1], b, 10, 0);
  printf("sender %x\n", events(p[0]));
  SHOW(shutdown(p[1], SHUT_RD));
  SHOW(send(p[0], "x", 1, 0));
  printf("signals %d\n", pipes);
  SHOW(recv(p[1], b, 1, 0));
  close(p[1]);
  printf("peer gone %x\n", events(p[0]));
  SHOW(send(p[0], "x", 1, 0));
  SHOW(send(p[0], "x", 1, 0));
  close(p[0]);

  struct sockaddr_un a = {AF_UNIX, ""}, c = {AF_UNIX, ""}, from;
  int alen = 3 + sprintf(a.sun_path + 1, "posixx-a%d", getpid());
  int clen = 3 + sprintf(c.sun_path + 1, "posixx-c%d", getpid());
  int s = socket(AF_UNIX, SOCK_DGRAM, 0), t = socket(AF_UNIX, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0);
  bind(s, (void *)&a, alen);
  bind(t, (void *)&c, clen);
  SHOW(send(t, "x", 1, 0));
  SHOW(sendto(t, "named", 5, 0, (void *)&a, alen));
  socklen_t len = sizeof from;
  SHOW(recvfrom(s, b, 10, 0, (void *)&from, &len));
  CHECK(len == clen && !memcmp(&from, &c, clen));
  SHOW(sendto(u, "nameless", 8, 0, (void *)&a, alen));
  len = sizeof from;
  SHOW(recvfrom(s, b, 10, 0, (void *)&from, &len));
  printf("from length %d\n", (int)len);
  SHOW(connect(s, (void *)&c, clen));
  SHOW(sendto(u, "no", 2, 0, (void *)&a, alen));
  SHOW(connect(u, (void *)&a, alen));
  SHOW(sendto(t, "yes", 3, 0, (void *)&a, alen));
  SHOW(recv(s, b, 10, 0));
  struct sockaddr none = {AF_UNSPEC};
  SHOW(connect(s, &none, sizeof none));
  SHOW(sendto(u, "now", 3, 0, (void *)&a, alen));
  SHOW(recv(s, b, 10, 0));
  close(s);
  SHOW(sendto(u, "x", 1, 0, (void *)&a, alen));
  close(t);
  close(u);
}

static void waiting(void) {
  int p[2], status;
  char b[200000];
  struct timeval tv = {0, 30000}, got;
  socklen_t len = sizeof got;
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  SHOW(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  SHOW(getsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len));
  CHECK(got.tv_sec == 0 && got.tv_usec > 20000 && got.tv_usec < 40000 && len == sizeof got);
  SHOW(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, 4));
  tv.tv_usec = 1000000;
  SHOW(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  SHOW(read(p[0], b, 1));
  SHOW(recv(p[0], b, 1, 0));
  tv.tv_usec = 0;
  SHOW(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  pid_t pid = fork();
  if (pid == 0) {
    close(p[0]);
    memset(b, 'q', sizeof b);
    usleep(20000);
    long r = write(p[1], b, sizeof b);
    r += write(p[1], b, sizeof b);
    r += write(p[1], b, sizeof b);
    _exit(r == 3 * (long)sizeof b ? 7 : 8);
  }
  close(p[1]);
  SHOW(recv(p[0], b, sizeof b, MSG_WAITALL));
  long total = 0, r;
  while ((r = read(p[0], b, 10000)) > 0) total += r;
  printf("then %ld\n", total);
  wait(&status);
  printf("status %x\n", status);
  close(p[0]);
  // Signals: restarted or not.
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  struct sigaction sa = {.sa_handler = onalarm};
  sigaction(SIGALRM, &sa, 0);
  struct itimerval it = {{0, 0}, {0, 20000}};
  setitimer(ITIMER_REAL, &it, 0);
  SHOW(recv(p[0], b, 1, 0));
  sa.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &sa, 0);
  setitimer(ITIMER_REAL, &it, 0);
  if (fork() == 0) {
    usleep(60000);
    write(p[1], "!", 1);
    _exit(0);
  }
  SHOW(recv(p[0], b, 1, 0));
  wait(0);
  tv.tv_sec = 5;
  setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  setitimer(ITIMER_REAL, &it, 0);
  SHOW(recv(p[0], b, 1, 0));
  // Edges.
  int ep = epoll_create1(0);
  struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {0}}, out[4];
  epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
  SHOW(epoll_wait(ep, out, 4, 0));
  printf("edge %x\n", out[0].events);
  SHOW(epoll_wait(ep, out, 4, 0));
  write(p[1], "a", 1);
  SHOW(epoll_wait(ep, out, 4, 0));
  printf("edge %x\n", out[0].events);
  SHOW(epoll_wait(ep, out, 4, 0));
  write(p[1], "b", 1);
  SHOW(epoll_wait(ep, out, 4, 0));
  shutdown(p[1], SHUT_WR);
  SHOW(epoll_wait(ep, out, 4, 0));
  printf("edge %x\n", out[0].events);
  close(p[1]);
  SHOW(epoll_wait(ep, out, 4, 0));
  printf("edge %x\n", out[0].events);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGPIPE, onpipe);
  creation();
  stream();
  names();
  datagrams();
  waiting();
}
