/* More mappings than there can be: calls fail with ENOMEM, and what there is stays as it was. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define P 4096L
#define PAGES 150000

int main(void) {
  char *a = mmap(0, PAGES * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  a[0] = a[2 * P] = a[1000 * P] = 'x';
  int made = 0, error = 0;
  for (int i = 1; i < PAGES; i += 2, made++) {
    if (mprotect(a + i * P, P, PROT_READ)) {
      error = errno;
      break;
    }
  }
  printf("split by protections: more than 10000 times %d, errno %d\n", made > 10000, error);
  error = 0;
  for (int i = 1; i < PAGES; i += 2) {
    if (munmap(a + i * P, P) && !error) error = errno;
  }
  printf("split by holes: errno %d\n", error);
  printf("bytes: %c %c %c\n", a[0], a[2 * P], a[1000 * P]);
  a[4 * P] = 'y';
  printf("unmap all: %d\n", munmap(a, PAGES * P));
  int pid = fork();
  if (pid == 0) _exit(7);
  int status;
  wait(&status);
  printf("then all goes on: %d %d\n", mmap(0, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED, WEXITSTATUS(status));
  return 0;
}
