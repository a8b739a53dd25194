/* A program that is changed in place, through a shared mapping, runs as it is now and not as it was. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char image[200000];

static void run(void) {
  int pid = fork();
  if (pid == 0) {
    execl("./changed", "changed", (char *)0);
    _exit(1);
  }
  wait(0);
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IONBF, 0);
  if (strcmp(argv[0], "changed") == 0) {
    int x;
    __asm__ volatile("movl $0x11223344, %0" : "=r"(x));
    printf("%x\n", x);
    return 0;
  }
  int fd = open("/proc/self/exe", O_RDONLY);
  int size = read(fd, image, sizeof image);
  fd = open("changed", O_RDWR | O_CREAT | O_TRUNC, 0755);
  write(fd, image, size);
  close(fd);
  run();
  for (int round = 1; round < 4; round++) {
    fd = open("changed", O_RDWR);
    char *map = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    for (int i = 0; i + 4 < size; i++) {
      int value;
      memcpy(&value, map + i, 4);
      if (value++ == 0x11223343 + round) memcpy(map + i, &value, 4);
    }
    munmap(map, size);
    run();
    run();
  }
  unlink("changed");
  return 0;
}
