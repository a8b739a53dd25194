// TCP and UDP on the loopback interface: ports, connections, errors, readiness.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
#define SHOW(x) do { errno = 0; long r_ = (x); printf("%s = %ld %s\n", #x, r_, r_ < 0 ? strerror(errno) : ""); } while (0)
#define SHOWFD(x) do { errno = 0; long r_ = (x); printf("%s: %s\n", #x, r_ < 0 ? strerror(errno) : "a descriptor"); if (r_ >= 0) close(r_); } while (0)

static int pipes;
static void onpipe(int s) { pipes++; }

static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
  poll(&p, 1, 0);
  return p.revents;
}
static int intopt(int fd, int level, int opt) {
  int v = -77;
  socklen_t n = sizeof v;
  if (getsockopt(fd, level, opt, &v, &n) < 0) return -errno;
  return v;
}
static int setint(int fd, int level, int opt, int v) { return setsockopt(fd, level, opt, &v, sizeof v); }

static struct sockaddr_in in4(const char *host, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  a.sin_addr.s_addr = inet_addr(host);
  return a;
}
static int port(int fd) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  getsockname(fd, (void *)&a, &n);
  return ntohs(a.sin_port);
}
/* Ports are shown by what they are equal to. */
static void name(const char *what, int fd, int peer, int known) {
  union { struct sockaddr s; struct sockaddr_in a; struct sockaddr_in6 b; char room[100]; } u;
  char text[80];
  socklen_t n = sizeof u;
  memset(&u, 0xee, sizeof u);
  if ((peer ? getpeername : getsockname)(fd, &u.s, &n) < 0) { printf("%s: %s\n", what, strerror(errno)); return; }
  int p = ntohs(u.a.sin_port);
  inet_ntop(u.s.sa_family, u.s.sa_family == AF_INET ? (void *)&u.a.sin_addr : &u.b.sin6_addr, text, sizeof text);
  printf("%s: family %d length %d host %s port %s\n", what, u.s.sa_family, (int)n, text, p == 0 ? "0" : p == known ? "known" : "another");
}
static int listener(struct sockaddr_in a, int backlog) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(s, (void *)&a, sizeof a) < 0 || listen(s, backlog) < 0) perror("listener");
  return s;
}
static void tcppair(int *p) {
  int s = listener(in4("127.0.0.1", 0), 5);
  struct sockaddr_in a = in4("127.0.0.1", port(s));
  p[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(p[0], (void *)&a, sizeof a) < 0) perror("connect");
  p[1] = accept(s, 0, 0);
  close(s);
}

