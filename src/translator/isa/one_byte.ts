/** The one-byte opcode map: integer instructions, jumps, stack (SDM volume 2, table A-2). x87 is in x87.ts. */
export const ONE_BYTE = `
00         add        Eb,Gb m =oszapc lock
01         add        Ev,Gv m =oszapc lock
02         add        Gb,Eb m =oszapc
03         add        Gv,Ev m =oszapc
04         add        AL,Ib m =oszapc
05         add        rAX,Iz m =oszapc
08         or         Eb,Gb m =oszpc ?a lock
09         or         Ev,Gv m =oszpc ?a lock
0a         or         Gb,Eb m =oszpc ?a
0b         or         Gv,Ev m =oszpc ?a
0c         or         AL,Ib m =oszpc ?a
0d         or         rAX,Iz m =oszpc ?a
10         adc        Eb,Gb m <c =oszapc lock
11         adc        Ev,Gv m <c =oszapc lock
12         adc        Gb,Eb m <c =oszapc
13         adc        Gv,Ev m <c =oszapc
14         adc        AL,Ib m <c =oszapc
15         adc        rAX,Iz m <c =oszapc
18         sbb        Eb,Gb m <c =oszapc lock
19         sbb        Ev,Gv m <c =oszapc lock
1a         sbb        Gb,Eb m <c =oszapc
1b         sbb        Gv,Ev m <c =oszapc
1c         sbb        AL,Ib m <c =oszapc
1d         sbb        rAX,Iz m <c =oszapc
20         and        Eb,Gb m =oszpc ?a lock
21         and        Ev,Gv m =oszpc ?a lock
22         and        Gb,Eb m =oszpc ?a
23         and        Gv,Ev m =oszpc ?a
24         and        AL,Ib m =oszpc ?a
25         and        rAX,Iz m =oszpc ?a
28         sub        Eb,Gb m =oszapc lock
29         sub        Ev,Gv m =oszapc lock
2a         sub        Gb,Eb m =oszapc
2b         sub        Gv,Ev m =oszapc
2c         sub        AL,Ib m =oszapc
2d         sub        rAX,Iz m =oszapc
30         xor        Eb,Gb m =oszpc ?a lock
31         xor        Ev,Gv m =oszpc ?a lock
32         xor        Gb,Eb m =oszpc ?a
33         xor        Gv,Ev m =oszpc ?a
34         xor        AL,Ib m =oszpc ?a
35         xor        rAX,Iz m =oszpc ?a
38         cmp        Eb,Gb r =oszapc
39         cmp        Ev,Gv r =oszapc
3a         cmp        Gb,Eb r =oszapc
3b         cmp        Gv,Ev r =oszapc
3c         cmp        AL,Ib r =oszapc
3d         cmp        rAX,Iz r =oszapc
50+r       push       Zv r d64 @Push
58+r       pop        Zv w d64 @Pop
63         movsxd     Gv,Ed w
68         push       Iz r d64 @Push
69         imul       Gv,Ev,Iz w =oc ?szap
6a         push       Ibs r d64 @Push
6b         imul       Gv,Ev,Ibs w =oc ?szap
6c         insb       - @Privileged
6d         insd       - @Privileged
6e         outsb      - @Privileged
6f         outsd      - @Privileged
70         jo         Jb r <o f64 @Jcc
71         jno        Jb r <o f64 @Jcc
72         jb         Jb r <c f64 @Jcc
73         jae        Jb r <c f64 @Jcc
74         je         Jb r <z f64 @Jcc
75         jne        Jb r <z f64 @Jcc
76         jbe        Jb r <cz f64 @Jcc
77         ja         Jb r <cz f64 @Jcc
78         js         Jb r <s f64 @Jcc
79         jns        Jb r <s f64 @Jcc
7a         jp         Jb r <p f64 @Jcc
7b         jnp        Jb r <p f64 @Jcc
7c         jl         Jb r <so f64 @Jcc
7d         jge        Jb r <so f64 @Jcc
7e         jle        Jb r <zso f64 @Jcc
7f         jg         Jb r <zso f64 @Jcc
80/0       add        Eb,Ib m =oszapc lock
80/1       or         Eb,Ib m =oszpc ?a lock
80/2       adc        Eb,Ib m <c =oszapc lock
80/3       sbb        Eb,Ib m <c =oszapc lock
80/4       and        Eb,Ib m =oszpc ?a lock
80/5       sub        Eb,Ib m =oszapc lock
80/6       xor        Eb,Ib m =oszpc ?a lock
80/7       cmp        Eb,Ib r =oszapc
81/0       add        Ev,Iz m =oszapc lock
81/1       or         Ev,Iz m =oszpc ?a lock
81/2       adc        Ev,Iz m <c =oszapc lock
81/3       sbb        Ev,Iz m <c =oszapc lock
81/4       and        Ev,Iz m =oszpc ?a lock
81/5       sub        Ev,Iz m =oszapc lock
81/6       xor        Ev,Iz m =oszpc ?a lock
81/7       cmp        Ev,Iz r =oszapc
83/0       add        Ev,Ibs m =oszapc lock
83/1       or         Ev,Ibs m =oszpc ?a lock
83/2       adc        Ev,Ibs m <c =oszapc lock
83/3       sbb        Ev,Ibs m <c =oszapc lock
83/4       and        Ev,Ibs m =oszpc ?a lock
83/5       sub        Ev,Ibs m =oszapc lock
83/6       xor        Ev,Ibs m =oszpc ?a lock
83/7       cmp        Ev,Ibs r =oszapc
84         test       Eb,Gb r =oszpc ?a
85         test       Ev,Gv r =oszpc ?a
86         xchg       Eb,Gb mm lock
87         xchg       Ev,Gv mm lock
88         mov        Eb,Gb w
89         mov        Ev,Gv w
8a         mov        Gb,Eb w
8b         mov        Gv,Ev w
8c.r       mov        Rv,Sw w @Emulate
8c.m       mov        Mw,Sw w @Emulate
8d.m       lea        Gv,M wn @Lea
8e         mov        Sw,Ew w @Emulate
8f/0       pop        Ev w d64 @Pop
90.b0      nop        -
90.f3      pause      -
90.b1      xchg       Zv,rAX mm
91         xchg       Zv,rAX mm
92         xchg       Zv,rAX mm
93         xchg       Zv,rAX mm
94         xchg       Zv,rAX mm
95         xchg       Zv,rAX mm
96         xchg       Zv,rAX mm
97         xchg       Zv,rAX mm
98         cwde       - in:rax out:rax
99         cdq        - in:rax out:rdx
9b         fwait      - x87
9c         pushf      - <oszapcd d64 @PushF
9d         popf       - =oszapcd d64 @PopF
9e         sahf       - in:rax =szapc lahf
9f         lahf       - in:rax out:rax <szapc lahf
a0         mov        AL,Ob w @Moffs
a1         mov        rAX,Ov w @Moffs
a2         mov        Ob,AL w @Moffs
a3         mov        Ov,rAX w @Moffs
a4         movsb      - <d string:sd @String
a5         movsd      - <d string:sd @String
a6         cmpsb      - <d =oszapc string:sd @String
a7         cmpsd      - <d =oszapc string:sd @String
a8         test       AL,Ib r =oszpc ?a
a9         test       rAX,Iz r =oszpc ?a
aa         stosb      - <d in:rax string:d @String
ab         stosd      - <d in:rax string:d @String
ac         lodsb      - <d in:rax out:rax string:s memory repeats
ad         lodsd      - <d in:rax out:rax string:s memory repeats
ae         scasb      - <d =oszapc in:rax string:d @String
af         scasd      - <d =oszapc in:rax string:d @String
b0+r       mov        Zb,Ib w
b8+r       mov        Zv,Iv w
c0/0       rol        Eb,Ib m <oc =c ?o
c0/1       ror        Eb,Ib m <oc =c ?o
c0/2       rcl        Eb,Ib m <oc =c ?o
c0/3       rcr        Eb,Ib m <oc =c ?o
c0/4       shl        Eb,Ib m <oszapc =szpc ?oa
c0/5       shr        Eb,Ib m <oszapc =szpc ?oa
c0/6       shl        Eb,Ib m <oszapc =szpc ?oa
c0/7       sar        Eb,Ib m <oszapc =szpc ?oa
c1/0       rol        Ev,Ib m <oc =c ?o
c1/1       ror        Ev,Ib m <oc =c ?o
c1/2       rcl        Ev,Ib m <oc =c ?o
c1/3       rcr        Ev,Ib m <oc =c ?o
c1/4       shl        Ev,Ib m <oszapc =szpc ?oa
c1/5       shr        Ev,Ib m <oszapc =szpc ?oa
c1/6       shl        Ev,Ib m <oszapc =szpc ?oa
c1/7       sar        Ev,Ib m <oszapc =szpc ?oa
d0/0       rol        Eb,1 m =oc
d0/1       ror        Eb,1 m =oc
d0/2       rcl        Eb,1 m <c =oc
d0/3       rcr        Eb,1 m <c =oc
d0/4       shl        Eb,1 m =oszpc ?a
d0/5       shr        Eb,1 m =oszpc ?a
d0/6       shl        Eb,1 m =oszpc ?a
d0/7       sar        Eb,1 m =oszpc ?a
d1/0       rol        Ev,1 m =oc
d1/1       ror        Ev,1 m =oc
d1/2       rcl        Ev,1 m <c =oc
d1/3       rcr        Ev,1 m <c =oc
d1/4       shl        Ev,1 m =oszpc ?a
d1/5       shr        Ev,1 m =oszpc ?a
d1/6       shl        Ev,1 m =oszpc ?a
d1/7       sar        Ev,1 m =oszpc ?a
d2/0       rol        Eb,CL m <oc =c ?o
d2/1       ror        Eb,CL m <oc =c ?o
d2/2       rcl        Eb,CL m <oc =c ?o
d2/3       rcr        Eb,CL m <oc =c ?o
d2/4       shl        Eb,CL m <oszapc =szpc ?oa
d2/5       shr        Eb,CL m <oszapc =szpc ?oa
d2/6       shl        Eb,CL m <oszapc =szpc ?oa
d2/7       sar        Eb,CL m <oszapc =szpc ?oa
d3/0       rol        Ev,CL m <oc =c ?o
d3/1       ror        Ev,CL m <oc =c ?o
d3/2       rcl        Ev,CL m <oc =c ?o
d3/3       rcr        Ev,CL m <oc =c ?o
d3/4       shl        Ev,CL m <oszapc =szpc ?oa
d3/5       shr        Ev,CL m <oszapc =szpc ?oa
d3/6       shl        Ev,CL m <oszapc =szpc ?oa
d3/7       sar        Ev,CL m <oszapc =szpc ?oa
c2         ret        Iw r f64 @Ret
c3         ret        - f64 @Ret
c6/0       mov        Eb,Ib w
c7/0       mov        Ev,Iz w
c8         enter      Iw,Ib r in:rbp out:rbp d64 @Enter
c9         leave      - in:rbp out:rbp d64 @Leave
ca         retf       Iw r @Emulate
cb         retf       - @Emulate
cc         int3       - @Int3
cd         int        Ib r @Int
cf         iret       - =oszapcd @Emulate
d7         xlatb      - in:rax,rbx out:rax memory
e0         loopne     Jb r <z in:rcx out:rcx f64 @Loop
e1         loope      Jb r <z in:rcx out:rcx f64 @Loop
e2         loop       Jb r in:rcx out:rcx f64 @Loop
e3         jrcxz      Jb r in:rcx f64 @Loop
e4         in         AL,Ib w @Privileged
e5         in         eAX,Ib w @Privileged
e6         out        Ib,AL r @Privileged
e7         out        Ib,eAX r @Privileged
ec         in         AL,DX w @Privileged
ed         in         eAX,DX w @Privileged
ee         out        DX,AL r @Privileged
ef         out        DX,eAX r @Privileged
e8         call       Jz r f64 @CallNear
e9         jmp        Jz r f64 @JmpNear
eb         jmp        Jb r f64 @JmpNear
f1         int1       - @Int3
f4         hlt        - @Privileged
f5         cmc        - <c =c
f6/0       test       Eb,Ib r =oszpc ?a
f6/1       test       Eb,Ib r =oszpc ?a
f6/2       not        Eb m lock
f6/3       neg        Eb m =oszapc lock
f6/4       mul        Eb r in:rax out:rax =oc ?szap
f6/5       imul       Eb r in:rax out:rax =oc ?szap
f6/6       div        Eb r in:rax out:rax ?oszapc
f6/7       idiv       Eb r in:rax out:rax ?oszapc
f7/0       test       Ev,Iz r =oszpc ?a
f7/1       test       Ev,Iz r =oszpc ?a
f7/2       not        Ev m lock
f7/3       neg        Ev m =oszapc lock
f7/4       mul        Ev r in:rax out:rax,rdx =oc ?szap
f7/5       imul       Ev r in:rax out:rax,rdx =oc ?szap
f7/6       div        Ev r in:rax,rdx out:rax,rdx ?oszapc
f7/7       idiv       Ev r in:rax,rdx out:rax,rdx ?oszapc
f8         clc        - =c
f9         stc        - =c
fa         cli        - @Privileged
fb         sti        - @Privileged
fc         cld        - =d
fd         std        - =d
fe/0       inc        Eb m =oszap lock
fe/1       dec        Eb m =oszap lock
ff/0       inc        Ev m =oszap lock
ff/1       dec        Ev m =oszap lock
ff/2       call       Ev r f64 @CallIndirect
ff/3.m     call       Mp r @Emulate
ff/4       jmp        Ev r f64 @JmpIndirect
ff/5.m     jmp        Mp r @Emulate
ff/6       push       Ev r d64 @Push
`;
