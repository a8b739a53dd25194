/** Integer vectors: MMX with its SSE additions, the SSE2 twins of the same opcodes, and SSSE3. */
export const MMX = `
# Only MMX.
0f6e.np        movd         Pd,Ey w mmx
0f6f.np        movq         Pq,Qq w mmx
0f70.np        pshufw       Pq,Qq,Ib w mmx
0f77.np        emms         - mmx
0f7e.np        movd         Ey,Pd w mmx
0f7f.np        movq         Qq,Pq w mmx
0fe7.np.m      movntq       Mq,Pq w mmx
0ff7.np.r      maskmovq     Pq,Nq r in:rdi memory mmx

# Both: np is MMX, 66 is SSE2.
0f60.np        punpcklbw    Pq,Qq m mmx
0f60.66        punpcklbw    Vx,Wx m
0f61.np        punpcklwd    Pq,Qq m mmx
0f61.66        punpcklwd    Vx,Wx m
0f62.np        punpckldq    Pq,Qq m mmx
0f62.66        punpckldq    Vx,Wx m
0f63.np        packsswb     Pq,Qq m mmx
0f63.66        packsswb     Vx,Wx m
0f64.np        pcmpgtb      Pq,Qq m mmx
0f64.66        pcmpgtb      Vx,Wx m
0f65.np        pcmpgtw      Pq,Qq m mmx
0f65.66        pcmpgtw      Vx,Wx m
0f66.np        pcmpgtd      Pq,Qq m mmx
0f66.66        pcmpgtd      Vx,Wx m
0f67.np        packuswb     Pq,Qq m mmx
0f67.66        packuswb     Vx,Wx m
0f68.np        punpckhbw    Pq,Qq m mmx
0f68.66        punpckhbw    Vx,Wx m
0f69.np        punpckhwd    Pq,Qq m mmx
0f69.66        punpckhwd    Vx,Wx m
0f6a.np        punpckhdq    Pq,Qq m mmx
0f6a.66        punpckhdq    Vx,Wx m
0f6b.np        packssdw     Pq,Qq m mmx
0f6b.66        packssdw     Vx,Wx m
0f74.np        pcmpeqb      Pq,Qq m mmx
0f74.66        pcmpeqb      Vx,Wx m
0f75.np        pcmpeqw      Pq,Qq m mmx
0f75.66        pcmpeqw      Vx,Wx m
0f76.np        pcmpeqd      Pq,Qq m mmx
0f76.66        pcmpeqd      Vx,Wx m
0fd1.np        psrlw        Pq,Qq m mmx
0fd1.66        psrlw        Vx,Wx m
0fd2.np        psrld        Pq,Qq m mmx
0fd2.66        psrld        Vx,Wx m
0fd3.np        psrlq        Pq,Qq m mmx
0fd3.66        psrlq        Vx,Wx m
0fd4.np        paddq        Pq,Qq m mmx
0fd4.66        paddq        Vx,Wx m
0fd5.np        pmullw       Pq,Qq m mmx
0fd5.66        pmullw       Vx,Wx m
0fd8.np        psubusb      Pq,Qq m mmx
0fd8.66        psubusb      Vx,Wx m
0fd9.np        psubusw      Pq,Qq m mmx
0fd9.66        psubusw      Vx,Wx m
0fda.np        pminub       Pq,Qq m mmx
0fda.66        pminub       Vx,Wx m
0fdb.np        pand         Pq,Qq m mmx
0fdb.66        pand         Vx,Wx m
0fdc.np        paddusb      Pq,Qq m mmx
0fdc.66        paddusb      Vx,Wx m
0fdd.np        paddusw      Pq,Qq m mmx
0fdd.66        paddusw      Vx,Wx m
0fde.np        pmaxub       Pq,Qq m mmx
0fde.66        pmaxub       Vx,Wx m
0fdf.np        pandn        Pq,Qq m mmx
0fdf.66        pandn        Vx,Wx m
0fe0.np        pavgb        Pq,Qq m mmx
0fe0.66        pavgb        Vx,Wx m
0fe1.np        psraw        Pq,Qq m mmx
0fe1.66        psraw        Vx,Wx m
0fe2.np        psrad        Pq,Qq m mmx
0fe2.66        psrad        Vx,Wx m
0fe3.np        pavgw        Pq,Qq m mmx
0fe3.66        pavgw        Vx,Wx m
0fe4.np        pmulhuw      Pq,Qq m mmx
0fe4.66        pmulhuw      Vx,Wx m
0fe5.np        pmulhw       Pq,Qq m mmx
0fe5.66        pmulhw       Vx,Wx m
0fe8.np        psubsb       Pq,Qq m mmx
0fe8.66        psubsb       Vx,Wx m
0fe9.np        psubsw       Pq,Qq m mmx
0fe9.66        psubsw       Vx,Wx m
0fea.np        pminsw       Pq,Qq m mmx
0fea.66        pminsw       Vx,Wx m
0feb.np        por          Pq,Qq m mmx
0feb.66        por          Vx,Wx m
0fec.np        paddsb       Pq,Qq m mmx
0fec.66        paddsb       Vx,Wx m
0fed.np        paddsw       Pq,Qq m mmx
0fed.66        paddsw       Vx,Wx m
0fee.np        pmaxsw       Pq,Qq m mmx
0fee.66        pmaxsw       Vx,Wx m
0fef.np        pxor         Pq,Qq m mmx
0fef.66        pxor         Vx,Wx m
0ff1.np        psllw        Pq,Qq m mmx
0ff1.66        psllw        Vx,Wx m
0ff2.np        pslld        Pq,Qq m mmx
0ff2.66        pslld        Vx,Wx m
0ff3.np        psllq        Pq,Qq m mmx
0ff3.66        psllq        Vx,Wx m
0ff4.np        pmuludq      Pq,Qq m mmx
0ff4.66        pmuludq      Vx,Wx m
0ff5.np        pmaddwd      Pq,Qq m mmx
0ff5.66        pmaddwd      Vx,Wx m
0ff6.np        psadbw       Pq,Qq m mmx
0ff6.66        psadbw       Vx,Wx m
0ff8.np        psubb        Pq,Qq m mmx
0ff8.66        psubb        Vx,Wx m
0ff9.np        psubw        Pq,Qq m mmx
0ff9.66        psubw        Vx,Wx m
0ffa.np        psubd        Pq,Qq m mmx
0ffa.66        psubd        Vx,Wx m
0ffb.np        psubq        Pq,Qq m mmx
0ffb.66        psubq        Vx,Wx m
0ffc.np        paddb        Pq,Qq m mmx
0ffc.66        paddb        Vx,Wx m
0ffd.np        paddw        Pq,Qq m mmx
0ffd.66        paddw        Vx,Wx m
0ffe.np        paddd        Pq,Qq m mmx
0ffe.66        paddd        Vx,Wx m
0f71/2.np.r    psrlw        Nq,Ib m mmx
0f71/2.66.r    psrlw        Ux,Ib m
0f71/4.np.r    psraw        Nq,Ib m mmx
0f71/4.66.r    psraw        Ux,Ib m
0f71/6.np.r    psllw        Nq,Ib m mmx
0f71/6.66.r    psllw        Ux,Ib m
0f72/2.np.r    psrld        Nq,Ib m mmx
0f72/2.66.r    psrld        Ux,Ib m
0f72/4.np.r    psrad        Nq,Ib m mmx
0f72/4.66.r    psrad        Ux,Ib m
0f72/6.np.r    pslld        Nq,Ib m mmx
0f72/6.66.r    pslld        Ux,Ib m
0f73/2.np.r    psrlq        Nq,Ib m mmx
0f73/2.66.r    psrlq        Ux,Ib m
0f73/6.np.r    psllq        Nq,Ib m mmx
0f73/6.66.r    psllq        Ux,Ib m
0fc4.np        pinsrw       Pq,Ew,Ib m mmx
0fc4.66        pinsrw       Vdq,Ew,Ib m
0fc5.np.r      pextrw       Gd,Nq,Ib w mmx
0fc5.66.r      pextrw       Gd,Udq,Ib w
0fd7.np.r      pmovmskb     Gd,Nq w mmx
0fd7.66.r      pmovmskb     Gd,Ux w

# SSSE3.
0f3800.np      pshufb       Pq,Qq m mmx ssse3
0f3800.66      pshufb       Vx,Wx m ssse3
0f3801.np      phaddw       Pq,Qq m mmx ssse3
0f3801.66      phaddw       Vx,Wx m ssse3
0f3802.np      phaddd       Pq,Qq m mmx ssse3
0f3802.66      phaddd       Vx,Wx m ssse3
0f3803.np      phaddsw      Pq,Qq m mmx ssse3
0f3803.66      phaddsw      Vx,Wx m ssse3
0f3804.np      pmaddubsw    Pq,Qq m mmx ssse3
0f3804.66      pmaddubsw    Vx,Wx m ssse3
0f3805.np      phsubw       Pq,Qq m mmx ssse3
0f3805.66      phsubw       Vx,Wx m ssse3
0f3806.np      phsubd       Pq,Qq m mmx ssse3
0f3806.66      phsubd       Vx,Wx m ssse3
0f3807.np      phsubsw      Pq,Qq m mmx ssse3
0f3807.66      phsubsw      Vx,Wx m ssse3
0f3808.np      psignb       Pq,Qq m mmx ssse3
0f3808.66      psignb       Vx,Wx m ssse3
0f3809.np      psignw       Pq,Qq m mmx ssse3
0f3809.66      psignw       Vx,Wx m ssse3
0f380a.np      psignd       Pq,Qq m mmx ssse3
0f380a.66      psignd       Vx,Wx m ssse3
0f380b.np      pmulhrsw     Pq,Qq m mmx ssse3
0f380b.66      pmulhrsw     Vx,Wx m ssse3
0f381c.np      pabsb        Pq,Qq w mmx ssse3
0f381c.66      pabsb        Vx,Wx w ssse3
0f381d.np      pabsw        Pq,Qq w mmx ssse3
0f381d.66      pabsw        Vx,Wx w ssse3
0f381e.np      pabsd        Pq,Qq w mmx ssse3
0f381e.66      pabsd        Vx,Wx w ssse3
0f3a0f.np      palignr      Pq,Qq,Ib m mmx ssse3
0f3a0f.66      palignr      Vx,Wx,Ib m ssse3
`;
