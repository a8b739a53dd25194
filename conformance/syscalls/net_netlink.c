// flags: -pthread
// Netlink sockets (netlink(7)): the loopback interface as getifaddrs(3) sees it, addresses, errors; mq_notify(3) by a thread.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <mqueue.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct address { uint16_t family, pad; uint32_t pid, groups; };
struct header { uint32_t len; uint16_t type, flags; uint32_t seq, pid; };

static void told(const char *what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void interfaces(void) {
  struct ifaddrs *list, *at;
  told("getifaddrs", getifaddrs(&list));
  for (at = list; at; at = at->ifa_next) {
    char text[64] = "", mask[64] = "";
    if (strcmp(at->ifa_name, "lo") != 0 || !at->ifa_addr) continue;
    int family = at->ifa_addr->sa_family;
    if (family == AF_INET) {
      inet_ntop(family, &((struct sockaddr_in *)at->ifa_addr)->sin_addr, text, sizeof text);
      inet_ntop(family, &((struct sockaddr_in *)at->ifa_netmask)->sin_addr, mask, sizeof mask);
    } else if (family == AF_INET6) {
      inet_ntop(family, &((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr, text, sizeof text);
      continue;
    }
    printf("%s family %d flags %#x %s %s\n", at->ifa_name, family, at->ifa_flags & 0xffff, text, mask);
  }
  freeifaddrs(list);
  printf("lo is %u\n", if_nametoindex("lo"));
}

static int ask(int fd, int type, int flags, const void *body, int length) {
  char buffer[256] = {0};
  struct header *head = (struct header *)buffer;
  head->len = sizeof *head + length;
  head->type = type;
  head->flags = flags;
  head->seq = 42;
  memcpy(head + 1, body, length);
  return send(fd, buffer, head->len, 0);
}

static void answers(int fd) {
  static char buffer[65536];
  struct address from;
  socklen_t length = sizeof from;
  int n = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
  if (n < 0) {
    told("answer", n);
    return;
  }
  printf("from family %d pid %u groups %u, %u bytes\n", from.family, from.pid, from.groups, length);
  for (int at = 0; at < n;) {
    struct header *head = (struct header *)(buffer + at);
    printf("type %d flags %#x seq %u own pid %d", head->type, head->flags, head->seq, head->pid == (uint32_t)getpid());
    if (head->type == 2) printf(" error %d", *(int *)(head + 1));
    printf("\n");
    at += (head->len + 3) & ~3;
    if (head->type != 2 && head->type != 3) break;
  }
}

static void protocol(void) {
  struct address own = {AF_NETLINK, 0, 0, 0}, other = {AF_NETLINK, 0, 4711, 0}, name;
  socklen_t length = sizeof name;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  printf("socket %d\n", fd >= 0);
  told("stream", socket(AF_NETLINK, SOCK_STREAM, 0));
  told("protocol 31", socket(AF_NETLINK, SOCK_RAW, 31));
  told("protocol 99", socket(AF_NETLINK, SOCK_RAW, 99));
  told("short name", bind(fd, (struct sockaddr *)&own, 8));
  told("bind", bind(fd, (struct sockaddr *)&own, sizeof own));
  told("name", getsockname(fd, (struct sockaddr *)&name, &length));
  printf("pid is own %d, groups %u, %u bytes\n", name.pid == (uint32_t)getpid(), name.groups, length);
  told("listen", listen(fd, 1));
  told("to nobody", sendto(fd, "x", 1, 0, (struct sockaddr *)&other, sizeof other));
  char general[4] = {AF_UNSPEC}, all[16] = {0}, lo[16] = {0}, none[16] = {0};
  *(int *)(lo + 4) = 1;
  *(int *)(none + 4) = 123456;
  told("no request", ask(fd, 18, 0, all, 16));
  answers(fd);
  told("all addresses", ask(fd, 22, 0x301, general, 4));
  struct pollfd poll_fd = {fd, POLLIN, 0};
  told("poll", poll(&poll_fd, 1, 1000));
  answers(fd);
  answers(fd);
  told("one link", ask(fd, 18, 1, lo, 16));
  answers(fd);
  told("one link, with an answer", ask(fd, 18, 5, lo, 16));
  answers(fd);
  answers(fd);
  told("no such link", ask(fd, 18, 1, none, 16));
  answers(fd);
  told("unknown", ask(fd, 201, 5, none, 16));
  answers(fd);
  told("empty", recv(fd, all, 16, MSG_DONTWAIT));
  int one = 1;
  told("option", setsockopt(fd, 270, 11, &one, sizeof one));
  told("other level", setsockopt(fd, 6, 1, &one, sizeof one));
  close(fd);
}

static volatile int called;
static mqd_t queue;

static void notified(union sigval value) {
  char text[64] = {0};
  ssize_t n = mq_receive(queue, text, sizeof text, 0);
  printf("notified %d: %zd %s\n", value.sival_int, n, text);
  called++;
}

static void by_thread(void) {
  struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
  queue = mq_open("/netlink_test", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
  mq_unlink("/netlink_test");
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified, .sigev_value.sival_int = 77};
  told("notify", mq_notify(queue, &event));
  told("again", mq_notify(queue, &event));
  int sent = mq_send(queue, "hello", 5, 1);
  for (int i = 0; i < 400 && !called; i++) usleep(5000);
  told("sent", sent);
  printf("called %d\n", called);
  told("notify", mq_notify(queue, &event));
  told("take back", mq_notify(queue, 0));
  told("send", mq_send(queue, "unheard", 7, 1));
  usleep(20000);
  printf("called %d\n", called);
  char cookie[32] = {0};
  struct { union sigval value; int signo, notify; char rest[48]; } raw = {.value.sival_ptr = cookie, .notify = 2};
  raw.signo = 99;
  told("bad descriptor", syscall(SYS_mq_notify, queue, &raw));
  raw.signo = open("/dev/null", O_RDWR);
  told("no socket", syscall(SYS_mq_notify, queue, &raw));
  raw.signo = socket(AF_UNIX, SOCK_DGRAM, 0);
  told("other socket", syscall(SYS_mq_notify, queue, &raw));
  raw.value.sival_ptr = (void *)8;
  raw.signo = socket(AF_NETLINK, SOCK_RAW, 0);
  told("bad cookie", syscall(SYS_mq_notify, queue, &raw));
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  alarm(30);
  interfaces();
  protocol();
  by_thread();
  return 0;
}
