/*
 * The way into translated code and out of it. This text is a template: entry.cc copies it to the head of the
 * code cache, with the FS displacement of the thread's slots filled in, so that translated code reaches
 * the exits with rel32 jumps.
 *
 * In guest code every general register holds the guest's register of the same name, except:
 *   rsp  the return stack (host addresses; the guest never sees it)
 *   r11  guest rsp
 * and guest r11 lives in the slot `displaced`.
 */
#include "slots.h"
#define SLOT(name) %fs:(SLOT_MAGIC + SLOT_##name)

        .section .rodata
        .globl posixx_stubs, posixx_stubs_end, posixx_stub_exit_syscall, posixx_stub_exit_link
        .globl posixx_stub_exit_trap, posixx_stub_return_lost, posixx_stub_return_miss, posixx_stub_hostcall_clock
        .globl posixx_stub_hostcall_getcpu
        .hidden posixx_stubs, posixx_stubs_end, posixx_stub_exit_syscall, posixx_stub_exit_link
        .hidden posixx_stub_exit_trap, posixx_stub_return_lost, posixx_stub_return_miss, posixx_stub_hostcall_clock
        .hidden posixx_stub_hostcall_getcpu
        .balign 64, 0x90
posixx_stubs:
/* int enter(CpuBlock* rdi, void* host rsi, uint64_t save rdx) */
        push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        sub $8, %rsp
        mov %rsp, SLOT(HOST_SP)
        mov %rdi, SLOT(CPU)
        mov %rsi, SLOT(RESUME)
        mov %rdx, SLOT(SAVE)
        stmxcsr SLOT(HOST_MXCSR)
        test $SAVE_X87, %edx
        jz 1f
        fxrstor64 CPU_XSAVE(%rdi)
        jmp 2f
1:      mov CPU_MXCSR(%rdi), %eax
        cmp SLOT(HOST_MXCSR), %eax
        je 11f
        ldmxcsr CPU_MXCSR(%rdi)
11:
        movups CPU_XMM(0)(%rdi), %xmm0
        movups CPU_XMM(1)(%rdi), %xmm1
        movups CPU_XMM(2)(%rdi), %xmm2
        movups CPU_XMM(3)(%rdi), %xmm3
        movups CPU_XMM(4)(%rdi), %xmm4
        movups CPU_XMM(5)(%rdi), %xmm5
        movups CPU_XMM(6)(%rdi), %xmm6
        movups CPU_XMM(7)(%rdi), %xmm7
        movups CPU_XMM(8)(%rdi), %xmm8
        movups CPU_XMM(9)(%rdi), %xmm9
        movups CPU_XMM(10)(%rdi), %xmm10
        movups CPU_XMM(11)(%rdi), %xmm11
        movups CPU_XMM(12)(%rdi), %xmm12
        movups CPU_XMM(13)(%rdi), %xmm13
        movups CPU_XMM(14)(%rdi), %xmm14
        movups CPU_XMM(15)(%rdi), %xmm15
        /* The upper halves are zero here (enter in entry.cc): nothing to load where the guest's are. */
2:      test $SAVE_YMM, %edx
        jz 3f
        testl $XSTATE_YMM, CPU_XSTATE_BV(%rdi)
        jz 3f
        vinsertf128 $1, CPU_YMMH(0)(%rdi), %ymm0, %ymm0
        vinsertf128 $1, CPU_YMMH(1)(%rdi), %ymm1, %ymm1
        vinsertf128 $1, CPU_YMMH(2)(%rdi), %ymm2, %ymm2
        vinsertf128 $1, CPU_YMMH(3)(%rdi), %ymm3, %ymm3
        vinsertf128 $1, CPU_YMMH(4)(%rdi), %ymm4, %ymm4
        vinsertf128 $1, CPU_YMMH(5)(%rdi), %ymm5, %ymm5
        vinsertf128 $1, CPU_YMMH(6)(%rdi), %ymm6, %ymm6
        vinsertf128 $1, CPU_YMMH(7)(%rdi), %ymm7, %ymm7
        vinsertf128 $1, CPU_YMMH(8)(%rdi), %ymm8, %ymm8
        vinsertf128 $1, CPU_YMMH(9)(%rdi), %ymm9, %ymm9
        vinsertf128 $1, CPU_YMMH(10)(%rdi), %ymm10, %ymm10
        vinsertf128 $1, CPU_YMMH(11)(%rdi), %ymm11, %ymm11
        vinsertf128 $1, CPU_YMMH(12)(%rdi), %ymm12, %ymm12
        vinsertf128 $1, CPU_YMMH(13)(%rdi), %ymm13, %ymm13
        vinsertf128 $1, CPU_YMMH(14)(%rdi), %ymm14, %ymm14
        vinsertf128 $1, CPU_YMMH(15)(%rdi), %ymm15, %ymm15
