/** AVX, AVX2, F16C and FMA, VEX maps 0F 38 and 0F 3A. */
export const AVX2 = `
# VEX 0F 38: the SSSE3 and SSE4 instructions.
v0f3800.66     vpshufb      Vx,Hx,Wx w avx|avx2
v0f3801.66     vphaddw      Vx,Hx,Wx w avx|avx2
v0f3802.66     vphaddd      Vx,Hx,Wx w avx|avx2
v0f3803.66     vphaddsw     Vx,Hx,Wx w avx|avx2
v0f3804.66     vpmaddubsw   Vx,Hx,Wx w avx|avx2
v0f3805.66     vphsubw      Vx,Hx,Wx w avx|avx2
v0f3806.66     vphsubd      Vx,Hx,Wx w avx|avx2
v0f3807.66     vphsubsw     Vx,Hx,Wx w avx|avx2
v0f3808.66     vpsignb      Vx,Hx,Wx w avx|avx2
v0f3809.66     vpsignw      Vx,Hx,Wx w avx|avx2
v0f380a.66     vpsignd      Vx,Hx,Wx w avx|avx2
v0f380b.66     vpmulhrsw    Vx,Hx,Wx w avx|avx2
v0f381c.66     vpabsb       Vx,Wx w avx|avx2
v0f381d.66     vpabsw       Vx,Wx w avx|avx2
v0f381e.66     vpabsd       Vx,Wx w avx|avx2
v0f3820.66     vpmovsxbw    Vx,Wx w avx|avx2
v0f3821.66     vpmovsxbd    Vx,Wx w avx|avx2
v0f3822.66     vpmovsxbq    Vx,Wx w avx|avx2
v0f3823.66     vpmovsxwd    Vx,Wx w avx|avx2
v0f3824.66     vpmovsxwq    Vx,Wx w avx|avx2
v0f3825.66     vpmovsxdq    Vx,Wx w avx|avx2
v0f3830.66     vpmovzxbw    Vx,Wx w avx|avx2
v0f3831.66     vpmovzxbd    Vx,Wx w avx|avx2
v0f3832.66     vpmovzxbq    Vx,Wx w avx|avx2
v0f3833.66     vpmovzxwd    Vx,Wx w avx|avx2
v0f3834.66     vpmovzxwq    Vx,Wx w avx|avx2
v0f3835.66     vpmovzxdq    Vx,Wx w avx|avx2
v0f3828.66     vpmuldq      Vx,Hx,Wx w avx|avx2
v0f3829.66     vpcmpeqq     Vx,Hx,Wx w avx|avx2
v0f382b.66     vpackusdw    Vx,Hx,Wx w avx|avx2
v0f3838.66     vpminsb      Vx,Hx,Wx w avx|avx2
v0f3839.66     vpminsd      Vx,Hx,Wx w avx|avx2
v0f383a.66     vpminuw      Vx,Hx,Wx w avx|avx2
v0f383b.66     vpminud      Vx,Hx,Wx w avx|avx2
v0f383c.66     vpmaxsb      Vx,Hx,Wx w avx|avx2
v0f383d.66     vpmaxsd      Vx,Hx,Wx w avx|avx2
v0f383e.66     vpmaxuw      Vx,Hx,Wx w avx|avx2
v0f383f.66     vpmaxud      Vx,Hx,Wx w avx|avx2
v0f3840.66     vpmulld      Vx,Hx,Wx w avx|avx2
v0f3837.66     vpcmpgtq     Vx,Hx,Wx w avx|avx2
v0f3817.66     vptest       Vx,Wx r =oszapc avx
v0f382a.66.m   vmovntdqa    Vx,Mx w avx|avx2
v0f3841.66.l0  vphminposuw  Vdq,Wdq w avx
v0f38db.66.l0  vaesimc      Vdq,Wdq w aes
v0f38dc.66.l0  vaesenc      Vdq,Hdq,Wdq w aes
v0f38dd.66.l0  vaesenclast  Vdq,Hdq,Wdq w aes
v0f38de.66.l0  vaesdec      Vdq,Hdq,Wdq w aes
v0f38df.66.l0  vaesdeclast  Vdq,Hdq,Wdq w aes

# VEX 0F 38: new with AVX, F16C and AVX2.
v0f380c.66.w0  vpermilps    Vps,Hps,Wps w avx
v0f380d.66.w0  vpermilpd    Vpd,Hpd,Wpd w avx
v0f380e.66.w0  vtestps      Vps,Wps r =oszapc avx
v0f380f.66.w0  vtestpd      Vpd,Wpd r =oszapc avx
v0f3813.66.w0  vcvtph2ps    Vps,Wx w f16c
v0f3816.66.l1.w0 vpermps      Vps,Hps,Wps w avx2
v0f3836.66.l1.w0 vpermd       Vx,Hx,Wx w avx2
v0f3818.66.m.w0 vbroadcastss Vps,Md w avx
v0f3818.66.r.w0 vbroadcastss Vps,Uss w avx2
v0f3819.66.m.l1.w0 vbroadcastsd Vpd,Mq w avx
v0f3819.66.r.l1.w0 vbroadcastsd Vpd,Usd w avx2
v0f381a.66.m.l1.w0 vbroadcastf128 Vx,Mdq w avx
v0f385a.66.m.l1.w0 vbroadcasti128 Vx,Mdq w avx2
v0f3858.66.w0  vpbroadcastd Vx,Wd w avx2
v0f3859.66.w0  vpbroadcastq Vx,Wq w avx2
v0f3878.66.w0  vpbroadcastb Vx,Wb w avx2
v0f3879.66.w0  vpbroadcastw Vx,Ww w avx2
v0f382c.66.m.w0 vmaskmovps   Vx,Hx,Mx w avx
v0f382d.66.m.w0 vmaskmovpd   Vx,Hx,Mx w avx
v0f382e.66.m.w0 vmaskmovps   Mx,Hx,Vx w avx
v0f382f.66.m.w0 vmaskmovpd   Mx,Hx,Vx w avx
v0f388c.66.m.w0 vpmaskmovd   Vx,Hx,Mx w avx2
v0f388e.66.m.w0 vpmaskmovd   Mx,Hx,Vx w avx2
v0f3845.66.w0  vpsrlvd      Vx,Hx,Wx w avx2
v0f3847.66.w0  vpsllvd      Vx,Hx,Wx w avx2
v0f388c.66.m.w1 vpmaskmovq   Vx,Hx,Mx w avx2
v0f388e.66.m.w1 vpmaskmovq   Mx,Hx,Vx w avx2
v0f3845.66.w1  vpsrlvq      Vx,Hx,Wx w avx2
v0f3847.66.w1  vpsllvq      Vx,Hx,Wx w avx2
v0f3846.66.w0  vpsravd      Vx,Hx,Wx w avx2
v0f3890.66.m.w0 vpgatherdd   Vx,Mx,Hx mrm vsib avx2
v0f3890.66.m.w1 vpgatherdq   Vx,Mx,Hx mrm vsib avx2
v0f3891.66.m.w0 vpgatherqd   Vx,Mx,Hx mrm vsib avx2
v0f3891.66.m.w1 vpgatherqq   Vx,Mx,Hx mrm vsib avx2
v0f3892.66.m.w0 vgatherdps   Vx,Mx,Hx mrm vsib avx2
v0f3892.66.m.w1 vgatherdpd   Vx,Mx,Hx mrm vsib avx2
v0f3893.66.m.w0 vgatherqps   Vx,Mx,Hx mrm vsib avx2
v0f3893.66.m.w1 vgatherqpd   Vx,Mx,Hx mrm vsib avx2

# VEX 0F 38: fused multiply-add.
v0f3896.66.w0  vfmaddsub132ps Vps,Hps,Wps m fma
v0f3896.66.w1  vfmaddsub132pd Vpd,Hpd,Wpd m fma
v0f3897.66.w0  vfmsubadd132ps Vps,Hps,Wps m fma
v0f3897.66.w1  vfmsubadd132pd Vpd,Hpd,Wpd m fma
v0f3898.66.w0  vfmadd132ps  Vps,Hps,Wps m fma
v0f3898.66.w1  vfmadd132pd  Vpd,Hpd,Wpd m fma
v0f3899.66.w0  vfmadd132ss  Vss,Hss,Wss m fma
v0f3899.66.w1  vfmadd132sd  Vsd,Hsd,Wsd m fma
v0f389a.66.w0  vfmsub132ps  Vps,Hps,Wps m fma
v0f389a.66.w1  vfmsub132pd  Vpd,Hpd,Wpd m fma
v0f389b.66.w0  vfmsub132ss  Vss,Hss,Wss m fma
v0f389b.66.w1  vfmsub132sd  Vsd,Hsd,Wsd m fma
v0f389c.66.w0  vfnmadd132ps Vps,Hps,Wps m fma
v0f389c.66.w1  vfnmadd132pd Vpd,Hpd,Wpd m fma
v0f389d.66.w0  vfnmadd132ss Vss,Hss,Wss m fma
v0f389d.66.w1  vfnmadd132sd Vsd,Hsd,Wsd m fma
v0f389e.66.w0  vfnmsub132ps Vps,Hps,Wps m fma
v0f389e.66.w1  vfnmsub132pd Vpd,Hpd,Wpd m fma
v0f389f.66.w0  vfnmsub132ss Vss,Hss,Wss m fma
v0f389f.66.w1  vfnmsub132sd Vsd,Hsd,Wsd m fma
v0f38a6.66.w0  vfmaddsub213ps Vps,Hps,Wps m fma
v0f38a6.66.w1  vfmaddsub213pd Vpd,Hpd,Wpd m fma
v0f38a7.66.w0  vfmsubadd213ps Vps,Hps,Wps m fma
v0f38a7.66.w1  vfmsubadd213pd Vpd,Hpd,Wpd m fma
v0f38a8.66.w0  vfmadd213ps  Vps,Hps,Wps m fma
v0f38a8.66.w1  vfmadd213pd  Vpd,Hpd,Wpd m fma
v0f38a9.66.w0  vfmadd213ss  Vss,Hss,Wss m fma
v0f38a9.66.w1  vfmadd213sd  Vsd,Hsd,Wsd m fma
v0f38aa.66.w0  vfmsub213ps  Vps,Hps,Wps m fma
v0f38aa.66.w1  vfmsub213pd  Vpd,Hpd,Wpd m fma
v0f38ab.66.w0  vfmsub213ss  Vss,Hss,Wss m fma
v0f38ab.66.w1  vfmsub213sd  Vsd,Hsd,Wsd m fma
v0f38ac.66.w0  vfnmadd213ps Vps,Hps,Wps m fma
v0f38ac.66.w1  vfnmadd213pd Vpd,Hpd,Wpd m fma
v0f38ad.66.w0  vfnmadd213ss Vss,Hss,Wss m fma
v0f38ad.66.w1  vfnmadd213sd Vsd,Hsd,Wsd m fma
v0f38ae.66.w0  vfnmsub213ps Vps,Hps,Wps m fma
v0f38ae.66.w1  vfnmsub213pd Vpd,Hpd,Wpd m fma
v0f38af.66.w0  vfnmsub213ss Vss,Hss,Wss m fma
v0f38af.66.w1  vfnmsub213sd Vsd,Hsd,Wsd m fma
v0f38b6.66.w0  vfmaddsub231ps Vps,Hps,Wps m fma
v0f38b6.66.w1  vfmaddsub231pd Vpd,Hpd,Wpd m fma
v0f38b7.66.w0  vfmsubadd231ps Vps,Hps,Wps m fma
v0f38b7.66.w1  vfmsubadd231pd Vpd,Hpd,Wpd m fma
v0f38b8.66.w0  vfmadd231ps  Vps,Hps,Wps m fma
v0f38b8.66.w1  vfmadd231pd  Vpd,Hpd,Wpd m fma
v0f38b9.66.w0  vfmadd231ss  Vss,Hss,Wss m fma
v0f38b9.66.w1  vfmadd231sd  Vsd,Hsd,Wsd m fma
v0f38ba.66.w0  vfmsub231ps  Vps,Hps,Wps m fma
v0f38ba.66.w1  vfmsub231pd  Vpd,Hpd,Wpd m fma
v0f38bb.66.w0  vfmsub231ss  Vss,Hss,Wss m fma
v0f38bb.66.w1  vfmsub231sd  Vsd,Hsd,Wsd m fma
v0f38bc.66.w0  vfnmadd231ps Vps,Hps,Wps m fma
v0f38bc.66.w1  vfnmadd231pd Vpd,Hpd,Wpd m fma
v0f38bd.66.w0  vfnmadd231ss Vss,Hss,Wss m fma
v0f38bd.66.w1  vfnmadd231sd Vsd,Hsd,Wsd m fma
v0f38be.66.w0  vfnmsub231ps Vps,Hps,Wps m fma
v0f38be.66.w1  vfnmsub231pd Vpd,Hpd,Wpd m fma
v0f38bf.66.w0  vfnmsub231ss Vss,Hss,Wss m fma
v0f38bf.66.w1  vfnmsub231sd Vsd,Hsd,Wsd m fma

# VEX 0F 3A.
v0f3a00.66.l1.w1 vpermq       Vx,Wx,Ib w avx2
v0f3a01.66.l1.w1 vpermpd      Vpd,Wpd,Ib w avx2
v0f3a02.66.w0  vpblendd     Vx,Hx,Wx,Ib w avx2
v0f3a04.66.w0  vpermilps    Vps,Wps,Ib w avx
v0f3a05.66.w0  vpermilpd    Vpd,Wpd,Ib w avx
v0f3a06.66.l1.w0 vperm2f128   Vx,Hx,Wx,Ib w avx
v0f3a46.66.l1.w0 vperm2i128   Vx,Hx,Wx,Ib w avx2
v0f3a08.66     vroundps     Vps,Wps,Ib w avx
v0f3a09.66     vroundpd     Vpd,Wpd,Ib w avx
v0f3a0a.66     vroundss     Vss,Hss,Wss,Ib w avx
v0f3a0b.66     vroundsd     Vsd,Hsd,Wsd,Ib w avx
v0f3a0c.66     vblendps     Vps,Hps,Wps,Ib w avx
v0f3a0d.66     vblendpd     Vpd,Hpd,Wpd,Ib w avx
v0f3a0e.66     vpblendw     Vx,Hx,Wx,Ib w avx|avx2
v0f3a0f.66     vpalignr     Vx,Hx,Wx,Ib w avx|avx2
v0f3a14.66.m.l0 vpextrb      Mb,Vdq,Ib w avx
v0f3a14.66.r.l0 vpextrb      Rd,Vdq,Ib w avx
v0f3a15.66.m.l0 vpextrw      Mw,Vdq,Ib w avx
v0f3a15.66.r.l0 vpextrw      Rd,Vdq,Ib w avx
v0f3a16.66.l0  vpextrd      Ey,Vdq,Ib w avx
v0f3a17.66.l0  vextractps   Ed,Vdq,Ib w avx
v0f3a18.66.l1.w0 vinsertf128  Vx,Hx,Wdq,Ib w avx
v0f3a19.66.l1.w0 vextractf128 Wdq,Vx,Ib w avx
v0f3a38.66.l1.w0 vinserti128  Vx,Hx,Wdq,Ib w avx2
v0f3a39.66.l1.w0 vextracti128 Wdq,Vx,Ib w avx2
v0f3a1d.66.w0  vcvtps2ph    Wx,Vps,Ib w f16c
v0f3a20.66.m.l0 vpinsrb      Vdq,Hdq,Mb,Ib w avx
v0f3a20.66.r.l0 vpinsrb      Vdq,Hdq,Rd,Ib w avx
v0f3a21.66.l0  vinsertps    Vdq,Hdq,Wd,Ib w avx
v0f3a22.66.l0  vpinsrd      Vdq,Hdq,Ey,Ib w avx
v0f3a40.66     vdpps        Vps,Hps,Wps,Ib w avx
v0f3a41.66.l0  vdppd        Vpd,Hpd,Wpd,Ib w avx
v0f3a42.66     vmpsadbw     Vx,Hx,Wx,Ib w avx|avx2
v0f3a4a.66.w0  vblendvps    Vps,Hps,Wps,Lps w avx
v0f3a4b.66.w0  vblendvpd    Vpd,Hpd,Wpd,Lpd w avx
v0f3a4c.66.w0  vpblendvb    Vx,Hx,Wx,Lx w avx|avx2
v0f3a60.66.l0  vpcmpestrm   Vdq,Wdq,Ib r in:rax,rdx =oszapc avx
v0f3a61.66.l0  vpcmpestri   Vdq,Wdq,Ib r in:rax,rdx out:rcx =oszapc avx
v0f3a62.66.l0  vpcmpistrm   Vdq,Wdq,Ib r =oszapc avx
v0f3a63.66.l0  vpcmpistri   Vdq,Wdq,Ib r out:rcx =oszapc avx
v0f3adf.66.l0  vaeskeygenassist Vdq,Wdq,Ib w aes
v0f3a44.66.l0  vpclmulqdq   Vdq,Hdq,Wdq,Ib w pclmulqdq
`;