static void creation(void) {
  SHOWFD(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
  SHOWFD(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  SHOWFD(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
  SHOWFD(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
  SHOWFD(socket(AF_INET, SOCK_SEQPACKET, 0));
  SHOWFD(socket(AF_INET, SOCK_STREAM, 999));
  SHOWFD(socket(AF_INET6, SOCK_STREAM, 0));
  int s = socket(AF_INET, SOCK_STREAM, 0);
  char b[4];
  printf("fresh %x\n", events(s));
  name("fresh", s, 0, 0);
  name("fresh peer", s, 1, 0);
  SHOW(read(s, b, 1));
  SHOW(send(s, b, 1, 0));
  SHOW(send(s, b, 1, MSG_NOSIGNAL));
  printf("signals %d\n", pipes);
  SHOW(shutdown(s, SHUT_RD));
  SHOW(accept(s, 0, 0));
  SHOW(shutdown(s, 9));
  struct sockaddr_in a = in4("127.0.0.1", 1);
  SHOW(connect(s, (void *)&a, 8));
  SHOW(connect(s, (void *)&a, 1));
  a.sin_family = AF_INET6;
  SHOW(connect(s, (void *)&a, sizeof a));
  SHOW(bind(s, (void *)&a, sizeof a));
  a = in4("10.1.2.3", 0);
  SHOW(bind(s, (void *)&a, sizeof a));
  SHOW(bind(s, (void *)&a, 15));
  a = in4("127.9.9.9", 0);
  SHOW(bind(s, (void *)&a, sizeof a));
  SHOW(bind(s, (void *)&a, sizeof a));
  name("bound", s, 0, 0);
  close(s);
  s = socket(AF_INET, SOCK_STREAM, 0);
  a = in4("0.0.0.0", 0);
  a.sin_family = AF_UNSPEC;
  SHOW(bind(s, (void *)&a, sizeof a));
  close(s);
}

static void options(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
  printf("type %d %d domain %d protocol %d %d\n", intopt(s, SOL_SOCKET, SO_TYPE), intopt(u, SOL_SOCKET, SO_TYPE), intopt(s, SOL_SOCKET, SO_DOMAIN),
    intopt(s, SOL_SOCKET, SO_PROTOCOL), intopt(u, SOL_SOCKET, SO_PROTOCOL));
  static const int sol[] = {SO_DEBUG, SO_REUSEADDR, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_PRIORITY, SO_REUSEPORT, SO_RCVLOWAT,
    SO_SNDLOWAT, SO_ACCEPTCONN, SO_BSDCOMPAT, 998};
  for (int i = 0; i < sizeof sol / sizeof *sol; i++) printf("SOL_SOCKET %d: %d\n", sol[i], intopt(s, SOL_SOCKET, sol[i]));
  static const int tcp[] = {TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_DEFER_ACCEPT, TCP_USER_TIMEOUT, 997};
  for (int i = 0; i < sizeof tcp / sizeof *tcp; i++) printf("TCP %d: %d\n", tcp[i], intopt(s, IPPROTO_TCP, tcp[i]));
  printf("IP %d %d %d\n", intopt(s, IPPROTO_IP, IP_TOS), intopt(s, IPPROTO_IP, IP_TTL), intopt(s, IPPROTO_IP, 996));
  printf("levels %d %d %d\n", intopt(s, IPPROTO_UDP, 1), intopt(u, IPPROTO_TCP, 1), intopt(s, 77, 1));
  SHOW(setint(s, IPPROTO_UDP, 1, 1));
  SHOW(setint(u, IPPROTO_TCP, 1, 1));
  SHOW(setint(s, 77, 1, 1));
  SHOW(setint(s, IPPROTO_TCP, TCP_NODELAY, 5));
  SHOW(intopt(s, IPPROTO_TCP, TCP_NODELAY));
  SHOW(setint(s, IPPROTO_TCP, TCP_KEEPIDLE, 0));
  SHOW(setint(s, IPPROTO_TCP, TCP_KEEPIDLE, 40000));
  SHOW(setint(s, IPPROTO_TCP, TCP_KEEPIDLE, 100));
  SHOW(setint(s, SOL_SOCKET, SO_KEEPALIVE, 1));
  SHOW(setint(s, SOL_SOCKET, SO_TYPE, 1));
  SHOW(setint(s, SOL_SOCKET, SO_ERROR, 1));
  SHOW(setint(s, SOL_SOCKET, SO_SNDLOWAT, 1));
  SHOW(setint(s, SOL_SOCKET, 998, 1));
  SHOW(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 2));
  SHOW(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)16, 4));
  SHOW(setint(u, SOL_SOCKET, SO_SNDBUF, 10000));
  SHOW(intopt(u, SOL_SOCKET, SO_SNDBUF));
  SHOW(setint(u, SOL_SOCKET, SO_RCVBUF, 1));
  SHOW(intopt(u, SOL_SOCKET, SO_RCVBUF));
  struct linger l = {1, 7};
  SHOW(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l));
  SHOW(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, 4));
  l.l_onoff = 9;
  socklen_t n = sizeof l;
  SHOW(getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &n));
  printf("linger %d %d %d\n", l.l_onoff, l.l_linger, (int)n);
  char small[4] = {9, 9, 9, 9};
  n = 2;
  SHOW(getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, small, &n));
  printf("%d %d %d length %d\n", small[0], small[1], small[2], (int)n);
  n = -1;
  SHOW(getsockopt(s, SOL_SOCKET, SO_TYPE, small, &n));
  struct timeval tv = {0, 1000000};
  SHOW(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  close(s);
  close(u);
}

