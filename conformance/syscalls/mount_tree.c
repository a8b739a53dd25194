/* Mount flags, busy mounts, expiry, propagation, pivot_root, private trees of mounts; as mountinfo tells them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char here[512];
static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static int put(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0755);
  if (fd < 0) printf("%s: %s\n", path, strerror(errno));
  return fd;
}
static void touch(const char *path) {
  int fd = put(path);
  if (fd >= 0) close(fd);
}
/* The mounts below the working directory at the start: path, root, flags, peers (numbered as they come up). */
static void tree(const char *what) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[4096];
  static char shown[64][4096];
  int seen[32], n = 0, lines = 0;
  printf("%s:\n", what);
  while (f && fgets(line, sizeof line, f)) {
    char *field[32], *save, *word;
    int count = 0, dash = 0;
    for (word = strtok_r(line, " \n", &save); word && count < 32; word = strtok_r(0, " \n", &save)) field[count++] = word;
    if (strncmp(field[4], here, strlen(here))) continue;
    char *root = field[3];
    if (!strncmp(root, here, strlen(here))) root += strlen(here);
    char *out = shown[lines++];
    out += sprintf(out, "  %s root %s %s", field[4] + strlen(here), root, field[5]);
    for (dash = 6; strcmp(field[dash], "-"); dash++) {
      char *colon = strchr(field[dash], ':');
      if (!colon) { out += sprintf(out, " %s", field[dash]); continue; }
      int id = atoi(colon + 1), at = 0;
      while (at < n && seen[at] != id) at++;
      if (at == n) seen[n++] = id;
      *colon = 0;
      out += sprintf(out, " %s:%d", field[dash], at);
    }
    if (!strcmp(field[dash + 1], "tmpfs")) sprintf(out, " %s", field[dash + 2]);
  }
  if (f) fclose(f);
  /* Copies come up in no particular order. */
  qsort(shown, lines, sizeof shown[0], (int (*)(const void *, const void *))strcmp);
  for (int i = 0; i < lines; i++) puts(shown[i]);
}
static void flags(const char *path) {
  struct statvfs s;
  say(path, statvfs(path, &s));
  printf("  flags %lx\n", s.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME | ST_RELATIME));
}

