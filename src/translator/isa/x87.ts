/** x87, opcodes D8 to DF (SDM volume 2, tables ), with the undocumented aliases that every CPU has. */
export const X87 = `
d8/0.m     fadd       Md r x87
d8/1.m     fmul       Md r x87
d8/2.m     fcom       Md r x87
d8/3.m     fcomp      Md r x87
d8/4.m     fsub       Md r x87
d8/5.m     fsubr      Md r x87
d8/6.m     fdiv       Md r x87
d8/7.m     fdivr      Md r x87
dc/0.m     fadd       Mq r x87
dc/1.m     fmul       Mq r x87
dc/2.m     fcom       Mq r x87
dc/3.m     fcomp      Mq r x87
dc/4.m     fsub       Mq r x87
dc/5.m     fsubr      Mq r x87
dc/6.m     fdiv       Mq r x87
dc/7.m     fdivr      Mq r x87
d8/0.r     fadd       ST0,STi m x87
d8/1.r     fmul       ST0,STi m x87
d8/2.r     fcom       ST0,STi r x87
d8/3.r     fcomp      ST0,STi r x87
d8/4.r     fsub       ST0,STi m x87
d8/5.r     fsubr      ST0,STi m x87
d8/6.r     fdiv       ST0,STi m x87
d8/7.r     fdivr      ST0,STi m x87
dc/0.r     fadd       STi,ST0 m x87
dc/1.r     fmul       STi,ST0 m x87
dc/2.r     fcom       ST0,STi r x87
dc/3.r     fcomp      ST0,STi r x87
dc/4.r     fsubr      STi,ST0 m x87
dc/5.r     fsub       STi,ST0 m x87
dc/6.r     fdivr      STi,ST0 m x87
dc/7.r     fdiv       STi,ST0 m x87
da/0.m     fiadd      Md r x87
da/1.m     fimul      Md r x87
da/2.m     ficom      Md r x87
da/3.m     ficomp     Md r x87
da/4.m     fisub      Md r x87
da/5.m     fisubr     Md r x87
da/6.m     fidiv      Md r x87
da/7.m     fidivr     Md r x87
de/0.m     fiadd      Mw r x87
de/1.m     fimul      Mw r x87
de/2.m     ficom      Mw r x87
de/3.m     ficomp     Mw r x87
de/4.m     fisub      Mw r x87
de/5.m     fisubr     Mw r x87
de/6.m     fidiv      Mw r x87
de/7.m     fidivr     Mw r x87
d9/0.m     fld        Md r x87
d9/2.m     fst        Md w x87
d9/3.m     fstp       Md w x87
d9/4.m     fldenv     M r x87 @FpuRestore
d9/5.m     fldcw      Mw r x87
d9/6.m     fnstenv    M w x87 @FpuSave
d9/7.m     fnstcw     Mw w x87
d9/0.r     fld        STi r x87
d9/1.r     fxch       ST0,STi mm x87
d9/2:0.r   fnop       - x87
d9/3.r     fstpnce    STi,ST0 w x87
d9/4:0.r   fchs       - x87
d9/4:1.r   fabs       - x87
d9/4:4.r   ftst       - x87
d9/4:5.r   fxam       - x87
d9/5:0.r   fld1       - x87
d9/5:1.r   fldl2t     - x87
d9/5:2.r   fldl2e     - x87
d9/5:3.r   fldpi      - x87
d9/5:4.r   fldlg2     - x87
d9/5:5.r   fldln2     - x87
d9/5:6.r   fldz       - x87
d9/6:0.r   f2xm1      - x87
d9/6:1.r   fyl2x      - x87
d9/6:2.r   fptan      - x87
d9/6:3.r   fpatan     - x87
d9/6:4.r   fxtract    - x87
d9/6:5.r   fprem1     - x87
d9/6:6.r   fdecstp    - x87
d9/6:7.r   fincstp    - x87
d9/7:0.r   fprem      - x87
d9/7:1.r   fyl2xp1    - x87
d9/7:2.r   fsqrt      - x87
d9/7:3.r   fsincos    - x87
d9/7:4.r   frndint    - x87
d9/7:5.r   fscale     - x87
d9/7:6.r   fsin       - x87
d9/7:7.r   fcos       - x87
da/0.r     fcmovb     ST0,STi m x87 <c
db/0.r     fcmovnb    ST0,STi m x87 <c
da/1.r     fcmove     ST0,STi m x87 <z
db/1.r     fcmovne    ST0,STi m x87 <z
da/2.r     fcmovbe    ST0,STi m x87 <cz
db/2.r     fcmovnbe   ST0,STi m x87 <cz
da/3.r     fcmovu     ST0,STi m x87 <p
db/3.r     fcmovnu    ST0,STi m x87 <p
da/5:1.r   fucompp    - x87
db/0.m     fild       Md r x87
db/1.m     fisttp     Md w x87 sse3
db/2.m     fist       Md w x87
db/3.m     fistp      Md w x87
db/5.m     fld        Mt r x87
db/7.m     fstp       Mt w x87
db/4:0.r   fneni      - x87
db/4:1.r   fndisi     - x87
db/4:2.r   fnclex     - x87
db/4:3.r   fninit     - x87
db/4:4.r   fnsetpm    - x87
db/5.r     fucomi     ST0,STi r x87 =oszapc
db/6.r     fcomi      ST0,STi r x87 =oszapc
dd/0.m     fld        Mq r x87
dd/1.m     fisttp     Mq w x87 sse3
dd/2.m     fst        Mq w x87
dd/3.m     fstp       Mq w x87
dd/4.m     frstor     M r x87 @FpuRestore
dd/6.m     fnsave     M w x87 @FpuSave
dd/7.m     fnstsw     Mw w x87
dd/0.r     ffree      STi n x87
dd/1.r     fxch       ST0,STi mm x87
dd/2.r     fst        STi,ST0 w x87
dd/3.r     fstp       STi,ST0 w x87
dd/4.r     fucom      ST0,STi r x87
dd/5.r     fucomp     ST0,STi r x87
de/0.r     faddp      STi,ST0 m x87
de/1.r     fmulp      STi,ST0 m x87
de/2.r     fcomp      ST0,STi r x87
de/4.r     fsubrp     STi,ST0 m x87
de/5.r     fsubp      STi,ST0 m x87
de/6.r     fdivrp     STi,ST0 m x87
de/7.r     fdivp      STi,ST0 m x87
de/3:1.r   fcompp     - x87
df/0.m     fild       Mw r x87
df/1.m     fisttp     Mw w x87 sse3
df/2.m     fist       Mw w x87
df/3.m     fistp      Mw w x87
df/4.m     fbld       Mt r x87
df/5.m     fild       Mq r x87
df/6.m     fbstp      Mt w x87
df/7.m     fistp      Mq w x87
df/0.r     ffreep     STi n x87
df/1.r     fxch       ST0,STi mm x87
df/2.r     fstp       STi,ST0 w x87
df/3.r     fstp       STi,ST0 w x87
df/4:0.r   fnstsw     - x87 in:rax out:rax
df/5.r     fucomip    ST0,STi r x87 =oszapc
df/6.r     fcomip     ST0,STi r x87 =oszapc
`;
