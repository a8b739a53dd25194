// What the parts of the native engine share. Mechanism only: no guest system call, no policy.
#pragma once
#include <napi.h>
#include <atomic>
#include <cstdint>
#include "cpu_block.h"

// The slots that translated code reaches through FS. One block a host thread; initial-exec TLS, so
// its displacement from FS is the same on every thread. glibc keeps little static TLS: stay small.
struct ThreadSlots {
  uint64_t scratch;            // guest rcx while an indirect branch uses rcx
  uint64_t displaced;          // guest r11, whose host register holds guest rsp
  uint64_t rip;                // guest rip for the exit that is being taken
  uint64_t trap;               // Trap of that exit
  uint64_t link;               // host address of a link stub's data
  uint64_t resume;             // host address to go on at after a system call
  uint64_t window;             // W
  uint64_t window_negated;     // -W
  uint64_t guest_fs_base;
  uint64_t guest_gs_base;
  uint64_t return_stack_base;  // address of the sentinel
  uint64_t cpu;                // CpuBlock*
  uint64_t host_sp;            // rsp of posixx_enter's frame
  uint64_t exit_scratch;
  uint64_t save;               // bit 0: x87 state, bit 1: upper halves of ymm
  uint32_t host_mxcsr;
  uint32_t in_guest;
};

extern thread_local ThreadSlots posixx_slots __attribute__((tls_model("initial-exec")));

// A guest address space. From low to high addresses: a guard, the 4 GiB, a guard, and the indirect table
// (8 bytes for each guest address).
struct Window {
  uint8_t* base = nullptr;
  uint8_t* reservation = nullptr;
  bool in_use = false;
};

constexpr uint64_t kWindowSize = 1ull << 32;
constexpr uint64_t kGuard = 1ull << 20;
constexpr uint64_t kTableOffset = kWindowSize + kGuard;
constexpr uint64_t kTableSize = kWindowSize * 8;
// gs:[index * 8 + disp] with index = guest pc + bias names the table entry of pc.
constexpr uint32_t kIndirectBias = 1u << 29;
constexpr int64_t kIndirectDisp = int64_t(kTableOffset) - int64_t(kIndirectBias) * 8;
static_assert(kIndirectDisp >= INT32_MIN && kIndirectDisp <= INT32_MAX);

constexpr uint64_t kReturnStackSize = 512 * 1024;

struct CodeCache {
  uint8_t* writable = nullptr;
  uint8_t* executable = nullptr;
  uint64_t size = 256ull << 20;
};
extern CodeCache code_cache;

// Where guest instructions begin in the code cache, in ascending order: the translator's log of host offsets.
// Word 0 counts the entries behind it. An entry with kNotBoundary is inside of a guest instruction.
constexpr uint32_t kNotBoundary = 1u << 31;
constexpr uint64_t kLogEntries = 64ull << 20;
extern uint32_t* instruction_log;
// First offset of the cache behind the stubs.
extern uint64_t translated_start;

// Whether `mappings` more may be made in the host's process (at most; the kernel merges some). `splits`: the call changes
// what is there, and may use the last of the room.
bool may_map(int mappings, bool splits);
// The same question, without making them.
bool have_room(int mappings, bool splits);
void mappings_given_back();

Window* window_at(uint32_t id);
bool in_some_window(uint64_t address);
CpuBlock* cpu_at(uint32_t id);

extern "C" int posixx_enter(CpuBlock* cpu, void* host, uint64_t save);
extern "C" void posixx_exit_syscall();
extern "C" void posixx_exit_link();
extern "C" void posixx_exit_trap();
extern "C" void posixx_preempt();
// The next entry of guest code is to be put off once. Async-signal-safe.
void slice_over();

// Guest code runs on the main thread now.
extern std::atomic<bool> guest_running;
extern std::atomic<bool> timeslice_parked;
void timeslice_unpark();

// An ArrayBuffer over memory of ours. Not Napi::ArrayBuffer::New: V8 would count its bytes (4 GiB for a window) as what
// a collection could free, and collect at once. With the empty deleter it counts nothing.
Napi::Value uncounted_buffer(Napi::Env env, void* data, size_t size);

void register_window(Napi::Env env, Napi::Object exports);
void register_code_cache(Napi::Env env, Napi::Object exports);
void register_entry(Napi::Env env, Napi::Object exports);
void register_timeslice(Napi::Env env, Napi::Object exports);
void install_fault_handlers();
// Makes `signo` interrupt guest code at its next instruction.
void install_preemption(int signo);
void register_host_io(napi_env env, napi_value exports);
void register_host_block(napi_env env, napi_value exports);
void register_host_store(napi_env env, napi_value exports);
void register_host_wait(napi_env env, napi_value exports);
// The terminal's mode of before the run; a crash calls it, too.
void restore_host_terminal();
