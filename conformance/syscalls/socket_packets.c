// What comes with packets (IP_PKTINFO, IP_RECVTTL, SO_TIMESTAMP …), the queue of errors, urgent data, TCP_INFO and its kin.
// flags: -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <linux/errqueue.h>
#include <unistd.h>

#ifndef TCP_INQ
#define TCP_INQ 36
#endif

static void told(const char *what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static int on(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

static int get(int fd, int level, int name) {
  int value = -77;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) < 0 ? -errno : value;
}

static void address(int family, const char *host, int port, struct sockaddr_storage *to, socklen_t *length) {
  memset(to, 0, sizeof *to);
  to->ss_family = family;
  if (family == AF_INET) {
    struct sockaddr_in *in = (void *)to;
    in->sin_port = port;
    inet_pton(AF_INET, host, &in->sin_addr);
    *length = sizeof *in;
  } else {
    struct sockaddr_in6 *in = (void *)to;
    in->sin6_port = port;
    inet_pton(AF_INET6, host, &in->sin6_addr);
    *length = sizeof *in;
  }
}

static int port_of(int fd) {
  struct sockaddr_in6 name;
  socklen_t length = sizeof name;
  getsockname(fd, (void *)&name, &length);
  return name.sin6_port;
}

static int bound(int family, int type, const char *host) {
  struct sockaddr_storage name;
  socklen_t length;
  int fd = socket(family, type, 0);
  address(family, host, 0, &name, &length);
  if (bind(fd, (void *)&name, length) < 0) told("bind", -1);
  return fd;
}

static void show(struct msghdr *message) {
  char text[64];
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    unsigned char *data = CMSG_DATA(c);
    long bytes = c->cmsg_len - CMSG_LEN(0);
    printf("  level %d type %d bytes %ld:", c->cmsg_level, c->cmsg_type, bytes);
    if (c->cmsg_level == SOL_SOCKET && (c->cmsg_type == SO_TIMESTAMP || c->cmsg_type == SO_TIMESTAMPNS)) {
      long seconds = *(long *)data, part = *(long *)(data + 8);
      printf(" now %d, a part of a second %d\n", labs(seconds - time(0)) < 3, part >= 0 && part < (c->cmsg_type == SO_TIMESTAMP ? 1000000 : 1000000000));
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo *info = (void *)data;
      printf(" interface %d, for %s,", info->ipi_ifindex, inet_ntop(AF_INET, &info->ipi_addr, text, sizeof text));
      printf(" own %s\n", inet_ntop(AF_INET, &info->ipi_spec_dst, text, sizeof text));
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo *info = (void *)data;
      printf(" interface %d, for %s\n", info->ipi6_ifindex, inet_ntop(AF_INET6, &info->ipi6_addr, text, sizeof text));
    } else if (c->cmsg_level != SOL_SOCKET && (c->cmsg_type == IP_RECVERR || c->cmsg_type == IPV6_RECVERR)) {
      struct sock_extended_err *error = (void *)data;
      struct sockaddr_storage *from = (void *)SO_EE_OFFENDER(error);
      printf(" %s, origin %d type %d code %d info %d, family %d\n", strerror(error->ee_errno), error->ee_origin, error->ee_type, error->ee_code, error->ee_info, from->ss_family);
    } else if (c->cmsg_type == IP_RECVORIGDSTADDR || c->cmsg_type == IPV6_RECVORIGDSTADDR) {
      printf(" family %d\n", *(short *)data);
    } else {
      for (long i = 0; i < bytes; i++) printf(" %d", data[i]);
      printf("\n");
    }
  }
}

static long receive(const char *what, int fd, int flags, size_t room) {
  char bytes[32] = "", control[512];
  struct sockaddr_storage from;
  struct iovec vector = {bytes, sizeof bytes - 1};
  struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  memset(control, 0, sizeof control);
  memset(&from, 0, sizeof from);
  long got = recvmsg(fd, &message, flags | MSG_DONTWAIT);
  printf("%s: %ld %s '%s' flags %x from %d\n", what, got, got < 0 ? strerror(errno) : "", bytes, message.msg_flags & ~MSG_DONTWAIT, from.ss_family);
  if (got >= 0) show(&message);
  return got;
}

