// CPU blocks, the entry into translated code, and the calls it may make of the host.
#include <algorithm>
#include <cpuid.h>
#include <errno.h>
#include <immintrin.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include <time.h>
#include <unistd.h>
#include <vector>
#include "engine.h"
#include "entry_stubs.h"
#include "slots.h"

thread_local ThreadSlots posixx_slots;
std::atomic<bool> guest_running{false};
uint64_t translated_start;

static_assert(offsetof(ThreadSlots, displaced) == SLOT_DISPLACED && offsetof(ThreadSlots, rip) == SLOT_RIP);
static_assert(offsetof(ThreadSlots, trap) == SLOT_TRAP && offsetof(ThreadSlots, link) == SLOT_LINK);
static_assert(offsetof(ThreadSlots, resume) == SLOT_RESUME && offsetof(ThreadSlots, cpu) == SLOT_CPU);
static_assert(offsetof(ThreadSlots, guest_fs_base) == SLOT_GUEST_FS_BASE);
static_assert(offsetof(ThreadSlots, return_stack_base) == SLOT_RETURN_STACK_BASE);
static_assert(offsetof(ThreadSlots, host_sp) == SLOT_HOST_SP && offsetof(ThreadSlots, save) == SLOT_SAVE);
static_assert(offsetof(ThreadSlots, exit_scratch) == SLOT_EXIT_SCRATCH);
static_assert(offsetof(ThreadSlots, host_mxcsr) == SLOT_HOST_MXCSR);
static_assert(offsetof(ThreadSlots, in_guest) == SLOT_IN_GUEST);
static_assert(offsetof(CpuBlock, rflags) == CPU_RFLAGS && offsetof(CpuBlock, host_sp) == CPU_HOST_SP);
static_assert(offsetof(CpuBlock, link) == CPU_LINK && offsetof(CpuBlock, resume) == CPU_RESUME);
static_assert(offsetof(CpuBlock, xsave) == CPU_XSAVE);

namespace {

struct CpuSlot {
  CpuBlock* block = nullptr;
  uint8_t* stack = nullptr;  // mapping of the return stack, its guard page first
};
std::vector<CpuSlot> cpus;

bool have_fsgsbase;
bool have_avx;
// SAVE_ASKS when XGETBV tells the state in use.
uint32_t save_asks;
thread_local uint8_t* gs_base = nullptr;
using EnterFn = int (*)(CpuBlock*, void*, uint64_t);

__attribute__((target("fsgsbase"))) void write_gs_base(uint64_t value) { _writegsbase_u64(value); }

__attribute__((target("avx"))) void clear_upper_halves() { _mm256_zeroupper(); }

void set_window(uint8_t* base) {
  if (gs_base == base) return;
  gs_base = base;
  posixx_slots.window = uint64_t(base);
  posixx_slots.window_negated = uint64_t(0) - uint64_t(base);
  if (have_fsgsbase) {
    write_gs_base(uint64_t(base));
  } else {
    syscall(SYS_arch_prctl, ARCH_SET_GS, base);
  }
}

// Displacement of this addon's slots from FS, the same on every thread.
int64_t slots_displacement() {
  int64_t displacement;
  asm("mov posixx_slots@gottpoff(%%rip), %0" : "=r"(displacement));
  return displacement;
}

uint32_t u32(napi_env env, napi_value v) {
  uint32_t x = 0;
  napi_get_value_uint32(env, v, &x);
  return x;
}

// What the next entry runs, written by the translator: reading N-API arguments would take longer than the entry.
struct EntryBlock {
  uint32_t cpu, window, host, save;
  uint32_t trap;
  // A time slice ended, or a signal came, while no guest code ran: the translator is not to enter any before others
  // had their turn.
  uint32_t slice_over;
};
EntryBlock entry_block;

// Raw N-API: this call stands on the way of every system call.
napi_value enter(napi_env env, napi_callback_info) {
  CpuBlock* cpu = cpu_at(entry_block.cpu);
  Window* window = window_at(entry_block.window);
  uint32_t host = entry_block.host;
  if (!cpu || !window || host == 0 || host >= code_cache.size) {
    napi_throw_error(env, nullptr, "posixx: enter: no such cpu, window or code");
    return nullptr;
  }
  set_window(window->base);
  ThreadSlots& slots = posixx_slots;
  slots.guest_fs_base = cpu->fs_base;
  slots.guest_gs_base = cpu->gs_base;
  slots.return_stack_base = cpu->return_stack_base;
  if (__builtin_expect(timeslice_parked.load(std::memory_order_relaxed), 0)) timeslice_unpark();
  guest_running.store(true, std::memory_order_relaxed);
  // Host code may have left upper halves of ymm; guest SSE code would be slow with them.
  if (have_avx) clear_upper_halves();
  int trap = reinterpret_cast<EnterFn>(code_cache.executable)(cpu, code_cache.executable + host,
                                                              entry_block.save | save_asks);
  guest_running.store(false, std::memory_order_relaxed);
  cpu->trap = uint32_t(trap);
  if (cpu->resume) cpu->resume -= uint64_t(code_cache.executable);
  if (trap == kTrapLink) cpu->link -= uint64_t(code_cache.executable);
  entry_block.trap = uint32_t(trap);
  return nullptr;
}

}  // namespace

