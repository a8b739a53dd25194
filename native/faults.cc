// Faults of translated code become traps; all others go to the handler that was there before.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <cstring>
#include "engine.h"
#include "entry_stubs.h"

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
struct sigaction previous[NSIG];

void chain(int signo, siginfo_t* info, void* context) {
  const struct sigaction& old = previous[signo];
  restore_host_terminal();
  if (old.sa_flags & SA_SIGINFO) {
    old.sa_sigaction(signo, info, context);
  } else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
    old.sa_handler(signo);
  } else {
    // Default: take the handler away; the instruction faults again and the process ends as it should.
    signal(signo, SIG_DFL);
  }
}

void leave(ucontext_t* uc, Trap trap, uint64_t rip) {
  posixx_slots.trap = trap;
  posixx_slots.rip = rip;
  uc->uc_mcontext.gregs[REG_RIP] =
      greg_t(uint64_t(code_cache.executable) + uint64_t(posixx_stub_exit_trap - posixx_stubs));
}

// A push in the guard page of the return stack: the recursion is deeper than the stack. Its newest entries
// move to the bottom; returns past them find the sentinel and look their targets up.
bool rewind_return_stack(ucontext_t* uc, uint64_t address) {
  uint64_t base = posixx_slots.return_stack_base;
  uint64_t low = base + 256 - kReturnStackSize;
  if (address < low || address >= low + 4096) return false;
  constexpr uint64_t kKeep = 64;
  uint64_t sp = uint64_t(uc->uc_mcontext.gregs[REG_RSP]);
  memcpy(reinterpret_cast<void*>(base - kKeep), reinterpret_cast<void*>(sp), kKeep);
  uc->uc_mcontext.gregs[REG_RSP] = greg_t(base - kKeep);
  return true;
}

// What the translator needs to undo a guest instruction that was left in its middle.
void save_spills(ucontext_t* uc, CpuBlock* cpu) {
  cpu->host_pc = uint64_t(uc->uc_mcontext.gregs[REG_RIP]) - uint64_t(code_cache.executable);
  cpu->window_base = posixx_slots.window;
  cpu->scratch = posixx_slots.scratch;
  memcpy(cpu->spill, reinterpret_cast<void*>(uc->uc_mcontext.gregs[REG_RSP]), sizeof cpu->spill);
}

constexpr greg_t kTrapFlag = 0x100;
// Single steps on the way to the next guest instruction's beginning that are left; 0: not stepping.
constexpr int kMaxSteps = 100;
int stepping = 0;

bool is_boundary(uint32_t host) {
  uint32_t low = 1, high = instruction_log[0] + 1;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if ((instruction_log[middle] & ~kNotBoundary) < host) low = middle + 1;
    else high = middle;
  }
  return low <= instruction_log[0] && instruction_log[low] == host;
}

bool is_string_instruction(const uint8_t* code) {
  if (*code == 0x66) code++;
  if (*code != 0xf2 && *code != 0xf3) return false;
  code++;
  if (*code == 0x48) code++;
  return (*code >= 0xa4 && *code <= 0xa7) || (*code >= 0xaa && *code <= 0xaf);
}

// Guest code was interrupted. At the beginning of a guest instruction it is left with a Preempted trap; elsewhere
// the host instruction is stepped over. Code that is about to leave by itself is not disturbed.
void step(ucontext_t* uc) {
  greg_t* regs = uc->uc_mcontext.gregs;
  uint64_t host = uint64_t(regs[REG_RIP]) - uint64_t(code_cache.executable);
  const uint8_t* code = code_cache.writable + host;
  CpuBlock* cpu = reinterpret_cast<CpuBlock*>(posixx_slots.cpu);
  regs[REG_EFL] &= ~kTrapFlag;
  if (host < translated_start || host >= code_cache.size) {
    stepping = 0;
  } else if (is_boundary(uint32_t(host)) || is_string_instruction(code)) {
    // A repeated string instruction is left between two of its rounds, as a fault would leave it.
    stepping = 0;
    cpu->signal = is_string_instruction(code) && !is_boundary(uint32_t(host));
    save_spills(uc, cpu);
    leave(uc, kTrapPreempted, 0);
  } else if (--stepping > 0 && *code != 0x9c && !(code[0] == 0x66 && code[1] == 0x9c)) {
    // (pushf would store the trap flag where the guest can see it: the next time slice has to do.)
    regs[REG_EFL] |= kTrapFlag;
  } else {
    stepping = 0;
  }
}

