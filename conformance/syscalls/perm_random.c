// posixx: --quiet
// args: 1 600
// args: 2 600
/* Random callers (ids, groups, capabilities) do random things to a small tree: results, modes, owners and attributes. SEED STEPS [verbose from step] */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_SYS_ADMIN = 21, CAP_MKNOD = 27, CAP_SETFCAP = 31 };
static unsigned random_state;
static unsigned below(unsigned n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % n;
}
static const unsigned ids[] = {0, 1000, 1001, 100};
static unsigned id(void) { return ids[below(4)]; }
static const int caps_of_files[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SYS_ADMIN, CAP_SETFCAP};

static void effective(uint64_t bits) {
  uint32_t h[2] = {0x20080522, 0};
  struct { uint32_t effective, permitted, inheritable; } d[2];
  syscall(SYS_capget, h, d);
  d[0].effective = bits & d[0].permitted, d[1].effective = bits >> 32 & d[1].permitted;
  syscall(SYS_capset, h, d);
}
static unsigned fsuid, fsgid, ruid, rgid, caps, group;
static void become(void) {
  ruid = id(), rgid = id(), fsuid = id(), fsgid = id();
  gid_t groups[2] = {group = id(), 7};
  setgroups(2, groups);
  setresgid(rgid, 0, 0);
  setresuid(ruid, 0, 0);
  setfsgid(fsgid);
  setfsuid(fsuid);
  caps = 0;
  if (fsuid == 0 && below(3)) caps = ~0u;
  else if (below(2)) for (int i = below(3); i >= 0; i--) caps |= 1u << caps_of_files[below(8)];
  umask(below(3) ? 022 : below(01000));
  effective(caps == ~0u ? ~0ull : caps);
}
static void back(void) {
  effective(~0ull);
  setresuid(0, 0, 0), setresgid(0, 0, 0), setfsuid(0), setfsgid(0);
  effective(~0ull);
  umask(0);
}

static const char *const paths[] = {"a", "b", "a/c", "b/c", "a/f", "a/g", "b/f", "b/h", "f", "g", "a/c/f", "a/c/g", "l", "a/l", "ld/f", "ld/x"};
static const char *path(void) { return paths[below(16)]; }
static int mode(void) {
  static const int common[] = {0644, 0755, 0700, 0777, 01777, 02775, 04755, 02755, 06777, 0600, 0, 0070, 02070, 02700, 03777};
  return below(3) ? common[below(15)] : (int)below(010000);
}
static unsigned sum;
static int verbose;
static void add(const char *text) { for (; *text; text++) sum = (sum ^ (unsigned char)*text) * 16777619u; }
static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static void digest(const char *dir) {
  char *names[100], file[200], line[600];
  int n = 0;
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d));) if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) names[n++] = strdup(e->d_name);
  if (d) closedir(d);
  qsort(names, n, sizeof *names, compare);
  for (int i = 0; i < n; i++) {
    struct stat st;
    char list[300];
    snprintf(file, 200, "%s/%s", dir, names[i]);
    lstat(file, &st);
    int at = snprintf(line, 600, "%s %o %d:%d %lu %ld %ld", file, st.st_mode, st.st_uid, st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long)st.st_nlink,
      S_ISREG(st.st_mode) ? (long)st.st_size : 0, st.st_mtime < 1000 ? (long)st.st_mtime : -1);
    long got = llistxattr(file, list, 300);
    char *found[20];
    int k = 0;
    for (long p = 0; p < got; p += strlen(list + p) + 1) found[k++] = list + p;
    qsort(found, k, sizeof *found, compare);
    for (int j = 0; j < k; j++) {
      char value[100];
      long length = lgetxattr(file, found[j], value, 100);
      at += snprintf(line + at, 600 - at, " %s=", found[j]);
      for (long b = 0; b < length && at < 590; b++) at += sprintf(line + at, "%02x", value[b] & 255);
    }
    add(line);
    if (verbose) printf("    %s\n", line);
    if (S_ISDIR(st.st_mode)) digest(file);
    free(names[i]);
  }
}
static char acl[64];
static int acl_of(void) {
  static const int tags[] = {1, 4, 32};
  int n = 0;
  *(uint32_t *)acl = below(8) ? 2 : 1, n = 4;
  for (int i = 0; i < 3; i++) {
    if (below(12) == 0) continue;
    *(uint16_t *)(acl + n) = below(16) ? tags[i] : below(3) ? tags[below(3)] : 3;
    *(uint16_t *)(acl + n + 2) = below(12) ? below(8) : below(20);
    *(uint32_t *)(acl + n + 4) = -1;
    n += 8;
  }
  return below(16) ? n : n - below(5);
}
static char cap_value[24];
static int cap_of(void) {
  int version = below(6) ? 2 + below(2) : below(5);
  *(uint32_t *)cap_value = version << 24 | below(2) | (below(12) ? 0 : 2);
  *(uint32_t *)(cap_value + 4) = 1u << below(32), *(uint32_t *)(cap_value + 8) = 0, *(uint32_t *)(cap_value + 12) = 0, *(uint32_t *)(cap_value + 16) = 0;
  *(uint32_t *)(cap_value + 20) = 0;
  return below(8) == 0 ? below(25) : version == 1 ? 12 : version == 3 ? 24 : 20;
}
static const char *xattr_name(void) {
  static const char *const names[] = {"user.a", "user.b", "trusted.a", "security.x", "security.capability", "user.", "user", "other.a", "system.x", "trusted.", "security.", "", "security.evm", "system.posix_acl"};
  return names[below(14)];
}
static struct timespec times[2];
static struct timespec *any_times(void) {
  if (below(4) == 0) return 0;
  for (int i = 0; i < 2; i++) {
    unsigned kind = below(4);
    times[i].tv_sec = 100 + below(800), times[i].tv_nsec = kind == 0 ? UTIME_NOW : kind == 1 ? UTIME_OMIT : kind == 2 ? 5 : below(6) ? 0 : 1000000000 + below(3);
  }
  return times;
}
static int keep(int fd) { if (fd >= 0) close(fd); return fd < 0 ? -1 : 0; }