static void ports(void) {
  int s = listener(in4("127.0.0.1", 0), 5), t = socket(AF_INET, SOCK_STREAM, 0), i;
  struct sockaddr_in a = in4("127.0.0.1", port(s)), any = in4("0.0.0.0", port(s)), other = in4("127.0.0.2", port(s));
  CHECK(port(s) >= 1024);
  SHOW(bind(t, (void *)&a, sizeof a));
  SHOW(bind(t, (void *)&any, sizeof any));
  SHOW(bind(t, (void *)&other, sizeof other));
  SHOW(listen(t, 1));
  close(t);
  t = socket(AF_INET, SOCK_STREAM, 0);
  setint(t, SOL_SOCKET, SO_REUSEADDR, 1);
  setint(s, SOL_SOCKET, SO_REUSEADDR, 1);
  SHOW(bind(t, (void *)&a, sizeof a));
  close(s);
  SHOW(bind(t, (void *)&a, sizeof a));
  s = socket(AF_INET, SOCK_STREAM, 0);
  setint(s, SOL_SOCKET, SO_REUSEADDR, 1);
  SHOW(bind(s, (void *)&a, sizeof a));
  SHOW(listen(s, 1));
  SHOW(listen(t, 1));
  close(s);
  close(t);
  for (i = 0; i < 2; i++) {
    int r[2] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0)};
    setint(r[0], SOL_SOCKET, SO_REUSEPORT, 1);
    if (i) setint(r[1], SOL_SOCKET, SO_REUSEPORT, 1);
    a = in4("127.0.0.1", 0);
    bind(r[0], (void *)&a, sizeof a);
    listen(r[0], 1);
    a = in4("127.0.0.1", port(r[0]));
    SHOW(bind(r[1], (void *)&a, sizeof a));
    SHOW(listen(r[1], 1));
    close(r[0]);
    close(r[1]);
  }
  /* Both wildcards at one port: IPv6 alone beside IPv4, and IPv6 that takes IPv4, too. */
  for (i = 0; i < 2; i++) {
    int r[2] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_STREAM, 0)};
    a = in4("0.0.0.0", 0);
    bind(r[0], (void *)&a, sizeof a);
    setint(r[1], IPPROTO_IPV6, IPV6_V6ONLY, i);
    struct sockaddr_in6 six = {AF_INET6, htons(port(r[0]))};
    SHOW(bind(r[1], (void *)&six, sizeof six));
    close(r[0]);
    close(r[1]);
  }
}

