// How a process wants to be run: prctl(2) PR_SET_MDWE and PR_SET_SYSCALL_USER_DISPATCH, personality(2); old calls.
// flags: -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define MDWE_SET 65
#define MDWE_GET 66
#define USER_DISPATCH 59

static void told(const char *what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void in_child(const char *name, void (*work)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    work();
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  printf("%s: %s %d\n", name, WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static long map(int prot) {
  char *at = mmap(0, 8192, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? -1 : 0;
}

static char *page(int prot) {
  return mmap(0, 8192, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void exec_gain(void) {
  char *code = page(PROT_READ | PROT_EXEC), *data = page(PROT_READ | PROT_WRITE);
  told("get", prctl(MDWE_GET, 0, 0, 0, 0));
  told("set with more", prctl(MDWE_SET, 1, 0, 0, 1));
  told("set an unknown bit", prctl(MDWE_SET, 4, 0, 0, 0));
  told("only no inheritance", prctl(MDWE_SET, 2, 0, 0, 0));
  told("set", prctl(MDWE_SET, 1, 0, 0, 0));
  told("set again", prctl(MDWE_SET, 1, 0, 0, 0));
  told("another", prctl(MDWE_SET, 3, 0, 0, 0));
  told("take back", prctl(MDWE_SET, 0, 0, 0, 0));
  told("get", prctl(MDWE_GET, 0, 0, 0, 0));
  told("get with more", prctl(MDWE_GET, 1, 0, 0, 0));
  told("map rwx", map(PROT_READ | PROT_WRITE | PROT_EXEC));
  told("map rx", map(PROT_READ | PROT_EXEC));
  told("rx again", mprotect(code, 4096, PROT_READ | PROT_EXEC));
  told("x to rwx", mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
  told("x to rw", mprotect(code, 4096, PROT_READ | PROT_WRITE));
  told("and back", mprotect(code, 8192, PROT_READ | PROT_EXEC));
  told("rw to rx", mprotect(data, 4096, PROT_READ | PROT_EXEC));
  fflush(stdout);
  if (fork() == 0) {
    told("a child's", prctl(MDWE_GET, 0, 0, 0, 0));
    told("its rwx", map(PROT_READ | PROT_WRITE | PROT_EXEC));
    fflush(stdout);
    _exit(0);
  }
  wait(0);
}

static void not_inherited(void) {
  told("set both", prctl(MDWE_SET, 3, 0, 0, 0));
  fflush(stdout);
  if (fork() == 0) {
    told("a child's", prctl(MDWE_GET, 0, 0, 0, 0));
    fflush(stdout);
    _exit(0);
  }
  wait(0);
}

static void kept_by_exec(void) {
  prctl(MDWE_SET, 1, 0, 0, 0);
  execl("/proc/self/exe", "rules", "mdwe", (char *)0);
}

static volatile char selector;
static volatile int calls, last;
static volatile long last_code, last_errno, near;

static void on_sys(int signal, siginfo_t *info, void *context) {
  (void)signal;
  ucontext_t *u = context;
  selector = 0;
  calls++;
  last = info->si_syscall;
  last_code = info->si_code;
  last_errno = info->si_errno;
  near = (long)info->si_call_addr == u->uc_mcontext.gregs[REG_RIP];
  u->uc_mcontext.gregs[REG_RAX] = 77 + u->uc_mcontext.gregs[REG_RAX];
}

static void caught(const char *what, long result) {
  int count = calls;
  selector = 0;
  printf("%s: %ld, %d caught, call %d, code %ld, errno %ld, at the call %ld\n", what, result, count, last, last_code, last_errno, near);
}

static long plain(long number) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
  return result;
}

static void user_dispatch(void) {
  struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, 0);
  told("off with a range", prctl(USER_DISPATCH, 0, 1, 0, 0));
  told("off", prctl(USER_DISPATCH, 0, 0, 0, 0));
  told("unknown mode", prctl(USER_DISPATCH, 9, 0, 0, 0));
  told("a range of nothing", prctl(USER_DISPATCH, 1, 4096, 0, &selector));
  told("no address", prctl(USER_DISPATCH, 1, 0, 0, -1L));
  told("on", prctl(USER_DISPATCH, 1, 0, 0, &selector));
  caught("allowed", plain(SYS_getppid) == getppid());
  selector = 1;
  long result = plain(SYS_getppid);
  caught("blocked", result);
  selector = 1;
  result = plain(500);
  caught("no such call", result);
  told("the code's range", prctl(USER_DISPATCH, 1, (long)plain & -4096, 1 << 20, &selector));
  selector = 1;
  result = plain(SYS_getppid) > 0;
  caught("in the range", result);
  prctl(USER_DISPATCH, 1, 0, 0, &selector);
  fflush(stdout);
  if (fork() == 0) {
    selector = 1;
    result = plain(SYS_getpid) > 0;
    caught("a child has none", result);
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  told("off", prctl(USER_DISPATCH, 0, 0, 0, 0));
  selector = 1;
  caught("then", plain(SYS_getppid) == getppid());
}

static void wrong_selector(void) {
  prctl(USER_DISPATCH, 1, 0, 0, &selector);
  selector = 2;
  plain(SYS_getpid);
}

static void lost_selector(void) {
  char *at = page(PROT_READ | PROT_WRITE);
  prctl(USER_DISPATCH, 1, 0, 0, at);
  munmap(at, 8192);
  plain(SYS_getpid);
}

static void ignored(void) {
  signal(SIGSYS, SIG_IGN);
  prctl(USER_DISPATCH, 1, 0, 0, &selector);
  selector = 1;
  plain(SYS_getpid);
}

static void protection(const char *name, char *at) {
  char line[300];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) {
    unsigned long start, end;
    char prot[5];
    if (sscanf(line, "%lx-%lx %4s", &start, &end, prot) == 3 && (unsigned long)at >= start && (unsigned long)at < end) {
      printf("%s: %s\n", name, prot);
    }
  }
  fclose(maps);
}

static void persona(void) {
  struct utsname name;
  personality(UNAME26);
  uname(&name);
  printf("UNAME26: %.4s\n", name.release);
  personality(PER_LINUX32);
  uname(&name);
  printf("PER_LINUX32: %s\n", name.machine);
  told("READ_IMPLIES_EXEC", personality(READ_IMPLIES_EXEC));
  char *read = page(PROT_READ), *write = page(PROT_WRITE), *none = page(PROT_NONE);
  protection("read", read);
  protection("write", write);
  protection("none", none);
  mprotect(write, 4096, PROT_READ | PROT_WRITE);
  protection("mprotect", write);
  protection("not touched", write + 4096);
  char seen[16] = "";
  FILE *file = fopen("/proc/self/personality", "r");
  fgets(seen, sizeof seen, file);
  printf("%s", seen);
  fflush(stdout);
  execl("/proc/self/exe", "rules", "persona", (char *)0);
}

static void old_calls(void) {
  struct stat st;
  struct { int tfree; long tinode; char names[16]; } counts;
  memset(&counts, 7, sizeof counts);
  stat("/tmp", &st);
  told("ustat", syscall(SYS_ustat, (unsigned)st.st_dev, &counts));
  printf("names %d %d\n", counts.names[0], counts.names[11]);
  told("no such device", syscall(SYS_ustat, 0xfff0, &counts));
  told("no buffer", syscall(SYS_ustat, (unsigned)st.st_dev, 8));
  char type[32] = "";
  long index = syscall(SYS_sysfs, 1, "proc");
  told("name of a type", syscall(SYS_sysfs, 2, index, type));
  printf("%s %d\n", type, syscall(SYS_sysfs, 3) > index);
  told("no such type", syscall(SYS_sysfs, 1, "none such"));
  told("no such number", syscall(SYS_sysfs, 2, 1000, type));
  told("no such option", syscall(SYS_sysfs, 4, 0, 0));
  told("set_thread_area", syscall(SYS_set_thread_area, &counts));
  told("_sysctl", syscall(156, 0));
  if (getuid() == 0 && setsid() > 0) told("vhangup", vhangup());
  if (setresuid(65534, 65534, 65534) == 0) told("vhangup of nobody", vhangup());
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "mdwe")) {
    told("after exec", prctl(MDWE_GET, 0, 0, 0, 0));
    return 0;
  }
  if (argc > 1) {
    printf("after exec: %x\n", personality(0xffffffff));
    return 0;
  }
  in_child("exec gain", exec_gain);
  in_child("not inherited", not_inherited);
  in_child("kept by exec", kept_by_exec);
  in_child("user dispatch", user_dispatch);
  in_child("wrong selector", wrong_selector);
  in_child("lost selector", lost_selector);
  in_child("ignored", ignored);
  in_child("persona", persona);
  in_child("old calls", old_calls);
  return 0;
}
