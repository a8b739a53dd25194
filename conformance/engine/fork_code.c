/* Code after fork: parent and child write different code to the same pages, before and after it was translated. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char *a;

/* mov eax, value; ret */
static void put(int at, int value) {
  a[at] = 0xb8;
  memcpy(a + at + 1, &value, 4);
  a[at + 5] = 0xc3;
}
static int call(int at) { return ((int (*)(void))(a + at))(); }

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  a = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  put(0, 1);
  put(64, 2);
  printf("before: %d\n", call(0));
  int pid = fork();
  if (pid) wait(0);
  const char *who = pid ? "parent" : "child";
  printf("%s: %d, not run before: %d\n", who, call(0), call(64));
  put(4096, pid ? 10 : 20);
  printf("%s: a new page: %d\n", who, call(4096));
  put(0, pid ? 30 : 40);
  printf("%s: changed: %d %d\n", who, call(0), call(64));
  if (!pid) _exit(0);
  if (!fork()) {
    printf("second child: %d %d %d\n", call(0), call(64), call(4096));
    put(4096, 50);
    printf("second child: changed: %d\n", call(4096));
    _exit(0);
  }
  wait(0);
  printf("parent: %d %d\n", call(0), call(4096));
  return 0;
}
