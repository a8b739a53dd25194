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

void on_fault(int signo, siginfo_t* info, void* context) {
  ucontext_t* uc = static_cast<ucontext_t*>(context);
  ThreadSlots& slots = posixx_slots;
  uint64_t rip = uint64_t(uc->uc_mcontext.gregs[REG_RIP]);
  uint64_t cache = uint64_t(code_cache.executable);
  bool in_cache = rip >= cache && rip < cache + code_cache.size;
  if (!slots.in_guest || !(in_cache || rip == 0)) {
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
    if (address >= window + int64_t(kPollPage) && address < window + int64_t(kPollPage) + 4096) {
      mprotect(reinterpret_cast<void*>(window + int64_t(kPollPage)), 4096, PROT_READ | PROT_WRITE);
      cpu->host_pc = rip - cache;
      leave(uc, kTrapPreempted, 0);
      return;
    }
    if (rewind_return_stack(uc, address)) return;
  }
  cpu->signal = uint32_t(signo);
  cpu->fault_code = uint32_t(info->si_code);
  cpu->fault_access = (uc->uc_mcontext.gregs[REG_ERR] >> 1) & 1;
  cpu->fault_address = address - window < kWindowSize ? address - window : ~0ull;
  cpu->host_pc = rip - cache;
  cpu->window_base = window;
  cpu->scratch = slots.scratch;
  memcpy(cpu->spill, reinterpret_cast<void*>(uc->uc_mcontext.gregs[REG_RSP]), sizeof cpu->spill);
  leave(uc, kTrapFault, 0);
}

}  // namespace

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
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int signo : kSignals) sigaction(signo, &action, &previous[signo]);
}
