/* Prints what happens in the directories named, one event a line, until a name "end" appears. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IOLBF, 0);
  int fd = inotify_init();
  for (int i = 1; i < argc; i++)
    if (inotify_add_watch(fd, argv[i], IN_ALL_EVENTS & ~(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE)) < 0) perror(argv[i]);
  puts("ready");
  unsigned cookie = 0;
  for (;;) {
    char buf[4096];
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, 10000) != 1) return puts("nothing came"), 1;
    long n = read(fd, buf, sizeof buf);
    for (char *at = buf; at < buf + n;) {
      struct inotify_event *e = (void *)at;
      at += sizeof *e + e->len;
      const char *name = e->len ? e->name : "";
      if (!strcmp(name, "end")) return 0;
      printf("%d %x %s%s\n", e->wd, e->mask, name, !e->cookie ? "" : e->cookie == cookie ? " same" : " moved");
      cookie = e->cookie;
    }
  }
}
