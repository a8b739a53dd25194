// The architectural state of one guest thread while it is not running.
// The same layout stands in src/host/cpu_block.ts.
#pragma once
#include <cstddef>
#include <cstdint>

struct CpuBlock {
  uint64_t gpr[16];
  uint64_t rip;
  uint64_t rflags;
  uint64_t fs_base;
  uint64_t gs_base;
  uint32_t trap;
  uint32_t signal;
  uint64_t fault_address;
  uint32_t fault_access;
  uint32_t fault_code;
  uint64_t host_pc;
  uint64_t resume;
  uint64_t host_sp;
  uint64_t return_stack_base;
  uint64_t link;
  uint64_t spill[4];
  uint64_t target;
  uint64_t window_base;
  uint64_t scratch;
  uint8_t reserved[0x28];
  alignas(64) uint8_t xsave[832];
  uint16_t selectors[6];
  uint8_t tail[0x74];
};

static_assert(offsetof(CpuBlock, rip) == 0x80);
static_assert(offsetof(CpuBlock, trap) == 0xa0);
static_assert(offsetof(CpuBlock, fault_address) == 0xa8);
static_assert(offsetof(CpuBlock, host_pc) == 0xb8);
static_assert(offsetof(CpuBlock, spill) == 0xe0);
static_assert(offsetof(CpuBlock, target) == 0x100);
static_assert(offsetof(CpuBlock, xsave) == 0x140);
static_assert(offsetof(CpuBlock, selectors) == 0x480);
static_assert(sizeof(CpuBlock) == 0x500);

// Why guest code was left: src/host/cpu_block.ts documents them.
enum Trap : uint32_t {
  kTrapSyscall = 1,
  kTrapFault = 3,
  kTrapPreempted = 6,
  kTrapLink = 16,
  kTrapIndirectMiss = 17,
};
