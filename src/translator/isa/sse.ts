/** SSE, SSE2 and SSE3 (0F map): floating point, and the integer vectors that MMX does not have. */
export const SSE = `
# Moves.
0f10.np        movups       Vps,Wps w
0f10.66        movupd       Vpd,Wpd w
0f10.f3.m      movss        Vss,Mss w
0f10.f3.r      movss        Vss,Uss m
0f10.f2.m      movsd        Vsd,Msd w
0f10.f2.r      movsd        Vsd,Usd m
0f11.np        movups       Wps,Vps w
0f11.66        movupd       Wpd,Vpd w
0f11.f3.m      movss        Mss,Vss w
0f11.f3.r      movss        Uss,Vss m
0f11.f2.m      movsd        Msd,Vsd w
0f11.f2.r      movsd        Usd,Vsd m
0f12.np.m      movlps       Vq,Mq m
0f12.np.r      movhlps      Vq,Uq m
0f12.66.m      movlpd       Vq,Mq m
0f12.f3        movsldup     Vps,Wps w sse3
0f12.f2        movddup      Vpd,Wq w sse3
0f13.np.m      movlps       Mq,Vq w
0f13.66.m      movlpd       Mq,Vq w
0f14.np        unpcklps     Vps,Wps m
0f14.66        unpcklpd     Vpd,Wpd m
0f15.np        unpckhps     Vps,Wps m
0f15.66        unpckhpd     Vpd,Wpd m
0f16.np.m      movhps       Vq,Mq m
0f16.np.r      movlhps      Vq,Uq m
0f16.66.m      movhpd       Vq,Mq m
0f16.f3        movshdup     Vps,Wps w sse3
0f17.np.m      movhps       Mq,Vq w
0f17.66.m      movhpd       Mq,Vq w
0f28.np        movaps       Vps,Wps w
0f28.66        movapd       Vpd,Wpd w
0f29.np        movaps       Wps,Vps w
0f29.66        movapd       Wpd,Vpd w
0f2b.np.m      movntps      Mps,Vps w
0f2b.66.m      movntpd      Mpd,Vpd w
0f50.np.r      movmskps     Gd,Ups w
0f50.66.r      movmskpd     Gd,Upd w

# Conversions.
0f2a.np        cvtpi2ps     Vps,Qpi m mmx
0f2a.66        cvtpi2pd     Vpd,Qpi w mmx
0f2a.f3        cvtsi2ss     Vss,Ey m
0f2a.f2        cvtsi2sd     Vsd,Ey m
0f2c.np        cvttps2pi    Ppi,Wq w mmx
0f2c.66        cvttpd2pi    Ppi,Wpd w mmx
0f2c.f3        cvttss2si    Gy,Wss w
0f2c.f2        cvttsd2si    Gy,Wsd w
0f2d.np        cvtps2pi     Ppi,Wq w mmx
0f2d.66        cvtpd2pi     Ppi,Wpd w mmx
0f2d.f3        cvtss2si     Gy,Wss w
0f2d.f2        cvtsd2si     Gy,Wsd w
0f5a.np        cvtps2pd     Vpd,Wq w
0f5a.66        cvtpd2ps     Vps,Wpd w
0f5a.f3        cvtss2sd     Vsd,Wss m
0f5a.f2        cvtsd2ss     Vss,Wsd m
0f5b.np        cvtdq2ps     Vps,Wdq w
0f5b.66        cvtps2dq     Vdq,Wps w
0f5b.f3        cvttps2dq    Vdq,Wps w
0fe6.66        cvttpd2dq    Vdq,Wpd w
0fe6.f3        cvtdq2pd     Vpd,Wq w
0fe6.f2        cvtpd2dq     Vdq,Wpd w

# Arithmetic, logic, comparison, shuffles.
0f2e.np        ucomiss      Vss,Wss r =oszapc
0f2e.66        ucomisd      Vsd,Wsd r =oszapc
0f2f.np        comiss       Vss,Wss r =oszapc
0f2f.66        comisd       Vsd,Wsd r =oszapc
0f51.np        sqrtps       Vps,Wps w
0f51.66        sqrtpd       Vpd,Wpd w
0f51.f3        sqrtss       Vss,Wss m
0f51.f2        sqrtsd       Vsd,Wsd m
0f52.np        rsqrtps      Vps,Wps w
0f52.f3        rsqrtss      Vss,Wss m
0f53.np        rcpps        Vps,Wps w
0f53.f3        rcpss        Vss,Wss m
0f54.np        andps        Vps,Wps m
0f54.66        andpd        Vpd,Wpd m
0f55.np        andnps       Vps,Wps m
0f55.66        andnpd       Vpd,Wpd m
0f56.np        orps         Vps,Wps m
0f56.66        orpd         Vpd,Wpd m
0f57.np        xorps        Vps,Wps m
0f57.66        xorpd        Vpd,Wpd m
0f58.np        addps        Vps,Wps m
0f58.66        addpd        Vpd,Wpd m
0f58.f3        addss        Vss,Wss m
0f58.f2        addsd        Vsd,Wsd m
0f59.np        mulps        Vps,Wps m
0f59.66        mulpd        Vpd,Wpd m
0f59.f3        mulss        Vss,Wss m
0f59.f2        mulsd        Vsd,Wsd m
0f5c.np        subps        Vps,Wps m
0f5c.66        subpd        Vpd,Wpd m
0f5c.f3        subss        Vss,Wss m
0f5c.f2        subsd        Vsd,Wsd m
0f5d.np        minps        Vps,Wps m
0f5d.66        minpd        Vpd,Wpd m
0f5d.f3        minss        Vss,Wss m
0f5d.f2        minsd        Vsd,Wsd m
0f5e.np        divps        Vps,Wps m
0f5e.66        divpd        Vpd,Wpd m
0f5e.f3        divss        Vss,Wss m
0f5e.f2        divsd        Vsd,Wsd m
0f5f.np        maxps        Vps,Wps m
0f5f.66        maxpd        Vpd,Wpd m
0f5f.f3        maxss        Vss,Wss m
0f5f.f2        maxsd        Vsd,Wsd m
0f7c.66        haddpd       Vpd,Wpd m sse3
0f7c.f2        haddps       Vps,Wps m sse3
0f7d.66        hsubpd       Vpd,Wpd m sse3
0f7d.f2        hsubps       Vps,Wps m sse3
0fd0.66        addsubpd     Vpd,Wpd m sse3
0fd0.f2        addsubps     Vps,Wps m sse3
0fc2.np        cmpps        Vps,Wps,Ib m
0fc2.66        cmppd        Vpd,Wpd,Ib m
0fc2.f3        cmpss        Vss,Wss,Ib m
0fc2.f2        cmpsd        Vsd,Wsd,Ib m
0fc6.np        shufps       Vps,Wps,Ib m
0fc6.66        shufpd       Vpd,Wpd,Ib m

# Integer vectors that have no MMX twin, and moves.
0f6c.66        punpcklqdq   Vx,Wx m
0f6d.66        punpckhqdq   Vx,Wx m
0f6e.66        movd         Vdq,Ey w
0f6f.66        movdqa       Vx,Wx w
0f6f.f3        movdqu       Vx,Wx w
0f70.66        pshufd       Vx,Wx,Ib w
0f70.f3        pshufhw      Vx,Wx,Ib w
0f70.f2        pshuflw      Vx,Wx,Ib w
0f73/3.66.r    psrldq       Ux,Ib m
0f73/7.66.r    pslldq       Ux,Ib m
0f7e.66        movd         Ey,Vy w
0f7e.f3        movq         Vq,Wq w
0f7f.66        movdqa       Wx,Vx w
0f7f.f3        movdqu       Wx,Vx w
0fd6.66        movq         Wq,Vq w
0fd6.f3.r      movq2dq      Vdq,Nq w mmx
0fd6.f2.r      movdq2q      Pq,Uq w mmx
0fe7.66.m      movntdq      Mx,Vx w
0ff0.f2.m      lddqu        Vx,Mx w sse3
0ff7.66.r      maskmovdqu   Vdq,Udq r in:rdi memory
`;
