/* Offsets that the assembly shares with ThreadSlots (engine.h) and CpuBlock; entry.cc asserts them. */
#define SLOT_SCRATCH 0x00
#define SLOT_DISPLACED 0x08
#define SLOT_RIP 0x10
#define SLOT_TRAP 0x18
#define SLOT_LINK 0x20
#define SLOT_RESUME 0x28
#define SLOT_GUEST_FS_BASE 0x40
#define SLOT_RETURN_STACK_BASE 0x50
#define SLOT_CPU 0x58
#define SLOT_HOST_SP 0x60
#define SLOT_EXIT_SCRATCH 0x68
#define SLOT_SAVE 0x70
#define SLOT_HOST_MXCSR 0x78
#define SLOT_IN_GUEST 0x7c

#define CPU_GPR(n) ((n) * 8)
#define CPU_RIP 0x80
#define CPU_RFLAGS 0x88
#define CPU_HOST_SP 0xc8
#define CPU_LINK 0xd8
#define CPU_RESUME 0xc0
#define CPU_XSAVE 0x140
#define CPU_MXCSR (CPU_XSAVE + 24)
#define CPU_XMM(n) (CPU_XSAVE + 160 + (n) * 16)
#define CPU_XSTATE_BV (CPU_XSAVE + 512)
#define CPU_YMMH(n) (CPU_XSAVE + 576 + (n) * 16)

/* Stands in the template for the FS displacement of ThreadSlots; replaced when the stubs are copied to the cache. */
#define SLOT_MAGIC 0x5a3c0000
/* Likewise for 64-bit addresses that the stubs load. */
#define TRAP_SYSCALL 1
#define TRAP_LINK 16
#define SAVE_X87 1
#define SAVE_YMM 2
/* The host tells which state is in use (XGETBV with ecx 1). */
#define SAVE_ASKS 4
#define XSTATE_YMM 4