3:      movl $1, SLOT(IN_GUEST)
        mov CPU_GPR(11)(%rdi), %rax
        mov %rax, SLOT(DISPLACED)
        /* popf is slow: when only arithmetic flags are set, an addition makes OF and sahf the others. */
        mov CPU_RFLAGS(%rdi), %eax
        test $(0xffffffff ^ 0xad7), %eax
        jnz 31f
        mov %eax, %ecx
        shr $11, %ecx
        and $1, %ecx
        mov %al, %ah
        add $0x7f, %cl
        sahf
        jmp 32f
31:     pushq CPU_RFLAGS(%rdi)
        popfq
        /* Only moves from here: the flags are the guest's. */
32:     mov CPU_HOST_SP(%rdi), %rsp
        mov CPU_GPR(0)(%rdi), %rax
        mov CPU_GPR(1)(%rdi), %rcx
        mov CPU_GPR(2)(%rdi), %rdx
        mov CPU_GPR(3)(%rdi), %rbx
        mov CPU_GPR(4)(%rdi), %r11
        mov CPU_GPR(5)(%rdi), %rbp
        mov CPU_GPR(6)(%rdi), %rsi
        mov CPU_GPR(8)(%rdi), %r8
        mov CPU_GPR(9)(%rdi), %r9
        mov CPU_GPR(10)(%rdi), %r10
        mov CPU_GPR(12)(%rdi), %r12
        mov CPU_GPR(13)(%rdi), %r13
        mov CPU_GPR(14)(%rdi), %r14
        mov CPU_GPR(15)(%rdi), %r15
        mov CPU_GPR(7)(%rdi), %rdi
        jmp *SLOT(RESUME)

        .balign 16, 0x90
/* SYSCALL: slot rip is the next instruction's, rcx the host address behind this exit. */
posixx_stub_exit_syscall:
        movl $TRAP_SYSCALL, SLOT(TRAP)
        mov %rcx, SLOT(RESUME)
        mov SLOT(RIP), %rcx
        jmp 5f

        .balign 16, 0x90
/* A direct branch that is not linked: the data of the link stub stands behind the call that came here. */
posixx_stub_exit_link:
        popq SLOT(LINK)
        movl $TRAP_LINK, SLOT(TRAP)

        .balign 16, 0x90
/* Any other exit: slots rip and trap are set. */
posixx_stub_exit_trap:
        movq $0, SLOT(RESUME)
5:      mov %rdi, SLOT(EXIT_SCRATCH)
        mov SLOT(CPU), %rdi
        mov %rax, CPU_GPR(0)(%rdi)
        mov %rcx, CPU_GPR(1)(%rdi)
        mov %rdx, CPU_GPR(2)(%rdi)
        mov %rbx, CPU_GPR(3)(%rdi)
        mov %r11, CPU_GPR(4)(%rdi)
        mov %rbp, CPU_GPR(5)(%rdi)
        mov %rsi, CPU_GPR(6)(%rdi)
        mov %r8, CPU_GPR(8)(%rdi)
        mov %r9, CPU_GPR(9)(%rdi)
        mov %r10, CPU_GPR(10)(%rdi)
        mov %r12, CPU_GPR(12)(%rdi)
        mov %r13, CPU_GPR(13)(%rdi)
        mov %r14, CPU_GPR(14)(%rdi)
        mov %r15, CPU_GPR(15)(%rdi)
        mov %rsp, CPU_HOST_SP(%rdi)
        mov SLOT(HOST_SP), %rsp
        pushfq
        popq CPU_RFLAGS(%rdi)
        mov SLOT(EXIT_SCRATCH), %rax
        mov %rax, CPU_GPR(7)(%rdi)
        mov SLOT(DISPLACED), %rax
        mov SLOT(TRAP), %ecx
        cmp $TRAP_SYSCALL, %ecx
        cmove CPU_RFLAGS(%rdi), %rax
        mov %rax, CPU_GPR(11)(%rdi)
        mov SLOT(RIP), %rax
        mov %rax, CPU_RIP(%rdi)
        mov SLOT(RESUME), %rax
        mov %rax, CPU_RESUME(%rdi)
        mov SLOT(LINK), %rax
        mov %rax, CPU_LINK(%rdi)
        /* DF, NT and AC would disturb the host. */
        testl $0x44400, CPU_RFLAGS(%rdi)
        jz 6f
        pushq $2
        popfq