// Guest code may have set AC, with which the handlers' own unaligned accesses would fault.
inline void clear_alignment_check() {
  asm volatile("pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

void on_fault(int signo, siginfo_t* info, void* context);

void install_fault_handler(int signo, struct sigaction* old) {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(signo, &action, old);
}

// Packages listen for SIGTRAP (signal-exit does); the steps are ours all the same, or they would go on in JavaScript.
void own_step_signal() {
  struct sigaction now;
  sigaction(SIGTRAP, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault) return;
  previous[SIGTRAP] = now;
  install_fault_handler(SIGTRAP, nullptr);
}

void on_preempt(int, siginfo_t*, void* context) {
  clear_alignment_check();
  ucontext_t* uc = static_cast<ucontext_t*>(context);
  if (!posixx_slots.in_guest || stepping) return;
  own_step_signal();
  stepping = kMaxSteps;
  step(uc);
}

// The kernel's side touched a page of a mapped file that another process has cut off (the guest's own truncations
// are checked before). A page of zeros takes its place, so that a guest's file cannot end us.
bool replace_lost_page(uint64_t address) {
  if (!in_some_window(address)) return false;
  void* page = reinterpret_cast<void*>(address & ~4095ull);
  return mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == page;
}

void on_fault(int signo, siginfo_t* info, void* context) {
  clear_alignment_check();
  ucontext_t* uc = static_cast<ucontext_t*>(context);
  ThreadSlots& slots = posixx_slots;
  uint64_t rip = uint64_t(uc->uc_mcontext.gregs[REG_RIP]);
  uint64_t cache = uint64_t(code_cache.executable);
  bool in_cache = rip >= cache && rip < cache + code_cache.size;
  if (!slots.in_guest || !(in_cache || rip == 0)) {
    if (signo == SIGBUS && !slots.in_guest && replace_lost_page(uint64_t(info->si_addr))) return;
    chain(signo, info, context);
    return;
  }
  uint64_t address = uint64_t(info->si_addr);
  uint64_t window = slots.window;
  CpuBlock* cpu = reinterpret_cast<CpuBlock*>(slots.cpu);
  if (rip == 0) {
    // An indirect branch through an empty entry of the table; rcx is guest pc + bias.
    uint64_t pc = uint64_t(uc->uc_mcontext.gregs[REG_RCX]) - kIndirectBias;
    uc->uc_mcontext.gregs[REG_RCX] = greg_t(slots.scratch);
    cpu->target = pc;
    leave(uc, kTrapIndirectMiss, pc);
    return;
  }
  if (signo == SIGSEGV) {
    if (rewind_return_stack(uc, address)) return;
  }
  if (signo == SIGTRAP && stepping) {
    step(uc);
    return;
  }
  cpu->signal = uint32_t(signo);
  save_spills(uc, cpu);
  cpu->fault_code = uint32_t(info->si_code);
  cpu->fault_access = (uc->uc_mcontext.gregs[REG_ERR] >> 1) & 1;
  cpu->fault_address = address - window < kWindowSize ? address - window : ~0ull;
  leave(uc, kTrapFault, 0);
}

}  // namespace

void install_preemption(int signo) {
  struct sigaction action = {};
  action.sa_sigaction = on_preempt;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signo, &action, nullptr);
}

void install_fault_handlers() {
  // Guest code runs on its return stack, too small for a signal frame.
  constexpr size_t kStack = 64 * 1024;
  stack_t old;
  if (sigaltstack(nullptr, &old) != 0 || (old.ss_flags & SS_DISABLE) || old.ss_size < kStack) {
    void* memory = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {};
    stack.ss_sp = memory;
    stack.ss_size = kStack;
    if (memory != MAP_FAILED) sigaltstack(&stack, nullptr);
  }
  for (int signo : kSignals) install_fault_handler(signo, &previous[signo]);
}
