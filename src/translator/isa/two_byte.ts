/** The 0F map without its vector instructions; integer instructions of 0F 38 (SDM volume 2, tables ). */
export const TWO_BYTE = `
# System: privileged, or with an answer from the CPU model.
0f00/0         sldt       Ew w @Privileged
0f00/1         str        Ew w @Privileged
0f00/2         lldt       Ew r @Privileged
0f00/3         ltr        Ew r @Privileged
0f00/4         verr       Ew r =z
0f00/5         verw       Ew r =z
0f01/0.m       sgdt       Ms w @Privileged
0f01/1.m       sidt       Ms w @Privileged
0f01/2.m       lgdt       Ms r @Privileged
0f01/3.m       lidt       Ms r @Privileged
0f01/4         smsw       Ew w @Privileged
0f01/6         lmsw       Ew r @Privileged
0f01/7.m       invlpg     Mb n @Privileged
0f01/2:0.np.r  xgetbv     - in:rcx out:rax,rdx @Emulate xsave
0f01/2:1.np.r  xsetbv     - @Privileged xsave
0f01/7:0.r     swapgs     - @Privileged
0f01/7:1.r     rdtscp     - out:rax,rcx,rdx rdtscp
0f02           lar        Gv,Ew m <oszapc =z
0f03           lsl        Gv,Ew m <oszapc =z
0f05           syscall    - out:rcx,r11 @Syscall
0f06           clts       - @Privileged
0f07           sysret     - @Privileged
0f08           invd       - @Privileged
0f09           wbinvd     - @Privileged
0f0b           ud2        - @Illegal
0f20           mov        Rq,Cq w @Privileged
0f21           mov        Rq,Dq w @Privileged
0f22           mov        Cq,Rq w @Privileged
0f23           mov        Dq,Rq w @Privileged
0f30           wrmsr      - @Privileged
0f31           rdtsc      - out:rax,rdx
0f32           rdmsr      - @Privileged
0f33           rdpmc      - @Privileged
0f34           sysenter   - @SysEnter
0f35           sysexit    - @Privileged
0fa2           cpuid      - in:rax,rcx out:rax,rbx,rcx,rdx @Emulate
0fb9           ud1        Gv,Ev nn @Illegal
0fff           ud0        Gv,Ev nn @Illegal
0fa0           push       FS r d64 @Emulate
0fa8           push       GS r d64 @Emulate
0fa1           pop        FS w d64 @Emulate
0fa9           pop        GS w d64 @Emulate
0fb2.m         lss        Gv,Mp w @Emulate
0fb4.m         lfs        Gv,Mp w @Emulate
0fb5.m         lgs        Gv,Mp w @Emulate

# Hints. MPX (0F 1A, 1B), CET and the reserved ones do nothing and access no memory.
0f0d           prefetchw  Ev n
0f18           prefetch   Ev n
0f19           nop        Ev n
0f1a           nop        Ev n
0f1b           nop        Ev n
0f1c           nop        Ev n
0f1d           nop        Ev n
0f1e           nop        Ev n
0f1f           nop        Ev n

# Conditional moves, jumps, sets.
0f40           cmovo      Gv,Ev m <o
0f41           cmovno     Gv,Ev m <o
0f42           cmovb      Gv,Ev m <c
0f43           cmovae     Gv,Ev m <c
0f44           cmove      Gv,Ev m <z
0f45           cmovne     Gv,Ev m <z
0f46           cmovbe     Gv,Ev m <cz
0f47           cmova      Gv,Ev m <cz
0f48           cmovs      Gv,Ev m <s
0f49           cmovns     Gv,Ev m <s
0f4a           cmovp      Gv,Ev m <p
0f4b           cmovnp     Gv,Ev m <p
0f4c           cmovl      Gv,Ev m <so
0f4d           cmovge     Gv,Ev m <so
0f4e           cmovle     Gv,Ev m <zso
0f4f           cmovg      Gv,Ev m <zso
0f80           jo         Jz r <o f64 @Jcc
0f81           jno        Jz r <o f64 @Jcc
0f82           jb         Jz r <c f64 @Jcc
0f83           jae        Jz r <c f64 @Jcc
0f84           je         Jz r <z f64 @Jcc
0f85           jne        Jz r <z f64 @Jcc
0f86           jbe        Jz r <cz f64 @Jcc
0f87           ja         Jz r <cz f64 @Jcc
0f88           js         Jz r <s f64 @Jcc
0f89           jns        Jz r <s f64 @Jcc
0f8a           jp         Jz r <p f64 @Jcc
0f8b           jnp        Jz r <p f64 @Jcc
0f8c           jl         Jz r <so f64 @Jcc
0f8d           jge        Jz r <so f64 @Jcc
0f8e           jle        Jz r <zso f64 @Jcc
0f8f           jg         Jz r <zso f64 @Jcc
0f90           seto       Eb w <o
0f91           setno      Eb w <o
0f92           setb       Eb w <c
0f93           setae      Eb w <c
0f94           sete       Eb w <z
0f95           setne      Eb w <z
0f96           setbe      Eb w <cz
0f97           seta       Eb w <cz
0f98           sets       Eb w <s
0f99           setns      Eb w <s
0f9a           setp       Eb w <p
0f9b           setnp      Eb w <p
0f9c           setl       Eb w <so
0f9d           setge      Eb w <so
0f9e           setle      Eb w <zso
0f9f           setg       Eb w <zso

# Bits, double shifts, multiplication, exchange.
0fa3           bt         Ev,Gv r =c ?osap bitstring
0fa4           shld       Ev,Gv,Ib m <oszapc =szpc ?oa
0fa5           shld       Ev,Gv,CL m <oszapc =szpc ?oa
0fab           bts        Ev,Gv m =c ?osap lock bitstring
0fac           shrd       Ev,Gv,Ib m <oszapc =szpc ?oa
0fad           shrd       Ev,Gv,CL m <oszapc =szpc ?oa
0faf           imul       Gv,Ev m =oc ?szap
0fb0           cmpxchg    Eb,Gb m in:rax out:rax =oszapc lock
0fb1           cmpxchg    Ev,Gv m in:rax out:rax =oszapc lock
0fb3           btr        Ev,Gv m =c ?osap lock bitstring
0fb6           movzx      Gv,Eb w
0fb7           movzx      Gv,Ew w
0fb8.f3        popcnt     Gv,Ev w =oszapc popcnt
0fba/4         bt         Ev,Ib r =c ?osap
0fba/5         bts        Ev,Ib m =c ?osap lock
0fba/6         btr        Ev,Ib m =c ?osap lock
0fba/7         btc        Ev,Ib m =c ?osap lock
0fbb           btc        Ev,Gv m =c ?osap lock bitstring
0fbc           bsf        Gv,Ev m =z ?osapc
0fbc.f3        tzcnt      Gv,Ev w =zc ?osap bmi1
0fbd           bsr        Gv,Ev m =z ?osapc
0fbd.f3        lzcnt      Gv,Ev w =zc ?osap lzcnt
0fbe           movsx      Gv,Eb w
0fbf           movsx      Gv,Ew w
0fc0           xadd       Eb,Gb mm =oszapc lock
0fc1           xadd       Ev,Gv mm =oszapc lock
0fc3.np.m      movnti     My,Gy w
0fc7/1.w0.m    cmpxchg8b  Mq m in:rax,rbx,rcx,rdx out:rax,rdx =z lock
0fc7/1.w1.m    cmpxchg16b Mdq m in:rax,rbx,rcx,rdx out:rax,rdx =z lock cx16
0fc8+r         bswap      Zy m

# Random numbers, FS and GS bases, TSC_AUX.
0fc7/6.np.r    rdrand     Rv w =oszapc rdrand
0fc7/7.np.r    rdseed     Rv w =oszapc rdseed
0fc7/6.66.r    rdrand     Rv w =oszapc rdrand
0fc7/7.66.r    rdseed     Rv w =oszapc rdseed
0fc7/7.f3.r    rdpid      Rq w @Emulate rdpid
0fae/0.f3.r    rdfsbase   Ry w @Emulate fsgsbase
0fae/1.f3.r    rdgsbase   Ry w @Emulate fsgsbase
0fae/2.f3.r    wrfsbase   Ry r @Emulate fsgsbase
0fae/3.f3.r    wrgsbase   Ry r @Emulate fsgsbase

# x87, SSE and extended state; fences and cache lines.
0fae/0.np.m    fxsave     M w x87 @FpuSave
0fae/1.np.m    fxrstor    M r x87 @FpuRestore
0fae/2.np.m    ldmxcsr    Md r
0fae/3.np.m    stmxcsr    Md w
0fae/4.np.m    xsave      M m in:rax,rdx x87 @FpuSave xsave
0fae/5.np.m    xrstor     M r in:rax,rdx x87 @FpuRestore xsave
0fae/6.np.m    xsaveopt   M m in:rax,rdx x87 @FpuSave xsaveopt
0fc7/4.np.m    xsavec     M m in:rax,rdx x87 @FpuSave xsavec
0fc7/3.np.m    xrstors    M r @Privileged
0fc7/5.np.m    xsaves     M m @Privileged
0fae/5.np.r    lfence     -
0fae/6.np.r    mfence     -
0fae/7.np.r    sfence     -
0fae/7.np.m    clflush    Mb r
0fae/7.66.m    clflushopt Mb r clflushopt
0fae/6.66.m    clwb       Mb r clwb

# 0F 38: byte order, CRC, multi-precision addition.
0f38f0.np.m    movbe      Gv,Mv w movbe
0f38f1.np.m    movbe      Mv,Gv w movbe
0f38f0.66.m    movbe      Gv,Mv w movbe
0f38f1.66.m    movbe      Mv,Gv w movbe
0f38f0.f2      crc32      Gy,Eb m sse4.2
0f38f1.f2      crc32      Gy,Ev m sse4.2
0f38f6.66      adcx       Gy,Ey m <c =c adx
0f38f6.f3      adox       Gy,Ey m <o =o adx
0f3882.66.m    invpcid    Gy,Mdq r @Privileged
`;