6:      mov SLOT(SAVE), %edx
        test $SAVE_X87, %edx
        jz 7f
        fxsave64 CPU_XSAVE(%rdi)
        fninit
        jmp 8f
7:      stmxcsr CPU_MXCSR(%rdi)
        movups %xmm0, CPU_XMM(0)(%rdi)
        movups %xmm1, CPU_XMM(1)(%rdi)
        movups %xmm2, CPU_XMM(2)(%rdi)
        movups %xmm3, CPU_XMM(3)(%rdi)
        movups %xmm4, CPU_XMM(4)(%rdi)
        movups %xmm5, CPU_XMM(5)(%rdi)
        movups %xmm6, CPU_XMM(6)(%rdi)
        movups %xmm7, CPU_XMM(7)(%rdi)
        movups %xmm8, CPU_XMM(8)(%rdi)
        movups %xmm9, CPU_XMM(9)(%rdi)
        movups %xmm10, CPU_XMM(10)(%rdi)
        movups %xmm11, CPU_XMM(11)(%rdi)
        movups %xmm12, CPU_XMM(12)(%rdi)
        movups %xmm13, CPU_XMM(13)(%rdi)
        movups %xmm14, CPU_XMM(14)(%rdi)
        movups %xmm15, CPU_XMM(15)(%rdi)
8:      test $SAVE_YMM, %edx
        jz 9f
        test $SAVE_ASKS, %edx
        jz 81f
        /* Upper halves that were loaded, if only with zeros, would slow down all SSE code of the guest. */
        mov %ecx, %esi
        mov $1, %ecx
        xgetbv
        mov %esi, %ecx
        test $XSTATE_YMM, %al
        jnz 81f
        testl $XSTATE_YMM, CPU_XSTATE_BV(%rdi)
        jz 9f
        andl $~XSTATE_YMM, CPU_XSTATE_BV(%rdi)
        pxor %xmm0, %xmm0
        movups %xmm0, CPU_YMMH(0)(%rdi)
        movups %xmm0, CPU_YMMH(1)(%rdi)
        movups %xmm0, CPU_YMMH(2)(%rdi)
        movups %xmm0, CPU_YMMH(3)(%rdi)
        movups %xmm0, CPU_YMMH(4)(%rdi)
        movups %xmm0, CPU_YMMH(5)(%rdi)
        movups %xmm0, CPU_YMMH(6)(%rdi)
        movups %xmm0, CPU_YMMH(7)(%rdi)
        movups %xmm0, CPU_YMMH(8)(%rdi)
        movups %xmm0, CPU_YMMH(9)(%rdi)
        movups %xmm0, CPU_YMMH(10)(%rdi)
        movups %xmm0, CPU_YMMH(11)(%rdi)
        movups %xmm0, CPU_YMMH(12)(%rdi)
        movups %xmm0, CPU_YMMH(13)(%rdi)
        movups %xmm0, CPU_YMMH(14)(%rdi)
        movups %xmm0, CPU_YMMH(15)(%rdi)
        jmp 9f
