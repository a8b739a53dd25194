/** SSE4.1, SSE4.2, AES, PCLMULQDQ and SHA. */
export const SSE4 = `
# SSE4.1 and SSE4.2, 0F 38. blendv has its mask in xmm0.
0f3810.66      pblendvb     Vx,Wx m sse4.1
0f3814.66      blendvps     Vx,Wx m sse4.1
0f3815.66      blendvpd     Vx,Wx m sse4.1
0f3817.66      ptest        Vx,Wx r =oszapc sse4.1
0f3820.66      pmovsxbw     Vx,Wq w sse4.1
0f3821.66      pmovsxbd     Vx,Wd w sse4.1
0f3822.66      pmovsxbq     Vx,Ww w sse4.1
0f3823.66      pmovsxwd     Vx,Wq w sse4.1
0f3824.66      pmovsxwq     Vx,Wd w sse4.1
0f3825.66      pmovsxdq     Vx,Wq w sse4.1
0f3830.66      pmovzxbw     Vx,Wq w sse4.1
0f3831.66      pmovzxbd     Vx,Wd w sse4.1
0f3832.66      pmovzxbq     Vx,Ww w sse4.1
0f3833.66      pmovzxwd     Vx,Wq w sse4.1
0f3834.66      pmovzxwq     Vx,Wd w sse4.1
0f3835.66      pmovzxdq     Vx,Wq w sse4.1
0f3828.66      pmuldq       Vx,Wx m sse4.1
0f3829.66      pcmpeqq      Vx,Wx m sse4.1
0f382b.66      packusdw     Vx,Wx m sse4.1
0f3838.66      pminsb       Vx,Wx m sse4.1
0f3839.66      pminsd       Vx,Wx m sse4.1
0f383a.66      pminuw       Vx,Wx m sse4.1
0f383b.66      pminud       Vx,Wx m sse4.1
0f383c.66      pmaxsb       Vx,Wx m sse4.1
0f383d.66      pmaxsd       Vx,Wx m sse4.1
0f383e.66      pmaxuw       Vx,Wx m sse4.1
0f383f.66      pmaxud       Vx,Wx m sse4.1
0f3840.66      pmulld       Vx,Wx m sse4.1
0f3837.66      pcmpgtq      Vx,Wx m sse4.2
0f382a.66.m    movntdqa     Vx,Mx w sse4.1
0f3841.66      phminposuw   Vx,Wx w sse4.1

# SSE4.1 and SSE4.2, 0F 3A. pcmpstrm writes xmm0.
0f3a08.66      roundps      Vx,Wx,Ib w sse4.1
0f3a09.66      roundpd      Vx,Wx,Ib w sse4.1
0f3a0a.66      roundss      Vss,Wss,Ib m sse4.1
0f3a0b.66      roundsd      Vsd,Wsd,Ib m sse4.1
0f3a0c.66      blendps      Vx,Wx,Ib m sse4.1
0f3a0d.66      blendpd      Vx,Wx,Ib m sse4.1
0f3a0e.66      pblendw      Vx,Wx,Ib m sse4.1
0f3a40.66      dpps         Vx,Wx,Ib m sse4.1
0f3a41.66      dppd         Vx,Wx,Ib m sse4.1
0f3a42.66      mpsadbw      Vx,Wx,Ib m sse4.1
0f3a14.66.m    pextrb       Mb,Vdq,Ib w sse4.1
0f3a14.66.r    pextrb       Rd,Vdq,Ib w sse4.1
0f3a15.66.m    pextrw       Mw,Vdq,Ib w sse4.1
0f3a15.66.r    pextrw       Rd,Vdq,Ib w sse4.1
0f3a16.66      pextrd       Ey,Vdq,Ib w sse4.1
0f3a17.66      extractps    Ed,Vdq,Ib w sse4.1
0f3a20.66.m    pinsrb       Vdq,Mb,Ib m sse4.1
0f3a20.66.r    pinsrb       Vdq,Rd,Ib m sse4.1
0f3a21.66      insertps     Vdq,Wd,Ib m sse4.1
0f3a22.66      pinsrd       Vdq,Ey,Ib m sse4.1
0f3a60.66      pcmpestrm    Vdq,Wdq,Ib r in:rax,rdx =oszapc sse4.2
0f3a61.66      pcmpestri    Vdq,Wdq,Ib r in:rax,rdx out:rcx =oszapc sse4.2
0f3a62.66      pcmpistrm    Vdq,Wdq,Ib r =oszapc sse4.2
0f3a63.66      pcmpistri    Vdq,Wdq,Ib r out:rcx =oszapc sse4.2

# AES, carry-less multiplication, SHA.
0f38db.66      aesimc       Vdq,Wdq w aes
0f38dc.66      aesenc       Vdq,Wdq m aes
0f38dd.66      aesenclast   Vdq,Wdq m aes
0f38de.66      aesdec       Vdq,Wdq m aes
0f38df.66      aesdeclast   Vdq,Wdq m aes
0f3adf.66      aeskeygenassist Vdq,Wdq,Ib w aes
0f3a44.66      pclmulqdq    Vdq,Wdq,Ib m pclmulqdq
0f38c8.np      sha1nexte    Vdq,Wdq m sha
0f38c9.np      sha1msg1     Vdq,Wdq m sha
0f38ca.np      sha1msg2     Vdq,Wdq m sha
0f38cb.np      sha256rnds2  Vdq,Wdq m sha
0f38cc.np      sha256msg1   Vdq,Wdq m sha
0f38cd.np      sha256msg2   Vdq,Wdq m sha
0f3acc.np      sha1rnds4    Vdq,Wdq,Ib m sha
`;