static void connections(void) {
  int s = listener(in4("127.0.0.1", 0), 5), c = socket(AF_INET, SOCK_STREAM, 0), known = port(s), n;
  struct sockaddr_in a = in4("127.0.0.1", known), from;
  socklen_t len = sizeof from;
  char b[100];
  printf("listening %x %d\n", events(s), intopt(s, SOL_SOCKET, SO_ACCEPTCONN));
  SHOW(read(s, b, 1));
  SHOW(connect(s, (void *)&a, sizeof a));
  SHOW(ioctl(s, FIONREAD, &n));
  SHOW(connect(c, (void *)&a, sizeof a));
  SHOW(connect(c, (void *)&a, sizeof a));
  printf("listening %x client %x\n", events(s), events(c));
  name("client", c, 0, known);
  name("client peer", c, 1, known);
  int t = accept4(s, (void *)&from, &len, SOCK_NONBLOCK);
  printf("accepted %x length %d from port %s\n", fcntl(t, F_GETFL), (int)len, from.sin_port == htons(port(c)) ? "of the client" : "wrong");
  name("server", t, 0, known);
  SHOW(read(t, b, 1));
  SHOW(write(c, "hello", 5));
  SHOW(ioctl(t, FIONREAD, &n));
  printf("waiting %d\n", n);
  SHOW(recv(t, b, 100, MSG_PEEK));
  SHOW(recv(t, b, 2, MSG_TRUNC));
  len = sizeof from;
  SHOW(recvfrom(t, b, 100, 0, (void *)&from, &len));
  printf("address length %d\n", (int)len);
  SHOW(sendto(t, "x", 1, 0, (void *)&a, sizeof a));
  SHOW(shutdown(c, SHUT_WR));
  printf("half %x %x\n", events(c), events(t));
  SHOW(read(t, b, 1));
  SHOW(write(c, "x", 1));
  SHOW(write(t, "answer", 6));
  SHOW(read(c, b, 100));
  SHOW(shutdown(t, SHUT_WR));
  printf("both %x %x\n", events(c), events(t));
  SHOW(shutdown(t, SHUT_WR));
  name("client peer", c, 1, known);
  close(t);
  SHOW(read(c, b, 100));
  close(c);
  close(s);

  int p[2];
  tcppair(p);
  close(p[1]);
  printf("closed %x\n", events(p[0]));
  pipes = 0;
  SHOW(write(p[0], "x", 1));
  printf("then %x\n", events(p[0]));
  SHOW(write(p[0], "x", 1));
  SHOW(write(p[0], "x", 1));
  SHOW(read(p[0], b, 1));
  printf("signals %d\n", pipes);
  close(p[0]);

  tcppair(p);
  write(p[0], "unread", 6);
  write(p[1], "kept", 4);
  close(p[1]);
  printf("reset %x\n", events(p[0]));
  SHOW(read(p[0], b, 100));
  SHOW(read(p[0], b, 100));
  SHOW(read(p[0], b, 100));
  SHOW(write(p[0], "x", 1));
  printf("signals %d\n", pipes);
  name("peer", p[0], 1, 0);
  close(p[0]);

  tcppair(p);
  struct linger l = {1, 0};
  setsockopt(p[1], SOL_SOCKET, SO_LINGER, &l, sizeof l);
  close(p[1]);
  printf("linger %x error %d", events(p[0]), intopt(p[0], SOL_SOCKET, SO_ERROR));
  printf(" %d\n", intopt(p[0], SOL_SOCKET, SO_ERROR));
  SHOW(read(p[0], b, 1));
  close(p[0]);

  tcppair(p);
  SHOW(shutdown(p[0], SHUT_RD));
  SHOW(read(p[0], b, 1));
  SHOW(write(p[1], "late", 4));
  SHOW(read(p[0], b, 10));
  printf("read half %x %x\n", events(p[0]), events(p[1]));
  close(p[0]);
  close(p[1]);

  // Refused, blocking and not.
  s = listener(in4("127.0.0.1", 0), 1);
  a = in4("127.0.0.1", port(s));
  close(s);
  c = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(connect(c, (void *)&a, sizeof a));
  SHOW(connect(c, (void *)&a, sizeof a));
  close(c);
  c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SHOW(connect(c, (void *)&a, sizeof a));
  struct pollfd pf = {c, POLLOUT, 0};
  poll(&pf, 1, 1000);
  printf("refused %x\n", events(c));
  printf("error %d", intopt(c, SOL_SOCKET, SO_ERROR));
  printf(" %d\n", intopt(c, SOL_SOCKET, SO_ERROR));
  SHOW(connect(c, (void *)&a, sizeof a));
  close(c);
  s = listener(in4("127.0.0.1", 0), 1);
  a = in4("127.0.0.1", port(s));
  c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SHOW(connect(c, (void *)&a, sizeof a));
  pf.fd = c;
  poll(&pf, 1, 1000);
  printf("connected %x %d\n", events(c), intopt(c, SOL_SOCKET, SO_ERROR));
  SHOW(connect(c, (void *)&a, sizeof a));
  SHOW(connect(c, (void *)&a, sizeof a));
  // A connection whose client has gone is accepted all the same.
  write(c, "bye", 3);
  close(c);
  t = accept(s, 0, 0);
  SHOW(read(t, b, 10));
  SHOW(read(t, b, 10));
  close(t);
  fcntl(s, F_SETFL, O_NONBLOCK);
  SHOW(accept(s, 0, 0));
  c = socket(AF_INET, SOCK_STREAM, 0);
  a = in4("0.0.0.0", port(s));
  SHOW(connect(c, (void *)&a, sizeof a));
  name("by any", c, 1, port(s));
  close(s);
  usleep(10000);
  printf("listener gone %x\n", events(c));
  SHOW(read(c, b, 1));
  close(c);
}

