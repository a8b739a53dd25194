/** One guest address space: 4 GiB of reserved host memory, seen by TypeScript through typed arrays. */
import { native } from './native.js';

export const WINDOW_SIZE = 0x1_0000_0000;
export const PAGE_SIZE = 4096;

/** Protection bits of window pages, the host's numbers. Guest code is translated, so no window page is ever executable. */
export const enum Prot {
  None = 0,
  Read = 1,
  Write = 2,
  Exec = 4,
}

/**
 * The arrays cover the whole window; only mapped pages may be touched: ask the address space
 * (mm) first, an access to any other page ends the process.
 */
export class Window {
  readonly id: number;
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly view: DataView;

  /** @throws Error when the host has no room for the reservation. */
  constructor() {
    this.id = native.windowCreate();
    if (this.id < 0) throw new Error(`posixx: cannot reserve guest memory (errno ${-this.id})`);
    this.buffer = native.windowBuffer(this.id);
    this.u8 = new Uint8Array(this.buffer);
    this.u16 = new Uint16Array(this.buffer);
    this.u32 = new Uint32Array(this.buffer);
    this.i32 = new Int32Array(this.buffer);
    this.view = new DataView(this.buffer);
  }

  destroy(): void {
    native.windowDestroy(this.id, this.buffer);
  }
}