static long send_with(int fd, struct sockaddr_storage *to, socklen_t length, int level, int type, void *data, int bytes) {
  char control[128];
  struct iovec vector = {"with", 4};
  struct msghdr message = {.msg_name = to, .msg_namelen = length, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(bytes)};
  memset(control, 0, sizeof control);
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(bytes);
  memcpy(CMSG_DATA(c), data, bytes);
  return sendmsg(fd, &message, 0);
}

static void packets4(void) {
  struct sockaddr_storage to;
  socklen_t length;
  int server = bound(AF_INET, SOCK_DGRAM, "0.0.0.0"), client = socket(AF_INET, SOCK_DGRAM, 0), value;
  struct timeval stamp, again;
  printf("-- IPv4\n");
  address(AF_INET, "127.0.0.2", port_of(server), &to, &length);
  told("stamp of nothing", ioctl(server, SIOCGSTAMP, &stamp));
  sendto(client, "plain", 5, 0, (void *)&to, length);
  receive("nothing asked", server, 0, 512);
  told("its stamp", ioctl(server, SIOCGSTAMP, &stamp));
  told("again", ioctl(server, SIOCGSTAMP, &again));
  printf("the same %d\n", stamp.tv_sec == again.tv_sec && stamp.tv_usec == again.tv_usec);
  printf("options %d %d %d %d\n", get(server, IPPROTO_IP, IP_PKTINFO), get(server, IPPROTO_IP, IP_RECVTTL), get(server, IPPROTO_IP, IP_RECVTOS), get(server, SOL_SOCKET, SO_TIMESTAMP));
  told("pktinfo", on(server, IPPROTO_IP, IP_PKTINFO, 1));
  told("ttl", on(server, IPPROTO_IP, IP_RECVTTL, 1));
  told("tos", on(server, IPPROTO_IP, IP_RECVTOS, 5));
  told("timestamp", on(server, SOL_SOCKET, SO_TIMESTAMP, 1));
  printf("options %d %d %d %d\n", get(server, IPPROTO_IP, IP_PKTINFO), get(server, IPPROTO_IP, IP_RECVTTL), get(server, IPPROTO_IP, IP_RECVTOS), get(server, SOL_SOCKET, SO_TIMESTAMP));
  on(client, IPPROTO_IP, IP_TTL, 17);
  on(client, IPPROTO_IP, IP_TOS, 0x10);
  sendto(client, "all", 3, 0, (void *)&to, length);
  receive("peek", server, MSG_PEEK, 512);
  receive("all", server, 0, 512);
  told("nanoseconds", on(server, SOL_SOCKET, SO_TIMESTAMPNS, 1));
  printf("timestamp %d %d\n", get(server, SOL_SOCKET, SO_TIMESTAMP), get(server, SOL_SOCKET, SO_TIMESTAMPNS));
  on(server, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
  value = 99;
  told("a packet's ttl", send_with(client, &to, length, IPPROTO_IP, IP_TTL, &value, 4));
  receive("it", server, 0, 512);
  value = 8;
  told("a packet's tos", send_with(client, &to, length, IPPROTO_IP, IP_TOS, &value, 4));
  receive("it", server, 0, 512);
  told("as a byte", send_with(client, &to, length, IPPROTO_IP, IP_TOS, &value, 1));
  receive("room for less", server, 0, CMSG_SPACE(16) + CMSG_SPACE(12));
  value = 0;
  told("no ttl", send_with(client, &to, length, IPPROTO_IP, IP_TTL, &value, 4));
  value = 256;
  told("too large", send_with(client, &to, length, IPPROTO_IP, IP_TTL, &value, 4));
  told("no such item", send_with(client, &to, length, IPPROTO_IP, 99, &value, 4));
  struct in_pktinfo info = {.ipi_ifindex = 1};
  inet_pton(AF_INET, "127.0.0.9", &info.ipi_spec_dst);
  told("another source", send_with(client, &to, length, IPPROTO_IP, IP_PKTINFO, &info, sizeof info));
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  char text[64], bytes[8];
  recvfrom(server, bytes, 8, 0, (void *)&from, &size);
  printf("from %s\n", inet_ntop(AF_INET, &from.sin_addr, text, sizeof text));
  told("short info", send_with(client, &to, length, IPPROTO_IP, IP_PKTINFO, &info, 8));
  told("detach no filter", on(server, SOL_SOCKET, SO_DETACH_FILTER, 0));
  close(server);
  close(client);
}

static void packets6(void) {
  struct sockaddr_storage to;
  socklen_t length;
  int server = bound(AF_INET6, SOCK_DGRAM, "::"), client = socket(AF_INET6, SOCK_DGRAM, 0), old = socket(AF_INET, SOCK_DGRAM, 0);
  int value = 33;
  printf("-- IPv6\n");
  on(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  on(server, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  on(server, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  on(server, IPPROTO_IP, IP_RECVTTL, 1);
  on(server, IPPROTO_IP, IP_PKTINFO, 1);
  address(AF_INET6, "::1", port_of(server), &to, &length);
  sendto(client, "six", 3, 0, (void *)&to, length);
  receive("six", server, 0, 512);
  told("hops", send_with(client, &to, length, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, 4));
  receive("it", server, 0, 512);
  told("class", send_with(client, &to, length, IPPROTO_IPV6, IPV6_TCLASS, &value, 4));
  receive("it", server, 0, 512);
  value = 300;
  told("too many hops", send_with(client, &to, length, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, 4));
  address(AF_INET, "127.0.0.1", port_of(server), &to, &length);
  sendto(old, "four", 4, 0, (void *)&to, length);
  receive("four", server, 0, 512);
  close(server);
  close(client);
  close(old);
}

static void errors(int family, const char *host) {
  struct sockaddr_storage to;
  socklen_t length;
  int gone = bound(family, SOCK_DGRAM, host), fd = socket(family, SOCK_DGRAM, 0);
  struct pollfd ready = {fd, POLLIN, 0};
  printf("-- errors of %s\n", host);
  address(family, host, port_of(gone), &to, &length);
  close(gone);
  receive("none", fd, MSG_ERRQUEUE, 512);
  told("want them", family == AF_INET ? on(fd, IPPROTO_IP, IP_RECVERR, 1) : on(fd, IPPROTO_IPV6, IPV6_RECVERR, 1));
  told("to nobody", sendto(fd, "lost", 4, 0, (void *)&to, length));
  poll(&ready, 1, 100);
  printf("revents %x\n", ready.revents & ~POLLIN);
  receive("the error", fd, MSG_ERRQUEUE, 512);
  receive("no more", fd, MSG_ERRQUEUE, 512);
  told("SO_ERROR", get(fd, SOL_SOCKET, SO_ERROR));
  sendto(fd, "lost", 4, 0, (void *)&to, length);
  poll(&ready, 1, 100);
  receive("a plain receive", fd, 0, 512);
  receive("then the queue", fd, MSG_ERRQUEUE, CMSG_SPACE(4));
  close(fd);
}

static int pair[2], listener;

static void connect_pair(void) {
  struct sockaddr_storage to;
  socklen_t length;
  listener = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  listen(listener, 5);
  address(AF_INET, "127.0.0.1", port_of(listener), &to, &length);
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  connect(pair[0], (void *)&to, length);
  pair[1] = accept(listener, 0, 0);
}

static void disconnect_pair(void) {
  close(pair[0]);
  close(pair[1]);
  close(listener);
}

static volatile int urgent;

static void on_urgent(int signal) {
  (void)signal;
  urgent++;
}

static void state(const char *what) {
  int mark = -1, count = -1;
  struct pollfd ready = {pair[1], POLLIN | POLLPRI, 0};
  poll(&ready, 1, 20);
  ioctl(pair[1], SIOCATMARK, &mark);
  ioctl(pair[1], FIONREAD, &count);
  printf("%s: mark %d, %d bytes, revents %x, signals %d\n", what, mark, count, ready.revents, urgent);
}

static void got(const char *what, int flags) {
  char bytes[32] = "";
  long count = recv(pair[1], bytes, 31, flags | MSG_DONTWAIT);
  printf("%s: %ld %s '%s'\n", what, count, count < 0 ? strerror(errno) : "", bytes);
}

static void urgent_data(void) {
  printf("-- urgent data\n");
  signal(SIGURG, on_urgent);
  connect_pair();
  told("owner", fcntl(pair[1], F_SETOWN, getpid()));
  state("at first");
  got("none", MSG_OOB);
  told("send", send(pair[0], "abcd", 4, MSG_OOB));
  state("urgent");
  got("peek it", MSG_OOB | MSG_PEEK);
  got("it", MSG_OOB);
  got("once", MSG_OOB);
  state("it was read");
  told("more", send(pair[0], "efg", 3, 0));
  got("before", 0);
  state("at the mark");
  got("after", 0);
  state("past it");
  send(pair[0], "123", 3, MSG_OOB);
  send(pair[0], "456", 3, MSG_OOB);
  state("two of them");
  got("the later", MSG_OOB);
  got("up to it", 0);
  got("no more", 0);
  told("inline", on(pair[1], SOL_SOCKET, SO_OOBINLINE, 1));
  send(pair[0], "xyz", 3, MSG_OOB);
  state("inline");
  got("not so", MSG_OOB);
  got("before it", 0);
  state("at it");
  send(pair[0], "w", 1, 0);
  got("it, too", 0);
  state("done");
  told("of a listener", recv(listener, pair, 0, MSG_OOB));
  disconnect_pair();
}

static void tcp_options(void) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  printf("-- options of TCP\n");
  connect_pair();
  memset(&info, 0, sizeof info);
  told("info", getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &length));
  printf("state %d, retransmits %d, out %d\n", info.tcpi_state, info.tcpi_retransmits, info.tcpi_unacked);
  length = 1;
  told("one byte", getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length));
  printf("state %d of %d\n", info.tcpi_state, length);
  told("inq", on(pair[1], IPPROTO_TCP, TCP_INQ, 1));
  told("inq 2", on(pair[1], IPPROTO_TCP, TCP_INQ, 2));
  send(pair[0], "0123456789", 10, 0);
  char bytes[4], control[64];
  struct iovec vector = {bytes, 4};
  struct msghdr message = {.msg_name = 0, .msg_namelen = 0, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  told("receive", recvmsg(pair[1], &message, 0));
  show(&message);
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  int alone = socket(AF_INET, SOCK_STREAM, 0);
  printf("segment %d, clamp %d, defer %d\n", get(alone, IPPROTO_TCP, TCP_MAXSEG), get(alone, IPPROTO_TCP, TCP_WINDOW_CLAMP), get(alone, IPPROTO_TCP, TCP_DEFER_ACCEPT));
  told("segment", on(alone, IPPROTO_TCP, TCP_MAXSEG, 1000));
  told("too small", on(alone, IPPROTO_TCP, TCP_MAXSEG, 87));
  told("too large", on(alone, IPPROTO_TCP, TCP_MAXSEG, 32768));
  told("clamp", on(alone, IPPROTO_TCP, TCP_WINDOW_CLAMP, 5));
  told("defer", on(alone, IPPROTO_TCP, TCP_DEFER_ACCEPT, 10));
  printf("segment %d, clamp %d, defer %d\n", get(alone, IPPROTO_TCP, TCP_MAXSEG), get(alone, IPPROTO_TCP, TCP_WINDOW_CLAMP), get(alone, IPPROTO_TCP, TCP_DEFER_ACCEPT));
  told("defer negative", on(alone, IPPROTO_TCP, TCP_DEFER_ACCEPT, -1));
  printf("defer %d\n", get(alone, IPPROTO_TCP, TCP_DEFER_ACCEPT));
  told("clamp to 0", on(alone, IPPROTO_TCP, TCP_WINDOW_CLAMP, 0));
  told("reno", setsockopt(alone, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  told("another", setsockopt(alone, IPPROTO_TCP, TCP_CONGESTION, "none such", 9));
  close(alone);
  disconnect_pair();

  int self = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  getsockname(self, (void *)&name, &size);
  told("to itself", connect(self, (void *)&name, size));
  told("send", send(self, "echo", 4, 0));
  told("receive", recv(self, bytes, 4, 0));
  told("shutdown", shutdown(self, SHUT_WR));
  told("end", recv(self, bytes, 4, 0));
  close(self);

  struct sockaddr_storage to;
  listener = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  listen(listener, 5);
  on(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  address(AF_INET, "127.0.0.1", port_of(listener), &to, &length);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  told("deferred", connect(client, (void *)&to, length));
  told("not yet", accept(listener, 0, 0));
  send(client, "data", 4, 0);
  struct pollfd ready = {listener, POLLIN, 0};
  poll(&ready, 1, 1000);
  int server = accept(listener, 0, 0);
  printf("accepted %d\n", server >= 0);
  told("its data", recv(server, bytes, 4, 0));
}

int main(void) {
  packets4();
  packets6();
  errors(AF_INET, "127.0.0.1");
  errors(AF_INET6, "::1");
  urgent_data();
  tcp_options();
  return 0;
}
