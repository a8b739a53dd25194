/**
 * Where things go in the 4 GiB that a guest has.
 *
 *     0x0000_0000  never mapped (mmap_min_addr is 64 KiB)
 *     0x0040_0000  programs linked at a fixed place; their heap (brk) above
 *     0x1000_0000  position-independent programs; their heap above
 *     0x4000_0000  mappings, allocated from the top down, to …
 *     0x7fff_0000  … the stack, which grows down from here
 *     0x8000_0000  large mappings, and all when the place below is full, to 0xffff_0000
 */
import { native } from '../host/native.js';

export const PAGE = 4096;
export const MIN_ADDRESS = 0x1_0000;
export const MAX_ADDRESS = 0xffff_0000;
/** MAP_32BIT and stacks stay below. */
export const LOW_END = 0x8000_0000;
export const MMAP_LOW_FLOOR = 0x4000_0000;
/** Mappings from this size on are placed in the upper half first, so that the lower half stays free for small ones. */
export const LARGE_MAPPING = 0x400_0000;

/**
 * Random offsets of one posixx process: the same for every program that it runs, so that translated code can be
 * shared.
 */
export interface Layout {
  /** Highest address of a stack (exclusive). */
  readonly stackTop: number;
  /** Bytes between the stack's limit and the highest mapping. */
  readonly mmapGap: number;
  /** Where a position-independent program is put. */
  readonly pieBase: number;
  /** Bytes between a program's end and its heap. */
  readonly brkGap: number;
}

/** @param random false: the same addresses every time (--no-aslr) */
export function chooseLayout(random: boolean): Layout {
  // The host's random numbers directly: node:crypto takes 10 ms to load. Counts are powers of two.
  const words = new Uint32Array(4);
  if (random) native.getrandom(new Uint8Array(words.buffer), 0, 16);
  let next = 0;
  const pages = (count: number): number => (words[next++]! % count) * PAGE;
  return {
    stackTop: 0x7fff_0000 - pages(4096),
    mmapGap: pages(8192),
    pieBase: 0x1000_0000 + pages(16384),
    brkGap: pages(4096),
  };
}

/** Highest address (exclusive) of ordinary mappings below a stack that may grow to `stackLimit` bytes. */
export function mmapTop(layout: Layout, stackLimit: number): number {
  const room = Math.min(Math.max(stackLimit + 0x20_0000, 0x100_0000), 0x2000_0000);
  return Math.floor((layout.stackTop - room - layout.mmapGap) / PAGE) * PAGE;
}