static void waiting(void) {
  int p[2], status;
  static char b[3000000];
  tcppair(p);
  if (fork() == 0) {
    close(p[0]);
    usleep(20000);
    memset(b, 'w', sizeof b);
    long r = write(p[1], b, sizeof b);
    _exit(r == sizeof b ? 3 : 4);
  }
  close(p[1]);
  SHOW(recv(p[0], b, 5, MSG_WAITALL));
  long total = 5, r;
  while ((r = read(p[0], b, sizeof b)) > 0) total += r;
  printf("total %ld\n", total);
  wait(&status);
  printf("status %x\n", status);
  close(p[0]);
  tcppair(p);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  for (total = 0; (r = write(p[0], b, 100000)) > 0; total += r) ;
  CHECK(total > 50000 && errno == EAGAIN);
  printf("full %x\n", events(p[0]));
  while (total > 0 && (r = read(p[1], b, sizeof b)) > 0) total -= r;
  usleep(20000);
  printf("empty %x\n", events(p[0]));
  int ep = epoll_create1(0);
  struct epoll_event e = {EPOLLIN | EPOLLRDHUP | EPOLLET, {0}}, out[2];
  epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &e);
  SHOW(epoll_wait(ep, out, 2, 0));
  write(p[0], "a", 1);
  SHOW(epoll_wait(ep, out, 2, 100));
  printf("edge %x\n", out[0].events);
  SHOW(epoll_wait(ep, out, 2, 0));
  write(p[0], "b", 1);
  SHOW(epoll_wait(ep, out, 2, 100));
  close(p[0]);
  SHOW(epoll_wait(ep, out, 2, 100));
  printf("edge %x\n", out[0].events);
  // A listener wakes those that accept; a time-out ends it.
  int s = listener(in4("127.0.0.1", 0), 5);
  struct sockaddr_in a = in4("127.0.0.1", port(s));
  if (fork() == 0) {
    usleep(20000);
    int c = socket(AF_INET, SOCK_STREAM, 0);
    _exit(connect(c, (void *)&a, sizeof a) == 0 ? 5 : 6);
  }
  SHOWFD(accept(s, 0, 0));
  wait(&status);
  printf("status %x\n", status);
  struct timeval tv = {0, 30000};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  SHOW(accept(s, 0, 0));
  if (fork() == 0) {
    usleep(20000);
    shutdown(s, SHUT_RD);
    _exit(0);
  }
  tv.tv_usec = 0;
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  SHOW(accept(s, 0, 0));
  wait(0);
  SHOW(accept(s, 0, 0));
  close(s);
}

