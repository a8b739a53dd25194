// Access and default ACLs as xattrs: what takes them away, what is refused, and the set-group-ID bit of a file of another group.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
int main(void) {
  static const unsigned char none[] = {2, 0, 0, 0}, odd[] = {1, 0, 0, 0}, longer[] = {2, 0, 0, 0, 1};
  static const unsigned char three[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255};
  umask(0);
  mkdir("acl-dir", 0755);
  close(open("acl-file", O_CREAT | O_WRONLY, 0644));
  const char *names[] = {"system.posix_acl_access", "system.posix_acl_default"}, *files[] = {"acl-dir", "acl-file"};
  struct { const char *what; const void *acl; int size; } all[] = {{"no entries", none, 4}, {"of three", three, 28}, {"no entries", none, 4}, {"of three", three, 28}, {"empty", "", 0}, {"version 1", odd, 4}, {"one byte more", longer, 5}, {"a byte", none, 1}, {"create", three, 28}, {"create", three, 28}};
  for (int f = 0; f < 2; f++) for (int n = 0; n < 2; n++) for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
    int got = setxattr(files[f], names[n], all[i].acl, all[i].size, i >= 8 ? XATTR_CREATE : 0), error = errno;
    char value[100];
    long there = getxattr(files[f], names[n], value, sizeof value);
    printf("%s %s %s: %s, %ld\n", files[f], names[n] + 17, all[i].what, got ? strerror(error) : "done", there);
  }
  chown("acl-file", 100, 100);
  chmod("acl-file", 02755);
  setregid(101, 101);
  setreuid(100, 100);
  printf("%d", setxattr("acl-file", names[0], three, 28, 0));
  struct stat s;
  stat("acl-file", &s);
  printf(" %o\n", s.st_mode);
}