81:     orl $XSTATE_YMM, CPU_XSTATE_BV(%rdi)
        vextractf128 $1, %ymm0, CPU_YMMH(0)(%rdi)
        vextractf128 $1, %ymm1, CPU_YMMH(1)(%rdi)
        vextractf128 $1, %ymm2, CPU_YMMH(2)(%rdi)
        vextractf128 $1, %ymm3, CPU_YMMH(3)(%rdi)
        vextractf128 $1, %ymm4, CPU_YMMH(4)(%rdi)
        vextractf128 $1, %ymm5, CPU_YMMH(5)(%rdi)
        vextractf128 $1, %ymm6, CPU_YMMH(6)(%rdi)
        vextractf128 $1, %ymm7, CPU_YMMH(7)(%rdi)
        vextractf128 $1, %ymm8, CPU_YMMH(8)(%rdi)
        vextractf128 $1, %ymm9, CPU_YMMH(9)(%rdi)
        vextractf128 $1, %ymm10, CPU_YMMH(10)(%rdi)
        vextractf128 $1, %ymm11, CPU_YMMH(11)(%rdi)
        vextractf128 $1, %ymm12, CPU_YMMH(12)(%rdi)
        vextractf128 $1, %ymm13, CPU_YMMH(13)(%rdi)
        vextractf128 $1, %ymm14, CPU_YMMH(14)(%rdi)
        vextractf128 $1, %ymm15, CPU_YMMH(15)(%rdi)
        vzeroupper
9:      mov SLOT(HOST_MXCSR), %eax
        cmp CPU_MXCSR(%rdi), %eax
        je 91f
        ldmxcsr SLOT(HOST_MXCSR)
91:     movl $0, SLOT(IN_GUEST)
        mov %ecx, %eax
        add $8, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbx
        pop %rbp
        ret

        .balign 16, 0x90
/*
 * The check behind a call, which has spent the flags, found that guest code returned to another place than was
 * called from. Of a function that sets or clears CF for its caller, slot rip holds what it returned.
 */
posixx_stub_return_lost:
        btl $0, SLOT(RIP)
        jmp posixx_stub_return_miss

        .balign 16, 0x90
/*
 * The bottom of the return stack is a return to here: guest code returned further than it called since the
 * stack was last emptied.
 */
posixx_stub_return_miss:
/* And here jumps the check that keeps the flags. */
        mov SLOT(RETURN_STACK_BASE), %rsp
        mov %rcx, SLOT(SCRATCH)
        /* The guest return address was just popped from -8(guest rsp). */
        .byte 0x65, 0x67, 0x41, 0x8b, 0x4b, 0xf8 /* mov %gs:-8(%r11d), %ecx */
        lea 0x20000000(%rcx), %rcx
        .byte 0x65, 0xff, 0x24, 0xcd /* jmp *%gs:disp32(,%rcx,8) */
        .long SLOT_MAGIC + 0xfff0

        .balign 16, 0x90
/* Host call of the vdso: clock_gettime. In: edi clock. Out: rax seconds or -errno, rdx nanoseconds. */
posixx_stub_hostcall_clock:
        mov $0x5a3c5a3c00000001, %rcx
        jmp 1f
        .balign 16, 0x90
posixx_stub_hostcall_getcpu:
        mov $0x5a3c5a3c00000002, %rcx
1:      mov %rcx, SLOT(LINK)
        mov %rsp, SLOT(EXIT_SCRATCH)
        mov SLOT(HOST_SP), %rsp
        pushfq
        push %rsi
        push %rdi
        push %r8
        push %r9
        push %r10
        push %r11
        /* The vdso's callers expect the ABI's call-clobbered vector registers to be lost; MXCSR is kept. */
        sub $24, %rsp
        stmxcsr 16(%rsp)
        ldmxcsr SLOT(HOST_MXCSR)
        cld
        call *%rcx
        ldmxcsr 16(%rsp)
        add $24, %rsp
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rdi
        pop %rsi
        popfq
        mov SLOT(EXIT_SCRATCH), %rsp
        /* rcx and guest r11 hold host values now. */
        xor %ecx, %ecx
        movq $0, SLOT(DISPLACED)
        movq $0, SLOT(LINK)
        ret
posixx_stubs_end:
        .section .note.GNU-stack, "", @progbits