static void datagrams(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), n;
  struct sockaddr_in a = in4("127.0.0.1", 0), from;
  socklen_t len = sizeof from;
  char b[70000];
  memset(b, 'd', sizeof b);
  printf("fresh %x\n", events(s));
  SHOW(bind(s, (void *)&a, sizeof a));
  a = in4("127.0.0.1", port(s));
  SHOW(bind(c, (void *)&a, sizeof a));
  SHOW(send(c, "x", 1, 0));
  SHOW(sendto(c, "one", 3, 0, (void *)&a, sizeof a));
  SHOW(sendto(c, "", 0, 0, (void *)&a, sizeof a));
  SHOW(sendto(c, "three", 5, 0, (void *)&a, sizeof a));
  name("sender", c, 0, port(c));
  printf("receiver %x\n", events(s));
  SHOW(ioctl(s, FIONREAD, &n));
  printf("first %d\n", n);
  SHOW(recv(s, b, 1, MSG_PEEK | MSG_TRUNC));
  SHOW(recvfrom(s, b, 100, 0, (void *)&from, &len));
  CHECK(len == sizeof from && from.sin_port == htons(port(c)) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  SHOW(recv(s, b, 100, 0));
  SHOW(recv(s, b, 2, MSG_TRUNC));
  SHOW(recv(s, b, 2, MSG_DONTWAIT));
  SHOW(sendto(c, b, 65507, 0, (void *)&a, sizeof a));
  SHOW(recv(s, b, sizeof b, 0));
  SHOW(sendto(c, b, 65508, 0, (void *)&a, sizeof a));
  SHOW(sendto(c, b, 1, 0, (void *)&a, 8));
  SHOW(shutdown(s, SHUT_RD));
  SHOW(connect(c, (void *)&a, sizeof a));
  name("connected", c, 0, port(c));
  name("connected peer", c, 1, port(s));
  SHOW(send(c, "conn", 4, 0));
  struct sockaddr_in back = in4("127.0.0.1", port(c));
  int other = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(sendto(other, "stranger", 8, 0, (void *)&back, sizeof back));
  SHOW(recv(c, b, 100, MSG_DONTWAIT));
  SHOW(sendto(s, "friend", 6, 0, (void *)&back, sizeof back));
  SHOW(recv(c, b, 100, MSG_DONTWAIT));
  close(s);
  SHOW(send(c, "x", 1, 0));
  printf("refused %x\n", events(c));
  SHOW(send(c, "x", 1, 0));
  SHOW(send(c, "x", 1, 0));
  SHOW(recv(c, b, 1, MSG_DONTWAIT));
  SHOW(recv(c, b, 1, MSG_DONTWAIT));
  struct sockaddr none = {AF_UNSPEC};
  SHOW(connect(c, &none, sizeof none));
  name("disconnected", c, 1, 0);
  SHOW(sendto(c, "x", 1, 0, (void *)&a, sizeof a));
  SHOW(recv(c, b, 1, MSG_DONTWAIT));
  a.sin_port = 0;
  SHOW(sendto(c, "x", 1, 0, (void *)&a, sizeof a));
  close(c);
  close(other);
}