void slice_over() { __atomic_store_n(&entry_block.slice_over, 1, __ATOMIC_RELAXED); }

namespace {

napi_value entry_buffer(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_external_arraybuffer(env, &entry_block, sizeof entry_block, nullptr, nullptr, &result);
  return result;
}

void reset_return_stack(CpuBlock* cpu) { cpu->host_sp = cpu->return_stack_base; }

// The state of a CPU that has run nothing.
void initialize(CpuBlock* cpu) {
  uint64_t base = cpu->return_stack_base;
  memset(cpu, 0, sizeof *cpu);
  cpu->rflags = 0x202;
  cpu->return_stack_base = base;
  reset_return_stack(cpu);
  // FPU as after FNINIT and with the default MXCSR.
  cpu->xsave[0] = 0x7f;
  cpu->xsave[1] = 0x03;
  cpu->xsave[24] = 0x80;
  cpu->xsave[25] = 0x1f;
  cpu->xsave[28] = 0xff;
  cpu->xsave[29] = 0xff;
}

napi_value cpu_create(napi_env env, napi_callback_info) {
  napi_value result;
  if (!may_map(3, false)) {
    napi_create_int32(env, -ENOMEM, &result);
    return result;
  }
  constexpr uint64_t kBlock = 4096;
  void* block = mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* stack = mmap(nullptr, kReturnStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED || stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0) {
    napi_create_int32(env, -errno, &result);
    if (block != MAP_FAILED) munmap(block, kBlock);
    if (stack != MAP_FAILED) munmap(stack, kReturnStackSize);
    return result;
  }
  CpuSlot slot;
  slot.block = static_cast<CpuBlock*>(block);
  slot.stack = static_cast<uint8_t*>(stack);
  CpuBlock* cpu = slot.block;
  // 128 bytes above the sentinel: the fault handler may copy up to that far when it moves the stack's top.
  cpu->return_stack_base = uint64_t(slot.stack) + kReturnStackSize - 256;
  *reinterpret_cast<uint64_t*>(cpu->return_stack_base) =
      uint64_t(code_cache.executable) + uint64_t(posixx_stub_return_miss - posixx_stubs);
  initialize(cpu);
  size_t id = 0;
  while (id < cpus.size() && cpus[id].block) id++;
  if (id == cpus.size()) cpus.emplace_back();
  cpus[id] = slot;
  napi_create_int32(env, int32_t(id), &result);
  return result;
}

napi_value cpu_buffer(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  CpuBlock* cpu = cpu_at(u32(env, argv[0]));
  if (!cpu) {
    napi_throw_error(env, nullptr, "posixx: no such cpu");
    return nullptr;
  }
  // Not napi_create_external_arraybuffer: it leaves some 200 bytes behind for each buffer.
  return uncounted_buffer(env, cpu, sizeof(CpuBlock));
}

// cpuDestroy(cpu, buffer): the buffer is detached, its memory goes.
napi_value cpu_destroy(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  uint32_t id = u32(env, argv[0]);
  if (!cpu_at(id)) return nullptr;
  bool is_buffer = false;
  if (argc > 1 && napi_is_arraybuffer(env, argv[1], &is_buffer) == napi_ok && is_buffer) napi_detach_arraybuffer(env, argv[1]);
  munmap(cpus[id].block, 4096);
  munmap(cpus[id].stack, kReturnStackSize);
  cpus[id] = CpuSlot{};
  mappings_given_back();
  return nullptr;
}

// cpuReset(cpu): as it was created.
napi_value cpu_reset(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  if (CpuBlock* cpu = cpu_at(u32(env, argv[0]))) initialize(cpu);
  return nullptr;
}

napi_value cpu_reset_return_stack(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  if (CpuBlock* cpu = cpu_at(u32(env, argv[0]))) reset_return_stack(cpu);
  return nullptr;
}

// to takes over the newest return addresses of from; beyond them is the sentinel.
napi_value cpu_copy_return_stack(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  CpuBlock* to = cpu_at(u32(env, argv[0]));
  CpuBlock* from = cpu_at(u32(env, argv[1]));
  if (!to || !from) return nullptr;
  constexpr uint64_t kMost = 64 * sizeof(uint64_t);
  uint64_t bytes = std::min(from->return_stack_base - from->host_sp, kMost);
  to->host_sp = to->return_stack_base - bytes;
  memcpy(reinterpret_cast<void*>(to->host_sp), reinterpret_cast<void*>(from->host_sp), bytes);
  return nullptr;
}

// What the vdso's host calls run. The register contract is in entry_stubs.S.
struct TwoWords {
  int64_t rax, rdx;
};

extern "C" TwoWords posixx_hostcall_clock(int clock) {
  // The clocks of the host's own vdso; the others are the guest kernel's business.
  constexpr uint32_t kAnswered = 1 << CLOCK_REALTIME | 1 << CLOCK_MONOTONIC | 1 << CLOCK_MONOTONIC_RAW |
                                 1 << CLOCK_REALTIME_COARSE | 1 << CLOCK_MONOTONIC_COARSE | 1 << CLOCK_BOOTTIME;
  timespec now;
  if (clock < 0 || clock > 31 || !(kAnswered >> clock & 1)) return {-EINVAL, 0};
  int saved = errno;
  int rc = clock_gettime(clock, &now);
  errno = saved;
  if (rc != 0) return {-EINVAL, 0};
  return {now.tv_sec, now.tv_nsec};
}

extern "C" TwoWords posixx_hostcall_getcpu() { return {0, 0}; }

napi_value code_layout(napi_env raw, napi_callback_info) {
  Napi::Env env(raw);
  const int64_t fs = slots_displacement();
  auto at = [](const char* label) { return double(label - posixx_stubs); };
  Napi::Object layout = Napi::Object::New(env), slots = Napi::Object::New(env), hostcalls = Napi::Object::New(env);
  layout["start"] = double(translated_start);
  layout["size"] = double(code_cache.size);
  layout["exitSyscall"] = at(posixx_stub_exit_syscall);
  layout["exitLink"] = at(posixx_stub_exit_link);
  layout["exitTrap"] = at(posixx_stub_exit_trap);
  layout["returnLost"] = at(posixx_stub_return_lost);
  layout["returnMiss"] = at(posixx_stub_return_miss);
  slots["scratch"] = double(fs + int64_t(offsetof(ThreadSlots, scratch)));
  slots["displaced"] = double(fs + int64_t(offsetof(ThreadSlots, displaced)));
  slots["rip"] = double(fs + int64_t(offsetof(ThreadSlots, rip)));
  slots["trap"] = double(fs + int64_t(offsetof(ThreadSlots, trap)));
  slots["link"] = double(fs + int64_t(offsetof(ThreadSlots, link)));
  slots["resume"] = double(fs + int64_t(offsetof(ThreadSlots, resume)));
  slots["window"] = double(fs + int64_t(offsetof(ThreadSlots, window)));
  slots["windowNegated"] = double(fs + int64_t(offsetof(ThreadSlots, window_negated)));
  slots["guestFsBase"] = double(fs + int64_t(offsetof(ThreadSlots, guest_fs_base)));
  slots["guestGsBase"] = double(fs + int64_t(offsetof(ThreadSlots, guest_gs_base)));
  slots["returnStackBase"] = double(fs + int64_t(offsetof(ThreadSlots, return_stack_base)));
  slots["cpu"] = double(fs + int64_t(offsetof(ThreadSlots, cpu)));
  layout["slots"] = slots;
  layout["indirectBias"] = kIndirectBias;
  layout["indirectDisp"] = double(kIndirectDisp);
  hostcalls["clockGettime"] = at(posixx_stub_hostcall_clock);
  hostcalls["getcpu"] = at(posixx_stub_hostcall_getcpu);
  layout["hostcalls"] = hostcalls;
  return layout;
}

Napi::Value host_cpuid(const Napi::CallbackInfo& info) {
  uint32_t r[4] = {};
  uint32_t leaf = info[0].As<Napi::Number>().Uint32Value();
  // A leaf above the highest would be answered with the data of another one.
  if (leaf <= __get_cpuid_max(leaf & 0x80000000u, nullptr)) {
    __cpuid_count(leaf, info[1].As<Napi::Number>().Uint32Value(), r[0], r[1], r[2], r[3]);
  }
  Napi::Array out = Napi::Array::New(info.Env(), 4);
  for (uint32_t i = 0; i < 4; i++) out[i] = r[i];
  return out;
}

void replace32(uint8_t* code, size_t size, uint32_t from, uint32_t mask, int64_t to) {
  for (size_t i = 0; i + 4 <= size; i++) {
    uint32_t word;
    memcpy(&word, code + i, 4);
    if ((word & mask) != from) continue;
    uint32_t value = uint32_t(to + (word & ~mask));
    memcpy(code + i, &value, 4);
    i += 3;
  }
}

void replace64(uint8_t* code, size_t size, uint64_t from, uint64_t to) {
  for (size_t i = 0; i + 8 <= size; i++) {
    uint64_t word;
    memcpy(&word, code + i, 8);
    if (word == from) memcpy(code + i, &to, 8);
  }
}

}  // namespace

