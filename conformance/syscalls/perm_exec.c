/* Credentials: capabilities, securebits, no_new_privs, and what execve makes of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_SETUID = 7, CAP_SETPCAP, CAP_NET_RAW = 13, CAP_SYS_TIME = 25 };
enum {
  _LINUX_CAPABILITY_VERSION_1 = 0x19980330, _LINUX_CAPABILITY_VERSION_2 = 0x20071026, _LINUX_CAPABILITY_VERSION_3 = 0x20080522
};
#define ALL 0x1ffffffffffULL
static char self[4096];

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
/* All of what a process is, as short as it goes. */
static void who(const char *what) {
  uid_t r, e, s;
  gid_t rg, eg, sg;
  getresuid(&r, &e, &s);
  getresgid(&rg, &eg, &sg);
  printf("%s: uid %d %d %d %d gid %d %d %d %d secure %ld dumpable %d bits %x nnp %d", what, r, e, s, setfsuid(-1), rg, eg, sg,
         setfsgid(-1), getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE), prctl(PR_GET_SECUREBITS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  FILE *f = fopen("/proc/self/status", "r");
  char line[256];
  while (f && fgets(line, sizeof line, f)) {
    unsigned long long caps;
    char name[16];
    if (sscanf(line, "Cap%15[A-Za-z]: %llx", name, &caps) == 2) printf(" %s %llx", name, caps & ALL);
  }
  if (f) fclose(f);
  printf("\n");
  fflush(stdout);
}
static int child(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) return 1;
  waitpid(pid, 0, 0);
  return 0;
}
static void run(const char *path) {
  fflush(stdout);
  execl(path, path, "who", (char *)0);
  say(path, -1);
  fflush(stdout);
  _exit(1);
}
static void copy(const char *to, int mode, int uid, int gid) {
  int in = open(self, O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  static char buf[65536];
  for (long n; (n = read(in, buf, sizeof buf)) > 0;) write(out, buf, n);
  close(in);
  close(out);
  chown(to, uid, gid);
  chmod(to, mode);
}
static void fileCaps(const char *path, unsigned permitted, unsigned inheritable, int effective) {
  unsigned data[5] = {0x02000000 | effective, permitted, inheritable, 0, 0};
  say(path, setxattr(path, "security.capability", data, sizeof data, 0));
}
static int cap(unsigned version, int write, unsigned long long e, unsigned long long p, unsigned long long i) {
  struct { unsigned version; int pid; } head = {version, 0};
  unsigned data[6] = {e, p, i, e >> 32, p >> 32, i >> 32};
  int result = syscall(write ? SYS_capset : SYS_capget, &head, data);
  if (!write && result == 0) printf("  %08x %08x %08x\n", data[0], data[1], data[2]);
  return result;
}
static void user(int uid) {
  setgroups(0, 0);
  setresgid(100, 100, 100);
  setresuid(uid, uid, uid);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    who(argv[0]);
    return 0;
  }
  /* A capability that containers often lack. */
  prctl(PR_CAPBSET_DROP, 24);
  cap(_LINUX_CAPABILITY_VERSION_3, 1, ALL & ~(1 << 24), ALL & ~(1 << 24), 0);
  unshare(CLONE_NEWNS);
  mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  realpath("/proc/self/exe", self);
  mkdir("m", 0755);
  mount("none", "m", "tmpfs", 0, "mode=755");
  chdir("m");
  copy("plain", 0755, 0, 0);
  copy("suid", 04755, 0, 0);
  copy("sgid", 02755, 0, 50);
  copy("sgid-no-x", 02745, 0, 50);
  copy("both", 06755, 7, 8);
  copy("caps", 0755, 0, 0);
  copy("capsbig", 0755, 0, 0);
  copy("capsinh", 0755, 0, 0);
  fileCaps("caps", 1 << CAP_NET_RAW, 0, 1);
  fileCaps("capsinh", 0, 1 << CAP_NET_RAW, 1);
  chown("caps", -1, -1);
  say("capabilities of a file given away", getxattr("caps", "security.capability", 0, 0));
  fileCaps("caps", 1 << CAP_NET_RAW, 0, 1);
  fileCaps("capsbig", 1 << CAP_SYS_TIME, 0, 1);
  who("start");
  const char *programs[] = {"plain", "suid", "sgid", "sgid-no-x", "both", "caps", "capsinh"};
  for (int i = 0; i < 7; i++) if (child()) run(programs[i]);
  for (int i = 0; i < 7; i++) if (child()) user(1000), run(programs[i]);
  if (child()) user(1000), prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), run("suid");
  if (child()) user(1000), prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), run("caps");
  mount(0, ".", 0, MS_REMOUNT | MS_NOSUID, 0);
  if (child()) user(1000), run("both");
  if (child()) user(1000), run("caps");
  mount(0, ".", 0, MS_REMOUNT, 0);
  /* Effective and real ids that differ. */
  if (child()) setresuid(1000, 0, 0), run("plain");
  if (child()) setresuid(0, 1000, 0), run("plain");
  if (child()) setresuid(1000, 1000, 0), who("saved root"), run("plain");
  if (child()) { setresuid(1000, 1000, 0); say("back", setuid(0)); who("back"); _exit(0); }
  if (child()) { setresgid(5, 6, 7); run("plain"); }
  if (child()) {
    say("keep", prctl(PR_SET_KEEPCAPS, 1));
    setresuid(1000, 1000, 1000);
    who("kept");
    say("effective again", cap(_LINUX_CAPABILITY_VERSION_3, 1, 1 << CAP_CHOWN, 3, 1));
    who("raised");
    say("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    say("ambient not inheritable", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0));
    say("is set", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    say("bad", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0));
    say("bad", prctl(PR_CAP_AMBIENT, 9, 0, 0, 0));
    if (child()) run("plain");
    if (child()) run("caps");
    if (child()) run("sgid");
    say("lower inheritable", cap(_LINUX_CAPABILITY_VERSION_3, 1, 1, 3, 0));
    say("is set", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    say("clear", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    say("more", cap(_LINUX_CAPABILITY_VERSION_3, 1, 7, 7, 0));
    say("effective but not permitted", cap(_LINUX_CAPABILITY_VERSION_3, 1, 3, 1, 0));
    fflush(stdout);
    _exit(0);
  }
  if (child()) {
    say("noroot", prctl(PR_SET_SECUREBITS, 3));
    say("unlock", prctl(PR_SET_SECUREBITS, 0));
    run("plain");
  }
  if (child()) {
    say("no fixup", prctl(PR_SET_SECUREBITS, 4));
    setresuid(1000, 1000, 1000);
    who("no fixup");
    run("plain");
  }
  if (child()) {
    for (int i = 0; i <= 40; i++) if (i != CAP_SETUID && i != CAP_SETPCAP && i != CAP_NET_RAW) prctl(PR_CAPBSET_DROP, i);
    say("read", prctl(PR_CAPBSET_READ, CAP_CHOWN));
    say("read", prctl(PR_CAPBSET_READ, 41));
    if (child()) run("plain");
    if (child()) user(1000), run("suid");
    if (child()) user(1000), run("caps");
    if (child()) user(1000), run("capsbig");
    user(1000);
    say("drop as a user", prctl(PR_CAPBSET_DROP, 0));
    say("securebits as a user", prctl(PR_SET_SECUREBITS, 1));
    fflush(stdout);
    _exit(0);
  }
  if (child()) {
    setfsuid(1000);
    who("fsuid");
    setfsuid(0);
    who("fsuid back");
    setfsgid(5);
    who("fsgid");
    fflush(stdout);
    _exit(0);
  }
  say("v1", cap(_LINUX_CAPABILITY_VERSION_1, 0, 0, 0, 0));
  say("v2", cap(_LINUX_CAPABILITY_VERSION_2, 0, 0, 0, 0));
  say("v3", cap(_LINUX_CAPABILITY_VERSION_3, 0, 0, 0, 0));
  say("unknown", cap(1, 0, 0, 0, 0));
  if (child()) say("v1 set", cap(_LINUX_CAPABILITY_VERSION_1, 1, 1, 3, 0)), who("v1"), _exit(0);
  struct { unsigned version; int pid; } other = {_LINUX_CAPABILITY_VERSION_3, 1 << 22};
  unsigned data[6];
  say("nobody", syscall(SYS_capget, &other, data));
  say("null header", syscall(SYS_capget, 0, data));
  say("set of another", syscall(SYS_capset, &other, data));
  // A program in memory runs although its descriptor can write.
  int program = memfd_create("program", 0), from = open("/proc/self/exe", O_RDONLY);
  char block[65536];
  for (long n; (n = read(from, block, sizeof block)) > 0;) write(program, block, n);
  if (child()) {
    syscall(SYS_execveat, program, "", (char *[]){"program", "who", 0}, (char *[]){0}, AT_EMPTY_PATH);
    say("memfd", -1);
    _exit(9);
  }
  chdir("..");
  say("umount", umount("m"));
  return 0;
}