static void six(void) {
  int s = socket(AF_INET6, SOCK_STREAM, 0), known;
  struct sockaddr_in6 a = {.sin6_family = AF_INET6};
  struct sockaddr_in b;
  char buf[10];
  SHOW(bind(s, (void *)&a, sizeof a));
  SHOW(listen(s, 5));
  known = port(s);
  name("any", s, 0, known);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  b = in4("127.0.0.1", known);
  SHOW(connect(c, (void *)&b, sizeof b));
  int t = accept(s, 0, 0);
  name("server", t, 0, known);
  name("server peer", t, 1, port(c));
  close(c);
  close(t);
  c = socket(AF_INET6, SOCK_STREAM, 0);
  a.sin6_port = htons(known);
  a.sin6_addr = in6addr_loopback;
  SHOW(connect(c, (void *)&a, 20));
  SHOW(connect(c, (void *)&a, sizeof a));
  t = accept(s, 0, 0);
  name("server", t, 0, known);
  name("client peer", c, 1, known);
  SHOW(write(c, "six", 3));
  SHOW(read(t, buf, 10));
  close(c);
  close(t);
  c = socket(AF_INET, SOCK_STREAM, 0);
  b = in4("127.0.0.1", known);
  SHOW(bind(c, (void *)&b, sizeof b));
  close(c);
  close(s);
  s = socket(AF_INET6, SOCK_STREAM, 0);
  SHOW(setint(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  SHOW(intopt(s, IPPROTO_IPV6, IPV6_V6ONLY));
  a.sin6_addr = in6addr_any;
  a.sin6_port = 0;
  SHOW(bind(s, (void *)&a, sizeof a));
  SHOW(setint(s, IPPROTO_IPV6, IPV6_V6ONLY, 0));
  SHOW(listen(s, 1));
  c = socket(AF_INET, SOCK_STREAM, 0);
  b = in4("127.0.0.1", port(s));
  SHOW(connect(c, (void *)&b, sizeof b));
  close(c);
  close(s);
  int u = socket(AF_INET6, SOCK_DGRAM, 0), v = socket(AF_INET6, SOCK_DGRAM, 0);
  a.sin6_addr = in6addr_loopback;
  SHOW(bind(u, (void *)&a, sizeof a));
  a.sin6_port = htons(port(u));
  SHOW(sendto(v, "udp", 3, 0, (void *)&a, sizeof a));
  SHOW(recv(u, buf, 10, 0));
  close(u);
  close(v);
}

static void interface(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq r;
  memset(&r, 0, sizeof r);
  strcpy(r.ifr_name, "lo");
  SHOW(ioctl(s, SIOCGIFINDEX, &r));
  printf("index %d\n", r.ifr_ifindex);
  SHOW(ioctl(s, SIOCGIFFLAGS, &r));
  printf("flags %x\n", r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
  SHOW(ioctl(s, SIOCGIFADDR, &r));
  printf("address %s\n", inet_ntoa(((struct sockaddr_in *)&r.ifr_addr)->sin_addr));
  SHOW(ioctl(s, SIOCGIFNETMASK, &r));
  printf("mask %s\n", inet_ntoa(((struct sockaddr_in *)&r.ifr_addr)->sin_addr));
  SHOW(ioctl(s, SIOCGIFMTU, &r));
  printf("mtu %d\n", r.ifr_mtu);
  SHOW(ioctl(s, SIOCGIFHWADDR, &r));
  printf("hardware %d\n", r.ifr_hwaddr.sa_family);
  r.ifr_ifindex = 1;
  memset(r.ifr_name, 0, 16);
  SHOW(ioctl(s, SIOCGIFNAME, &r));
  printf("name %s\n", r.ifr_name);
  strcpy(r.ifr_name, "none0");
  SHOW(ioctl(s, SIOCGIFINDEX, &r));
  SHOW(ioctl(s, 0x12345, &r));
  close(s);
}

static void received(int fd) {
  char text[64];
  errno = 0;
  ssize_t n = recv(fd, text, sizeof text, MSG_DONTWAIT);
  printf("received %zd %.*s %s\n", n, n > 0 ? (int)n : 0, text, n < 0 ? strerror(errno) : "");
}

/* Datagrams of several sends: MSG_MORE, UDP_CORK. */
static void corked(void) {
  enum { UDP_CORK_ = 1 };
  struct sockaddr_in to = in4("127.0.0.1", 0);
  int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(bind(a, (struct sockaddr *)&to, sizeof to));
  to.sin_port = htons(port(a));
  SHOW(connect(b, (struct sockaddr *)&to, sizeof to));
  SHOW(send(b, "one", 3, MSG_MORE));
  received(a);
  SHOW(send(b, "two", 3, MSG_MORE));
  SHOW(send(b, "three", 5, 0));
  received(a);
  received(a);
  SHOW(setint(b, IPPROTO_UDP, UDP_CORK_, 1));
  SHOW(intopt(b, IPPROTO_UDP, UDP_CORK_));
  SHOW(send(b, "a", 1, 0));
  SHOW(send(b, "b", 1, 0));
  received(a);
  SHOW(setint(b, IPPROTO_UDP, UDP_CORK_, 0));
  received(a);
  SHOW(intopt(b, IPPROTO_UDP, UDP_CORK_));
  close(a);
  close(b);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(SIGPIPE, onpipe);
  creation();
  options();
  ports();
  connections();
  waiting();
  datagrams();
  corked();
  six();
  interface();
}
