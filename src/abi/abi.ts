/** The two ABIs that a task can have: which numbers, which struct layouts. */
export const enum Abi {
  /** x86-64: LP64. */
  X64 = 0,
  /** i386: ILP32, 64-bit values aligned to 4 in structs and in register pairs in calls. */
  I386 = 1,
}
