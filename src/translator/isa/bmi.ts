/** BMI1 and BMI2: VEX-encoded instructions on general registers. */
export const BMI = `
v0f38f2.np.l0  andn         Gy,By,Ey w =oszc ?ap bmi1
v0f38f3/1.np.l0 blsr         By,Ey w =oszc ?ap bmi1
v0f38f3/2.np.l0 blsmsk       By,Ey w =oszc ?ap bmi1
v0f38f3/3.np.l0 blsi         By,Ey w =oszc ?ap bmi1
v0f38f7.np.l0  bextr        Gy,Ey,By w =ozc ?sap bmi1
v0f38f5.np.l0  bzhi         Gy,Ey,By w =oszc ?ap bmi2
v0f38f5.f3.l0  pext         Gy,By,Ey w bmi2
v0f38f5.f2.l0  pdep         Gy,By,Ey w bmi2
v0f38f6.f2.l0  mulx         Gy,By,Ey ww in:rdx bmi2
v0f38f7.66.l0  shlx         Gy,Ey,By w bmi2
v0f38f7.f3.l0  sarx         Gy,Ey,By w bmi2
v0f38f7.f2.l0  shrx         Gy,Ey,By w bmi2
v0f3af0.f2.l0  rorx         Gy,Ey,Ib w bmi2
`;
