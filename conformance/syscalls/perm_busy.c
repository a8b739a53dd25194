/* Programs that run and files that are open for writing exclude each other (ETXTBSY). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static void copy(const char *to) {
  int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
  static char buf[65536];
  for (long n; (n = read(in, buf, sizeof buf)) > 0;) write(out, buf, n);
  close(in), close(out);
}
static int run(const char *path, const char *arg) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execl(path, path, arg, (char *)0);
    _exit(errno);
  }
  int status;
  waitpid(child, &status, 0);
  return status >> 8;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    if (!strcmp(argv[1], "wait")) pause();
    return 0;
  }
  copy("program");
  int fd = open("program", O_WRONLY);
  printf("open for writing: %s\n", strerror(run("program", "now")));
  close(fd);
  printf("closed: %d\n", run("program", "now"));
  fd = open("program", O_RDWR);
  char *map = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  fflush(stdout);
  munmap(map, 4096);
  int pipes[2];
  pipe2(pipes, O_CLOEXEC);
  pid_t child = fork();
  if (child == 0) {
    execl("./program", "program", "wait", (char *)0);
    _exit(1);
  }
  char c;
  close(pipes[1]);
  read(pipes[0], &c, 1);
  say("write", open("program", O_WRONLY));
  say("cut", open("program", O_RDONLY | O_TRUNC));
  say("creat", creat("program", 0755));
  say("truncate", truncate("program", 0));
  say("read", open("program", O_RDONLY) >= 0);
  say("chmod", chmod("program", 0700));
  say("rename", rename("program", "renamed"));
  say("write", open("renamed", O_RDWR));
  say("unlink", unlink("renamed"));
  kill(child, SIGKILL);
  waitpid(child, 0, 0);
  copy("program");
  say("write after", open("program", O_WRONLY) >= 0);
  int script = open("script", O_CREAT | O_WRONLY, 0755);
  write(script, "#!/bin/sh\nexit 3\n", 17);
  printf("script open: %s\n", strerror(run("./script", "")));
  close(script);
  printf("script: %d\n", run("./script", ""));
  return 0;
}
