// Sockets: AF_UNIX in all types, descriptors passed along, TCP and UDP on the loopback network, errors.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  poll(&p, 1, 0);
  return p.revents;
}

// What a socket keeps when its connection is taken back, or never came about.
static void unconnected(void) {
  struct sockaddr_in in = {.sin_family = AF_INET}, got, none = {.sin_family = AF_UNSPEC};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  socklen_t length = sizeof got;
  char c;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
  bind(server, (void *)&in, sizeof in);
  getsockname(server, (void *)&in, &length);
  CHECK(connect(client, (void *)&in, sizeof in) == 0);
  CHECK(getsockname(client, (void *)&got, &length) == 0 && got.sin_port != 0);
  CHECK(connect(client, (void *)&none, sizeof none) == 0);
  CHECK(getsockname(client, (void *)&got, &length) == 0 && got.sin_port == 0 && got.sin_addr.s_addr == 0);
  CHECK(getpeername(client, (void *)&got, &length) < 0 && errno == ENOTCONN);
  in.sin_port = 0;
  CHECK(connect(client, (void *)&in, sizeof in) == 0);
  CHECK(getpeername(client, (void *)&got, &length) < 0 && errno == ENOTCONN);
  CHECK(connect(client, (void *)&none, sizeof none) == 0 && bind(client, (void *)&in, sizeof in) == 0);
  getsockname(server, (void *)&in, &length);
  connect(client, (void *)&in, sizeof in);
  shutdown(client, SHUT_RD);
  CHECK(recv(client, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
  CHECK(recv(client, &c, 1, 0) == 0);
  int six = socket(AF_INET6, SOCK_DGRAM, 0);
  CHECK(connect(six, (void *)&in, sizeof in) == 0 && send(six, "x", 1, 0) == 1);
  CHECK(recv(server, &c, 1, MSG_DONTWAIT) == 1);
  six = socket(AF_INET6, SOCK_DGRAM, 0);
  in6.sin6_addr = in6addr_loopback;
  bind(six, (void *)&in6, sizeof in6);
  CHECK(sendto(six, "x", 1, 0, (void *)&in, sizeof in) < 0 && errno == ENETUNREACH);
  // A port that the kernel chose is free again when nobody answers.
  int port = in.sin_port, refused = socket(AF_INET, SOCK_STREAM, 0);
  in.sin_port = 0;
  bind(refused, (void *)&in, sizeof in);
  getsockname(refused, (void *)&got, &length);
  in.sin_port = port;
  CHECK(connect(refused, (void *)&in, sizeof in) < 0 && errno == ECONNREFUSED);
  CHECK(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&got, sizeof got) == 0);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGPIPE, SIG_IGN);
  int sv[2], n, status;
  char b[256];
  struct stat st;
  // Pairs.
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
  CHECK(fstat(sv[0], &st) == 0 && S_ISSOCK(st.st_mode));
  printf("poll %x\n", events(sv[0]));
  CHECK(write(sv[0], "one", 3) == 3 && write(sv[0], "two", 3) == 3);
  printf("poll %x\n", events(sv[1]));
  CHECK(ioctl(sv[1], FIONREAD, &n) == 0 && n == 6);
  CHECK(recv(sv[1], b, 100, MSG_PEEK) == 6 && !memcmp(b, "onetwo", 6));
  CHECK(recv(sv[1], b, 4, 0) == 4 && recv(sv[1], b, 100, 0) == 2 && !memcmp(b, "wo", 2));
  CHECK(recv(sv[1], b, 100, MSG_DONTWAIT) < 0 && errno == EAGAIN);
  CHECK(shutdown(sv[0], SHUT_WR) == 0 && read(sv[1], b, 1) == 0);
  printf("poll %x %x\n", events(sv[0]), events(sv[1]));
  CHECK(write(sv[0], "x", 1) < 0 && errno == EPIPE);
  CHECK(write(sv[1], "back", 4) == 4 && read(sv[0], b, 10) == 4);
  close(sv[1]);
  printf("poll %x\n", events(sv[0]));
  close(sv[0]);
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0);
  send(sv[0], "first", 5, 0);
  send(sv[0], "second", 6, 0);
  CHECK(recv(sv[1], b, 3, MSG_TRUNC) == 5 && recv(sv[1], b, 100, 0) == 6);
  close(sv[0]);
  close(sv[1]);
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) == 0);
  send(sv[0], "first", 5, 0);
  send(sv[0], "second", 6, 0);
  CHECK(read(sv[1], b, 3) == 3 && read(sv[1], b, 100) == 6);
  close(sv[0]);
  CHECK(read(sv[1], b, 100) == 0);
  close(sv[1]);
  CHECK(socketpair(AF_INET, SOCK_STREAM, 0, sv) < 0 && errno == EOPNOTSUPP);

  // A descriptor and credentials along with a byte.
  socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
  int p[2], one = 1;
  pipe(p);
  setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
  union { char buf[64]; struct cmsghdr align; } control;
  memset(&control, 0, sizeof control);
  struct iovec iov = {"!", 1};
  struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = CMSG_SPACE(sizeof(int))};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &p[1], sizeof(int));
  CHECK(sendmsg(sv[0], &m, 0) == 1);
  close(p[1]);
  iov.iov_base = b;
  iov.iov_len = 10;
  m.msg_controllen = sizeof control;
  CHECK(recvmsg(sv[1], &m, MSG_CMSG_CLOEXEC) == 1);
  int passed = -1;
  for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    printf("control %d %d\n", c->cmsg_level == SOL_SOCKET, c->cmsg_type);
    if (c->cmsg_type == SCM_RIGHTS) memcpy(&passed, CMSG_DATA(c), sizeof(int));
    if (c->cmsg_type == SCM_CREDENTIALS) {
      struct ucred *u = (struct ucred *)CMSG_DATA(c);
      CHECK(u->pid == getpid() && u->uid == getuid());
    }
  }
  CHECK(fcntl(passed, F_GETFD) == FD_CLOEXEC && write(passed, "passed", 6) == 6);
  close(passed);
  CHECK(read(p[0], b, 100) == 6 && read(p[0], b, 100) == 0);
  struct ucred u;
  socklen_t length = sizeof u;
  CHECK(getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &u, &length) == 0 && u.pid == getpid());

  // A unix server at a path.
  char dir[] = "/tmp/posixx-sock-XXXXXX";
  CHECK(mkdtemp(dir) != 0 && chdir(dir) == 0);
  struct sockaddr_un un = {AF_UNIX, "server"}, got;
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(connect(server, (void *)&un, sizeof un) < 0 && errno == ENOENT);
  CHECK(listen(server, 5) < 0 && errno == EINVAL);
  CHECK(bind(server, (void *)&un, sizeof un) == 0);
  CHECK(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un, sizeof un) < 0 && errno == EADDRINUSE);
  CHECK(stat("server", &st) == 0 && S_ISSOCK(st.st_mode));
  CHECK(open("server", O_RDWR) < 0 && errno == ENXIO);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(connect(client, (void *)&un, sizeof un) < 0 && errno == ECONNREFUSED);
  CHECK(listen(server, 1) == 0);
  CHECK(fcntl(server, F_SETFL, O_NONBLOCK) == 0 && accept(server, 0, 0) < 0 && errno == EAGAIN);
  pid_t child = fork();
  if (!child) {
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(client, (void *)&un, sizeof un);
    write(client, "question", 8);
    n = read(client, b, 100);
    _exit(n == 6 && !memcmp(b, "answer", 6) ? 0 : 1);
  }
  fcntl(server, F_SETFL, 0);
  length = sizeof got;
  int conn = accept4(server, (void *)&got, &length, SOCK_CLOEXEC);
  printf("accepted %d length %d\n", conn >= 0, (int)length);
  n = read(conn, b, 100);
  printf("%.*s\n", n, b);
  write(conn, "answer", 6);
  waitpid(child, &status, 0);
  printf("client %d\n", WEXITSTATUS(status));
  CHECK(read(conn, b, 100) == 0);
  length = sizeof got;
  CHECK(getsockname(conn, (void *)&got, &length) == 0 && !strcmp(got.sun_path, "server"));
  length = sizeof n;
  CHECK(getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &n, &length) == 0 && n == 1);
  close(server);
  CHECK(connect(client, (void *)&un, sizeof un) < 0 && errno == ECONNREFUSED);
  unlink("server");
  rmdir(dir);
  // An abstract name.
  memcpy(un.sun_path, "\0posixx test", 12);
  socklen_t ab = offsetof(struct sockaddr_un, sun_path) + 12;
  server = socket(AF_UNIX, SOCK_DGRAM, 0);
  CHECK(bind(server, (void *)&un, ab) == 0);
  int other = socket(AF_UNIX, SOCK_DGRAM, 0);
  CHECK(bind(other, (void *)&un, ab) < 0 && errno == EADDRINUSE);
  CHECK(sendto(other, "dgram", 5, 0, (void *)&un, ab) == 5);
  length = sizeof got;
  CHECK(recvfrom(server, b, 100, 0, (void *)&got, &length) == 5);
  CHECK(connect(client, (void *)&un, ab) < 0 && errno == EPROTOTYPE);
  close(server);
  CHECK(sendto(other, "dgram", 5, 0, (void *)&un, ab) < 0 && errno == ECONNREFUSED);

  // TCP.
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, peer;
  server = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(server, (void *)&in, sizeof in) == 0 && listen(server, 8) == 0);
  length = sizeof in;
  CHECK(getsockname(server, (void *)&in, &length) == 0 && in.sin_port != 0 && length == sizeof in);
  CHECK(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&in, sizeof in) < 0 && errno == EADDRINUSE);
  child = fork();
  if (!child) {
    close(server);
    client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, (void *)&in, sizeof in)) _exit(9);
    for (int i = 0; i < 3000; i++) if (write(client, "0123456789012345678901234567890123456789012345678901234567890123", 64) != 64) _exit(8);
    shutdown(client, SHUT_WR);
    n = read(client, b, 100);
    _exit(n == 3 ? 0 : 7);
  }
  length = sizeof peer;
  conn = accept(server, (void *)&peer, &length);
  CHECK(ntohl(peer.sin_addr.s_addr) == INADDR_LOOPBACK && peer.sin_port != 0);
  int total = 0;
  while ((n = read(conn, b, sizeof b)) > 0) total += n;
  printf("tcp %d\n", total);
  write(conn, "end", 3);
  waitpid(child, &status, 0);
  printf("client %d\n", WEXITSTATUS(status));
  CHECK(setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
  length = sizeof n;
  CHECK(getsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &n, &length) == 0 && n != 0);
  close(conn);
  close(server);
  client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(client, (void *)&in, sizeof in) < 0 && errno == ECONNREFUSED);
  CHECK(send(client, "x", 1, 0) < 0 && errno == EPIPE);
  CHECK(getpeername(client, (void *)&peer, &length) < 0 && errno == ENOTCONN);
  // UDP.
  in.sin_port = 0;
  server = socket(AF_INET, SOCK_DGRAM, 0);
  bind(server, (void *)&in, sizeof in);
  length = sizeof in;
  getsockname(server, (void *)&in, &length);
  client = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(send(client, "x", 1, 0) < 0 && errno == EDESTADDRREQ);
  CHECK(connect(client, (void *)&in, sizeof in) == 0 && send(client, "ping", 4, 0) == 4);
  length = sizeof peer;
  CHECK(recvfrom(server, b, 100, 0, (void *)&peer, &length) == 4);
  CHECK(sendto(server, "pong", 4, 0, (void *)&peer, length) == 4 && recv(client, b, 100, 0) == 4);
  struct timeval tv = {0, 20000};
  CHECK(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
  CHECK(recv(server, b, 100, 0) < 0 && errno == EAGAIN);
  // Errors.
  CHECK(socket(99, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT);
  CHECK(socket(AF_INET, 99, 0) < 0 && errno == EINVAL);
  CHECK(socket(AF_INET, SOCK_STREAM, 99) < 0 && errno == EPROTONOSUPPORT);
  CHECK(listen(0, 5) < 0 && errno == ENOTSOCK);
  CHECK(bind(999, (void *)&in, sizeof in) < 0 && errno == EBADF);
  CHECK(connect(client, (void *)8, sizeof in) < 0 && errno == EFAULT);
  CHECK(shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RD) < 0 && errno == ENOTCONN);
  unconnected();
  return 0;
}