static void perMount(void) {
  mkdir("f", 0755);
  mkdir("g", 0755);
  say("tmpfs", mount("src", "f", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"));
  touch("f/x");
  say("bind", mount("f", "g", 0, MS_BIND | MS_RDONLY | MS_NOEXEC, 0));
  flags("f");
  flags("g");
  say("bind again, ro noexec", mount(0, "g", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, 0));
  flags("f");
  flags("g");
  say("write to g", open("g/x", O_WRONLY));
  int fd = open("f/x", O_RDWR);
  printf("write to f %d\n", fd >= 0);
  say("execute in g", execl("g/x", "x", (char *)0));
  int ro = open("g/x", O_RDONLY);
  write(fd, "12345678", 8);
  printf("map to execute: %s\n", mmap(0, 8, PROT_READ | PROT_EXEC, MAP_PRIVATE, ro, 0) == MAP_FAILED ? strerror(errno) : "yes");
  printf("map to read: %s\n", mmap(0, 8, PROT_READ, MAP_PRIVATE, ro, 0) == MAP_FAILED ? strerror(errno) : "yes");
  close(ro);
  say("remount f ro while written", mount(0, "f", 0, MS_REMOUNT | MS_RDONLY, 0));
  close(fd);
  say("remount f ro", mount(0, "f", 0, MS_REMOUNT | MS_RDONLY, "size=128k"));
  flags("f");
  say("remount f rw", mount(0, "f", 0, MS_REMOUNT | MS_NOATIME, 0));
  flags("f");
  say("remount g strictatime", mount(0, "g", 0, MS_REMOUNT | MS_BIND | MS_STRICTATIME, 0));
  flags("g");
  say("mapped", umount("g"));
  tree("flags");
  munmap(0, 0);
}

static void atime(void) {
  struct { const char *name; long flags; } kinds[] = {
    {"relatime", 0}, {"noatime", MS_NOATIME}, {"strictatime", MS_STRICTATIME}, {"nodiratime", MS_NODIRATIME},
  };
  mkdir("t", 0755);
  for (int i = 0; i < 4; i++) {
    say(kinds[i].name, mount("none", "t", "tmpfs", kinds[i].flags, 0));
    int fd = open("t/x", O_CREAT | O_RDWR, 0644);
    write(fd, "abc", 3);
    for (int old = 0; old < 2; old++) {
      /* Access after modification (relative access times stay), or before. */
      struct timespec times[2] = {{old ? 1000 : 5000, 0}, {2000, 0}};
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      if (!old) times[0].tv_sec = now.tv_sec + 5000, times[1].tv_sec = now.tv_sec - 5000;
      futimens(fd, times);
      char c;
      pread(fd, &c, 1, 0);
      struct stat st;
      fstat(fd, &st);
      if (old) {
        /* At the end of the file there is nothing to read, but it was read. */
        futimens(fd, times);
        pread(fd, &c, 1, 100);
        fstat(fd, &st);
        printf("  at the end: %s\n", st.st_atime == times[0].tv_sec ? "kept" : "new");
      }
      printf("  file %d: %s\n", old, st.st_atime == times[0].tv_sec ? "kept" : "new");
      close(open("t/x", O_RDONLY));
    }
    mkdir("t/d", 0755);
    struct timespec times[2] = {{1000, 0}, {2000, 0}};
    utimensat(AT_FDCWD, "t/d", times, 0);
    DIR *d = opendir("t/d");
    while (readdir(d)) {}
    closedir(d);
    struct stat st;
    stat("t/d", &st);
    printf("  directory: %s\n", st.st_atime == 1000 ? "kept" : "new");
    symlink("x", "t/l");
    utimensat(AT_FDCWD, "t/l", times, AT_SYMLINK_NOFOLLOW);
    char target[8];
    readlink("t/l", target, 8);
    lstat("t/l", &st);
    printf("  link: %s\n", st.st_atime == 1000 ? "kept" : "new");
    close(fd);
    umount("t");
  }
}

static void busy(void) {
  mkdir("u", 0755);
  mount("none", "u", "tmpfs", 0, 0);
  int fd = put("u/x");
  say("open file", umount("u"));
  close(fd);
  fd = open("u", O_PATH);
  say("O_PATH", umount("u"));
  close(fd);
  mkdir("u/d", 0755);
  mount("none", "u/d", "tmpfs", 0, 0);
  say("mount below", umount("u"));
  umount("u/d");
  int pipes[2];
  pipe(pipes);
  pid_t child = fork();
  if (child == 0) {
    chdir("u/d");
    write(pipes[1], "", 1);
    pause();
  }
  char c;
  read(pipes[0], &c, 1);
  say("someone's directory", umount("u"));
  kill(child, 9);
  waitpid(child, 0, 0);
  say("expire", umount2("u", MNT_EXPIRE));
  access("u/x", F_OK);
  say("expire after use", umount2("u", MNT_EXPIRE));
  say("expire and detach", umount2("u", MNT_EXPIRE | MNT_DETACH));
  say("expire again", umount2("u", MNT_EXPIRE));
  say("gone", access("u/x", F_OK));
  mount("none", "u", "tmpfs", 0, 0);
  mkdir("u/d", 0755);
  fd = open("u/d", O_RDONLY | O_DIRECTORY);
  say("detach", umount2("u", MNT_DETACH));
  say("make in it", mkdirat(fd, "e", 0755));
  say("dotdot of it", openat(fd, "../d/e", O_PATH) > 0);
  say("dotdot of its root", faccessat(fd, "../../d/e", F_OK, 0));
  fchdir(fd);
  char buf[512];
  say("cwd", syscall(SYS_getcwd, buf, sizeof buf));
  printf("%s\n", buf);
  chdir(here);
  close(fd);
  mkdir("v", 0755);
  symlink("v", "vl");
  mount("none", "v", "tmpfs", 0, 0);
  say("UMOUNT_NOFOLLOW of a link", umount2("vl", UMOUNT_NOFOLLOW));
  say("through the link", umount2("vl", 0));
}

static void files(void) {
  touch("one");
  touch("two");
  int fd = open("two", O_WRONLY | O_TRUNC);
  write(fd, "two", 3);
  close(fd);
  say("bind a file", mount("two", "one", 0, MS_BIND, 0));
  char buf[8] = "";
  fd = open("one", O_RDONLY);
  read(fd, buf, 7);
  printf("%s\n", buf);
  close(fd);
  tree("a file");
  say("unlink", unlink("one"));
  say("rename", rename("one", "three"));
  say("rename over", rename("two", "one"));
  say("umount", umount("one"));
  mkdir("p", 0755);
  mkdir("p/q", 0755);
  mkdir("p/q/r", 0755);
  mkdir("m", 0755);
  say("bind a part", mount("p/q", "m", 0, MS_BIND, 0));
  tree("a part");
  fd = open("m/r", O_RDONLY | O_DIRECTORY);
  say("up", faccessat(fd, "../r", F_OK, 0));
  say("up and out", faccessat(fd, "../../q", F_OK, 0));
  say("move out of the part", rename("p/q/r", "p/r"));
  say("up from outside", faccessat(fd, "..", F_OK, 0));
  close(fd);
  say("rmdir the part", rmdir("p/q"));
  say("umount", umount("m"));
  say("no source", mount(0, "m", 0, MS_BIND, 0));
  say("empty source", mount("", "m", 0, MS_BIND, 0));
  say("missing source", mount("nothing", "m", 0, MS_BIND, 0));
  say("bad type pointer", mount("none", "m", (char *)1, 0, 0));
  say("no type", mount("none", "m", 0, 0, 0));
  say("move what is no mount", mount("m", "p", 0, MS_MOVE, 0));
  mount("none", "m", "tmpfs", 0, 0);
  mkdir("m/i", 0755);
  say("move into itself", mount("m", "m/i", 0, MS_MOVE, 0));
  say("move onto a file", mount("m", "two", 0, MS_MOVE, 0));
  say("nosymfollow", mount(0, "m", 0, MS_REMOUNT | MS_BIND | 256, 0));
  symlink("i", "m/l");
  say("link", access("m/l", F_OK));
  say("link itself", readlink("m/l", buf, 8));
  umount("m");
}

static void propagation(void) {
  mkdir("A", 0755);
  mkdir("B", 0755);
  mkdir("C", 0755);
  mkdir("D", 0755);
  mount("none", "A", "tmpfs", 0, "mode=755");
  mkdir("A/x", 0755);
  mkdir("A/y", 0755);
  say("shared", mount(0, "A", 0, MS_SHARED, 0));
  say("peer", mount("A", "B", 0, MS_BIND, 0));
  say("third", mount("A", "C", 0, MS_BIND, 0));
  say("slave", mount(0, "C", 0, MS_SLAVE, 0));
  say("fourth", mount("A", "D", 0, MS_BIND, 0));
  say("slave", mount(0, "D", 0, MS_SLAVE, 0));
  say("and shared", mount(0, "D", 0, MS_SHARED, 0));
  tree("before");
  say("mount in A", mount("inA", "A/x", "tmpfs", 0, "mode=755"));
  touch("A/x/file");
  printf("B %d C %d D %d\n", access("B/x/file", 0), access("C/x/file", 0), access("D/x/file", 0));
  tree("after");
  say("mount in C", mount("inC", "C/y", "tmpfs", 0, "mode=755"));
  touch("C/y/file");
  printf("A %d\n", access("A/y/file", 0));
  say("umount in B", umount("B/x"));
  printf("A %d C %d D %d\n", access("A/x/file", 0), access("C/x/file", 0), access("D/x/file", 0));
  tree("gone");
  say("move out of a shared mount", (mount("n", "B/x", "tmpfs", 0, "mode=755"), mount("B/x", "m", 0, MS_MOVE, 0)));
  umount("B/x");
  say("two kinds", mount(0, "A", 0, MS_SHARED | MS_PRIVATE, 0));
  say("kind and flag", mount(0, "A", 0, MS_PRIVATE | MS_RDONLY, 0));
  say("kind of no mount", mount(0, "A/x", 0, MS_PRIVATE, 0));
  say("private", mount(0, "A", 0, MS_PRIVATE, 0));
  say("unbindable", mount(0, "B", 0, MS_UNBINDABLE, 0));
  say("bind it", mount("B", "m", 0, MS_BIND, 0));
  say("slave without peers", mount(0, "A", 0, MS_SLAVE, 0));
  tree("at last");
  umount2("C", MNT_DETACH);
  umount("D");
  umount("B");
  umount("A");
  tree("nothing");
}

static void private(void) {
  mkdir("N", 0755);
  mount("none", "N", "tmpfs", 0, "mode=755");
  mkdir("N/x", 0755);
  pid_t child = fork();
  if (child == 0) {
    say("unshare", unshare(CLONE_NEWNS));
    say("mount", mount("none", "N/x", "tmpfs", 0, "mode=755"));
    touch("N/x/inside");
    say("seen", access("N/x/inside", F_OK));
    tree("private");
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
  say("not seen", access("N/x/inside", F_OK));
  say("rmdir", rmdir("N/x"));
  tree("outside");
  umount("N");
}

static int pivot(const char *a, const char *b) { return syscall(SYS_pivot_root, a, b); }
static void pivoting(void) {
  mkdir("R", 0755);
  say("no mount", pivot("R", "R"));
  mount("none", "R", "tmpfs", 0, "mode=755");
  mkdir("R/old", 0755);
  touch("R/file");
  say("outside", pivot("R", "N"));
  say("not below", pivot("R/old", "R"));
  say("file", pivot("R", "R/file"));
  say("missing", pivot("R", "R/nothing"));
  say("bad pointer", pivot("R", (char *)1));
  pid_t child = fork();
  if (child == 0) {
    setuid(1000);
    say("as a user", pivot("R", "R/old"));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
  child = fork();
  if (child == 0) {
    /* A root that is itself a mount, as in a container. */
    mount("R", "R", 0, MS_BIND, 0);
    chdir("R");
    mkdir("new", 0755);
    mkdir("proc", 0755);
    mount("none", "new", "tmpfs", 0, "mode=755");
    mkdir("new/old", 0755);
    say("chroot", chroot("."));
    say("busy", pivot("/", "/"));
    say("pivot", pivot("/new", "/new/old"));
    char buf[100];
    getcwd(buf, sizeof buf);
    printf("%s\n", buf);
    say("old", access("/old/file", F_OK));
    chdir("/");
    say("detach old", umount2("/old", MNT_DETACH));
    say("gone", access("/old/file", F_OK));
    say("dotdot", access("/../old", F_OK));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
  umount2("R", MNT_DETACH);
  umount2("R", MNT_DETACH);
  child = fork();
  if (child == 0) {
    unshare(CLONE_NEWNS);
    mount("none", "R", "tmpfs", 0, "mode=755");
    touch("R/fresh");
    chdir("R");
    say("pivot onto itself", pivot(".", "."));
    say("umount", umount2(".", MNT_DETACH));
    say("fresh", access("/fresh", F_OK));
    DIR *d = opendir("/");
    for (struct dirent *e; (e = readdir(d));) if (e->d_name[0] != '.') printf("%s\n", e->d_name);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

static void rooted(void) {
  mkdir("J", 0755);
  mkdir("J/in", 0755);
  touch("J/in/file");
  symlink("/in/file", "J/abs");
  symlink("../../../in/file", "J/rel");
  int top = open(".", O_RDONLY | O_DIRECTORY);
  pid_t child = fork();
  if (child == 0) {
    say("chroot", chroot("J"));
    chdir("/");
    say("dotdot", access("../../J", F_OK));
    say("absolute", access("/abs", F_OK));
    say("relative", access("/rel", F_OK));
    say("fchdir out", fchdir(top));
    say("outside still", access("J/in", F_OK));
    char buf[600];
    say("cwd", syscall(SYS_getcwd, buf, sizeof buf) > 0);
    printf("%.13s\n", buf);
    say("absolute inside", access("/in", F_OK));
    setuid(1000);
    say("as a user", chroot("/in"));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

int main(void) {
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  getcwd(here, sizeof here);
  setbuf(stdout, 0);
  perMount();
  atime();
  busy();
  files();
  propagation();
  private();
  pivoting();
  rooted();
  return 0;
}