int main(int argc, char **argv) {
  random_state = atoi(argv[1]);
  int steps = atoi(argv[2]), from = argc > 3 ? atoi(argv[3]) : 1 << 30;
  umask(0);
  mkdir("t", 0777), chown("t", 0, 0), chmod("t", 0777), chdir("t");
  mkdir("a", 0777), mkdir("b", 01777), mkdir("a/c", 0777);
  symlink("f", "l"), symlink("../b/f", "a/l"), symlink("b", "ld");
  for (int step = 0; step < steps; step++) {
    verbose = step >= from;
    const char *p = path(), *q = path();
    int m = mode(), kind = below(34), r = 0, flags = 0, fd;
    const char *x = xattr_name();
    unsigned u = below(4) ? id() : -1, g = below(4) ? id() : -1;
    char what[300] = "";
    /* The tree is kept open to callers, or soon nothing would work. */
    if (below(4) == 0) chmod(paths[below(4)], below(2) ? 0777 : mode() | 0755), chown(paths[below(4)], id(), id());
    become();
    errno = 0;
#define DO(format, call, ...) snprintf(what, 300, format, __VA_ARGS__); r = call; break
    switch (kind) {
    case 0: flags = below(4); DO("open %s %d", keep(open(p, flags | O_NONBLOCK)), p, flags);
    case 1: flags = O_RDWR | O_CREAT | (below(3) ? 0 : O_EXCL) | (below(3) ? 0 : O_TRUNC); DO("create %s %o %o", keep(open(p, flags | O_NONBLOCK, m)), p, flags, m);
    case 2: case 3: DO("mkdir %s %o", mkdir(p, m), p, m);
    case 4: flags = below(3) == 0 ? S_IFCHR : below(2) ? S_IFIFO : below(2) ? S_IFREG : S_IFSOCK; DO("mknod %s %o %o", mknod(p, flags | m, 0x103), p, flags, m);
    case 5: DO("symlink %s", symlink(below(2) ? "f" : "nowhere", p), p);
    case 6: case 7: DO("link %s %s", link(p, q), p, q);
    case 8: case 9: case 10: flags = below(3) ? 0 : below(3); DO("rename %s %s %d", (int)syscall(SYS_renameat2, -100, p, -100, q, flags), p, q, flags);
    case 11: DO("unlink %s", unlink(p), p);
    case 12: DO("rmdir %s", rmdir(p), p);
    case 13: case 14: case 15: DO("chmod %s %o", chmod(p, m), p, m);
    case 16: case 17: DO("chown %s %d %d", chown(p, u, g), p, u, g);
    case 18: DO("lchown %s %d %d", lchown(p, u, g), p, u, g);
    case 19: case 20: {
      struct timespec *t = any_times();
      DO("utimens %s %ld.%ld %ld.%ld", utimensat(AT_FDCWD, p, t, flags = below(3) ? 0 : AT_SYMLINK_NOFOLLOW), p, t ? t[0].tv_sec : -1, t ? t[0].tv_nsec : -1, t ? t[1].tv_sec : -1, t ? t[1].tv_nsec : -1);
    }
    case 21: DO("truncate %s", truncate(p, 5 + step), p);
    case 22: case 23: m = below(8); flags = below(2) ? AT_EACCESS : 0; flags |= below(4) ? 0 : AT_SYMLINK_NOFOLLOW; DO("access %s %o %x", (int)syscall(439, AT_FDCWD, p, m, flags), p, m, flags);
    case 24: case 25: flags = below(4) ? 0 : 1 + below(3);
      if (!strcmp(x, "security.capability")) { int n = cap_of(); DO("setcap %s length %d %x flags %d", lsetxattr(p, x, cap_value, n, flags), p, n, *(uint32_t *)cap_value, flags); }
      DO("setxattr %s %s %d", (below(4) ? setxattr : lsetxattr)(p, x, "value", below(6), flags), p, x, flags);
    case 26: if (below(2)) { int n = acl_of(); DO("acl %s length %d", setxattr(p, "system.posix_acl_access", acl, n, 0), p, n); }
      else { int n = below(3) ? acl_of() : 4; n = n > 4 && below(2) ? 0 : n; DO("default acl %s length %d", n > 4 ? 0 : setxattr(p, "system.posix_acl_default", acl, n, 0), p, n); }
    case 27: { char value[64]; DO("getxattr %s %s", (int)(below(4) ? getxattr : lgetxattr)(p, x, value, 64), p, x); }
    case 28: DO("removexattr %s %s", (below(4) ? removexattr : lremovexattr)(p, x), p, x);
    case 29: { char list[300]; long n = listxattr(p, list, 300); DO("listxattr %s", (int)n, p); }
    case 30: case 31: snprintf(what, 300, "write %s", p); fd = open(p, O_WRONLY | O_NONBLOCK);
      if (fd < 0) { r = -1; break; }
      flags = below(5);
      r = flags == 0 ? write(fd, "data", below(5)) : flags == 1 ? ftruncate(fd, 3) : flags == 2 ? fallocate(fd, 0, 0, 10) : flags == 3 ? fchmod(fd, m) : fchown(fd, u, g);
      { int e = errno; close(fd), errno = e; }
      break;
    case 32: snprintf(what, 300, "tmpfile %s %s %o", p, q, m); fd = open(p, O_TMPFILE | O_RDWR, m);
      if (fd < 0) { r = -1; break; }
      { char magic[40]; snprintf(magic, 40, "/proc/self/fd/%d", fd); r = linkat(AT_FDCWD, magic, AT_FDCWD, q, AT_SYMLINK_FOLLOW); int e = errno; close(fd), errno = e; }
      break;
    case 33: { DIR *d = opendir(p); r = d ? 0 : -1; snprintf(what, 300, "opendir %s", p); if (d) closedir(d); }
    }
    int error = errno;
    back();
    sum = 2166136261u;
    digest(".");
    printf("%d %s [%u:%u +%u real %u:%u caps %x] %s %x\n", step, what, fsuid, fsgid, group, ruid, rgid, caps, r < 0 ? strerror(error) : "ok", sum);
  }
  chdir("..");
  return 0;
}
