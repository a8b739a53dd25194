/** Maps the vdso (vdso(7)): a small shared object that tells the time without a system call. */
import { MAP, PROT } from '../abi/mman.js';
import type { AddressSpace } from '../mm/address_space.js';
import { PAGE } from '../mm/layout.js';
import { VDSO_BASE64, VDSO_SIZE } from './vdso_image.js';

let image: Buffer | undefined;

/** Gives the vdso's address (AT_SYSINFO_EHDR), or -errno. Tells the space where its private instructions are allowed. */
export function mapVdso(space: AddressSpace): number {
  image ??= Buffer.from(VDSO_BASE64, 'base64');
  const size = Math.ceil(VDSO_SIZE / PAGE) * PAGE;
  const start = space.mmap(0, size, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS, null, 0);
  if (start < 0) return start;
  space.window.u8.set(image, start);
  space.mprotect(start, size, PROT.READ | PROT.EXEC);
  space.areas.find(start)!.name = '[vdso]';
  space.hostcalls = { start, end: start + size };
  return start;
}
