// flags: -no-pie
/* Segment registers, far transfers, popf with TF and NT, string instructions with FS and GS:
    what 64-bit code may do. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf again;
static volatile int traps;
static volatile uint64_t trap_rip[64], trap_flags[64];
static volatile int vector, error;

static void fault(int signal, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  vector = uc->uc_mcontext.gregs[REG_TRAPNO];
  siglongjmp(again, signal);
}

static void trap(int signal, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  if (traps < 64) {
    trap_rip[traps] = uc->uc_mcontext.gregs[REG_RIP];
    trap_flags[traps] = uc->uc_mcontext.gregs[REG_EFL];
  }
  traps++;
  if (traps == 1) printf("trap: code %d, at rip %d, trapno %d\n", info->si_code,
      (uintptr_t)info->si_addr == trap_rip[0],
                         (int)uc->uc_mcontext.gregs[REG_TRAPNO]);
  if (traps > 60) uc->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

#define TRY(name, ...) do { \
    int s_ = sigsetjmp(again, 1); \
    if (s_ == 0) { __VA_ARGS__; printf("%s: ok\n", name); } \
    else printf("%s: signal %d trapno %d\n", name, s_, vector); \
  } while (0)

static void load(const char *name, int selector) {
  uint16_t value = selector, seen = 0xffff;
  TRY(name, asm volatile("mov %1, %%ds; mov %%ds, %0" : "=r"(seen) : "r"(value)));
  printf("  ds %x\n", seen);
  asm volatile("mov %0, %%ds" :: "r"(0));
  seen = 0xffff;
  TRY(name, asm volatile("mov %1, %%gs; mov %%gs, %0; push %%gs; pop %%rax" : "=m"(seen) : "m"(value) : "rax"));
  printf("  gs %x\n", seen);
  asm volatile("mov %0, %%gs" :: "r"(0));
  TRY(name, asm volatile("mov %0, %%ss" :: "r"(value)));
}

static uint64_t gs_base(void) {
  uint64_t base = 0;
  syscall(SYS_arch_prctl, 0x1004, &base);
  return base;
}

static char text[64] = "segments are flat, but for FS and GS", copy[64], table[256];

int main(void) {
  static char stack[65536];
  sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, 0);
  struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGILL, &action, 0);
  sigaction(SIGBUS, &action, 0);
  action.sa_sigaction = trap;
  sigaction(SIGTRAP, &action, 0);
  setvbuf(stdout, 0, _IOLBF, 0);

  uint64_t r;
  asm volatile("xor %k0, %k0; mov %%cs, %w0" : "=r"(r)); printf("cs %lx\n", r);
  asm volatile("mov $-1, %0; mov %%ss, %k0" : "=r"(r)); printf("ss %lx\n", r);
  asm volatile("mov $-1, %0; mov %%fs, %0" : "=r"(r)); printf("fs %lx\n", r);
  load("null", 0); load("null with RPL 3", 3); load("data", 0x2b); load("data with RPL 0", 0x28); load("code",
      0x33);
  load("32-bit code", 0x23); load("kernel code", 0x10); load("kernel data", 0x1b); load("LDT", 0x0f);
      load("beyond", 0x1003);

  syscall(SYS_arch_prctl, 0x1001, text);
  asm volatile("mov %0, %%es" :: "r"(0x2b));
  printf("gs base kept %d\n", gs_base() == (uintptr_t)text);
  asm volatile("mov %0, %%gs" :: "r"(0x2b));
  printf("gs base %lx\n", gs_base());
  syscall(SYS_arch_prctl, 0x1001, text);
  asm volatile("push $0x2b; pop %gs");
  printf("pop gs: base %lx\n", gs_base());
  struct { uint64_t offset; uint16_t selector; } __attribute__((packed)) far = { 0x123456789abcdef0, 0x2b };
  ;
  struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) far32 = { 0x9abcdef0, 0x2b };
  asm volatile("mov $-1, %0; lgsl %1, %k0; mov %%gs, %%ecx" : "=&r"(r) : "m"(far32) : "rcx"); 
  printf("lgs r32 %lx\n", r);
  asm volatile("mov %0, %%gs" :: "r"(0));

  /* Strings and pointers through GS. */
  syscall(SYS_arch_prctl, 0x1001, text);
  uint64_t rsi, rdi, rcx;
  asm volatile("xor %%esi, %%esi; lea copy(%%rip), %%rdi; mov $20, %%ecx; rep movsb %%gs:(%%rsi), %%es:(%%rdi)"
               : "=S"(rsi), "=D"(rdi), "=c"(rcx) :: "memory");
  printf("movs %s %lx %ld %lx\n", copy, rsi, rdi - (uintptr_t)copy, rcx);
  syscall(SYS_arch_prctl, 0x1001, text + 32);
  asm volatile("mov $-32, %%rsi; lodsb %%gs:(%%rsi), %%al; movzbl %%al, %%eax" : "=S"(rsi), "=a"(r));
  printf("lods %c %lx\n", (int)r, rsi);
  asm volatile("mov $-8, %%rsi; lea text+24(%%rip), %%rdi; mov $100, %%ecx;"
      "repe cmpsb %%es:(%%rdi), %%gs:(%%rsi)" : "=S"(rsi), "=D"(rdi), "=c"(rcx) :: "cc");
  printf("cmps %ld %ld\n", rsi, rcx);
  for (int i = 0; i < 256; i++) table[i] = i ^ 0x55;
  syscall(SYS_arch_prctl, 0x1001, table);
  asm volatile("xor %%ebx, %%ebx; mov $7, %%eax; xlatb %%gs:(%%rbx)" : "=a"(r) :: "rbx");
  printf("xlat %lx\n", r & 0xff);
  syscall(SYS_arch_prctl, 0x1001, copy);
  asm volatile("pcmpeqd %%xmm0, %%xmm0; movdqu text(%%rip), %%xmm1; psrldq $8, %%xmm0; mov $3, %%edi;"
      "gs maskmovdqu %%xmm0, %%xmm1" : "=D"(rdi) :: "xmm0", "xmm1", "memory");
  printf("maskmov %s %ld\n", copy, rdi);
  TRY("rep movs from GS into nowhere", asm volatile("xor %%esi, %%esi; mov $0x10, %%edi; mov $3, %%ecx;"
      "rep movsb %%gs:(%%rsi), %%es:(%%rdi)" ::: "rsi", "rdi", "rcx"));

  /* Far transfers. */
  asm volatile("mov %%cs, %%eax; push %%rax; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::: "rax", "memory");
  puts("lretq");
  asm volatile("mov %%rsp, %%rdx; mov %%ss, %%eax; push %%rax; push %%rdx; pushf; orl $1, (%%rsp);"
      "mov %%cs, %%eax; push %%rax; lea 1f(%%rip), %%rax;"
               "push %%rax; iretq; 1: setc %%al; movzbl %%al, %%eax" : "=a"(r) :: "rdx", "memory", "cc");
  printf("iretq, carry %ld\n", r);
  static struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) gate;
  extern char landing[], routine[];
  gate.offset = (uintptr_t)landing; gate.selector = 0x33;
  asm volatile("ljmpl *%0; ud2; .globl landing; landing:" :: "m"(gate));
  puts("ljmp");
  gate.offset = (uintptr_t)routine;
  asm volatile("sub $128, %%rsp; lcall *%1; jmp 2f; .globl routine; routine: mov 4(%%rsp), %%eax; lretl;"
      "2: add $128, %%rsp" : "=&a"(r) : "m"(gate) : "memory");
  printf("lcall %lx\n", r);
  gate.selector = 0x10;
  TRY("ljmp to the kernel's segment", asm volatile("ljmpl *%0" :: "m"(gate)));
  TRY("lret to a null segment", asm volatile("push $0; push $0; lretq"));
  TRY("iret with NT", asm volatile("pushf; orl $0x4000, (%rsp); popf; iretq"));
  asm volatile("pushf; andl $~0x4000, (%rsp); popf");

  /* Flags. */
  asm volatile("pushf; orl $0x4000, (%%rsp); popf; pushf; pop %0; push $0x202; popf" : "=r"(r));
  printf("NT %lx\n", r & 0x4000);
  asm volatile("pushf; orl $0x100, (%%rsp); popf; nop; mov $1, %%eax; pushf; pop %%rdx; push %%rdx;"
      "andl $~0x100, (%%rsp); popf; nop" : "=d"(r) :: "rax");
  printf("TF %lx, %d traps\n", r & 0x100, traps);
  for (int i = 0; i < traps; i++) printf(" %ld%s", trap_rip[i] - trap_rip[0], trap_flags[i] & 0x100 ? "" : "-");
  puts("");
  traps = 0;
  asm volatile("mov $39, %%eax; mov $3, %%ecx; xor %%esi, %%esi; lea text(%%rip), %%rsi; lea copy(%%rip), %%rdi;"
               "pushf; orl $0x100, (%%rsp); popf; push %%rbx; push %%rcx; pop %%rcx; pop %%rbx; call 3f; jmp 4f;"
        "3: cpuid; ret; 4: lea 5f(%%rip), %%rax; jmp *%%rax; 5: mov $39, %%eax; syscall; nop; nop; call *6f(%%rip);"
               "pushf; andl $~0x100, (%%rsp); popf; jmp 8f; 6: .quad 7f; 7: ret; 8: nop" ::: "rax", "rbx",
        "rcx", "rdx", "rsi", "rdi", "r11", "memory", "cc");
  printf("%d traps:", traps);
  for (int i = 0; i < traps; i++) printf(" %ld", trap_rip[i] - trap_rip[0]);
  puts("");
  traps = 0;
  asm volatile("lea text(%%rip), %%rsi; lea copy(%%rip), %%rdi; mov $5, %%ecx; pushf; orl $0x100, (%%rsp); popf;"
      "rep movsb; pushf; andl $~0x100, (%%rsp); popf" ::: "rsi", "rdi", "rcx", "memory", "cc");
  printf("rep movs under TF: %d traps\n", traps);
  char *pages = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(pages, 4096, PROT_READ);
  TRY("enter below the stack", asm volatile("mov %%rsp, %%r12; mov %0, %%rsp; enter $4096, $0" ::
      "r"(pages + 4096 + 4096)));
  TRY("enter that fits", asm volatile("mov %%rsp, %%r12; mov %%rbp, %%r13; mov %0, %%rsp; enter $4088, $0;"
      "mov %%r12, %%rsp; mov %%r13, %%rbp" :: "r"(pages + 4096 + 4096 + 8) : "r12", "r13"));
  return 0;
}