CpuBlock* cpu_at(uint32_t id) { return id < cpus.size() ? cpus[id].block : nullptr; }

void register_entry(Napi::Env env, Napi::Object exports) {
  have_fsgsbase = getauxval(AT_HWCAP2) & 2;
  have_avx = __builtin_cpu_supports("avx");
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (have_avx && __get_cpuid_count(13, 1, &a, &b, &c, &d) && (a & 4)) save_asks = SAVE_ASKS;
  size_t size = size_t(posixx_stubs_end - posixx_stubs);
  uint8_t* code = code_cache.writable;
  memcpy(code, posixx_stubs, size);
  translated_start = (size + 63) & ~63ull;
  const int64_t fs = slots_displacement();
  replace64(code, size, 0x5a3c5a3c00000001, uint64_t(&posixx_hostcall_clock));
  replace64(code, size, 0x5a3c5a3c00000002, uint64_t(&posixx_hostcall_getcpu));
  replace32(code, size, SLOT_MAGIC + 0xfff0, 0xffffffff, kIndirectDisp);
  replace32(code, size, SLOT_MAGIC, 0xffffff00, fs);
  auto add = [&](const char* name, napi_callback f) {
    napi_value fn;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, f, nullptr, &fn);
    napi_set_named_property(env, exports, name, fn);
  };
  add("enter", enter);
  add("entryBlock", entry_buffer);
  add("cpuCreate", cpu_create);
  add("cpuBuffer", cpu_buffer);
  add("cpuReset", cpu_reset);
  add("cpuDestroy", cpu_destroy);
  add("cpuResetReturnStack", cpu_reset_return_stack);
  add("cpuCopyReturnStack", cpu_copy_return_stack);
  add("codeLayout", code_layout);
  exports["cpuid"] = Napi::Function::New(env, host_cpuid);
}
