/*
 * The vdso: time and CPU number without a system call. "Host calls" are instructions that only the translator
 * understands, and only at the addresses of this object:
 *
 *   0F 3F 01  edi = clock id -> rax = seconds (-EINVAL: not answered here), rdx = nanoseconds; rcx and r11 are lost
 *   0F 3F 02  -> eax = number of the CPU
 *
 * What is not answered here goes to the kernel by the ordinary call. Built by tools/build-vdso.
 */
typedef long i64;

struct timespec { i64 sec, nsec; };
struct timeval { i64 sec, usec; };
struct timezone { int minuteswest, dsttime; };

enum { SYS_gettimeofday = 96, SYS_time = 201, SYS_clock_gettime = 228, SYS_clock_getres = 229 };
enum { CLOCK_REALTIME = 0, EINVAL = 22 };

static inline i64 host_clock(int id, i64 *nsec) {
  i64 sec;
  __asm__ volatile(".byte 0x0f, 0x3f, 0x01" : "=a"(sec), "=d"(*nsec) : "D"(id) : "rcx", "r11", "memory");
  return sec;
}

static inline i64 syscall2(i64 n, i64 a, i64 b) {
  i64 result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b) : "rcx", "r11", "memory");
  return result;
}

int __vdso_clock_gettime(int id, struct timespec *out) {
  i64 nsec, sec = host_clock(id, &nsec);
  if (sec == -EINVAL) return syscall2(SYS_clock_gettime, id, (i64)out);
  out->sec = sec;
  out->nsec = nsec;
  return 0;
}

int __vdso_clock_getres(int id, struct timespec *out) {
  return syscall2(SYS_clock_getres, id, (i64)out);
}

int __vdso_gettimeofday(struct timeval *out, struct timezone *zone) {
  i64 nsec, sec = host_clock(CLOCK_REALTIME, &nsec);
  if (sec == -EINVAL) return syscall2(SYS_gettimeofday, (i64)out, (i64)zone);
  if (out) {
    out->sec = sec;
    out->usec = (i64)((unsigned int)nsec / 1000);
  }
  if (zone) zone->minuteswest = zone->dsttime = 0;
  return 0;
}

i64 __vdso_time(i64 *out) {
  i64 nsec, sec = host_clock(CLOCK_REALTIME, &nsec);
  if (sec == -EINVAL) return syscall2(SYS_time, (i64)out, 0);
  if (out) *out = sec;
  return sec;
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused) {
  unsigned n;
  (void)unused;
  __asm__ volatile(".byte 0x0f, 0x3f, 0x02" : "=a"(n) : : "rcx", "rdx", "r11");
  if (cpu) *cpu = n;
  if (node) *node = 0;
  return 0;
}

#define WEAK(name) __attribute__((weak, alias("__vdso_" #name)))
int clock_gettime(int, struct timespec *) WEAK(clock_gettime);
int clock_getres(int, struct timespec *) WEAK(clock_getres);
int gettimeofday(struct timeval *, struct timezone *) WEAK(gettimeofday);
i64 time(i64 *) WEAK(time);
int getcpu(unsigned *, unsigned *, void *) WEAK(getcpu);
