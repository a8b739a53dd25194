/** Maps the vdso (vdso(7)): a small shared object that tells the time without a system call. */
import { MAP, PROT } from '../abi/mman.js';
import { native } from '../host/native.js';
import type { AddressSpace } from '../mm/address_space.js';
import { PAGE } from '../mm/layout.js';
import type { MappedFile } from '../mm/mapped_file.js';
import { VDSO_BASE64, VDSO_SIZE } from './vdso_image.js';

/** The one copy of the vdso, in a host memfd, that all spaces map. */
class VdsoFile implements MappedFile {
  readonly identity = this;
  readonly path = '[vdso]';
  readonly dev = 0;
  readonly ino = 0;
  readonly mayWrite = false;
  readonly noExec = false;

  private constructor(private readonly fd: number) {}

  /** -errno when the host has no descriptor for it. */
  static create(): VdsoFile | number {
    const fd = native.memfdCreate('posixx-vdso');
    if (fd < 0) return fd;
    const written = native.pwrite(fd, Buffer.from(VDSO_BASE64, 'base64'), 0, VDSO_SIZE, 0);
    return written < 0 ? written : new VdsoFile(fd);
  }

  version(): string {
    return '[vdso]';
  }
  sync(): number {
    return 0;
  }
  mapFd(): number {
    return this.fd;
  }
  size(): number {
    return VDSO_SIZE;
  }
  retain(): void {}
  release(): void {}
}

let file: VdsoFile | number | undefined;

/**
 * Gives the vdso's address (AT_SYSINFO_EHDR), or -errno. Tells the space where its private instructions are allowed.
 */
export function mapVdso(space: AddressSpace): number {
  file ??= VdsoFile.create();
  if (typeof file === 'number') return file;
  const size = Math.ceil(VDSO_SIZE / PAGE) * PAGE;
  const start = space.mmap(0, size, PROT.READ | PROT.EXEC, MAP.PRIVATE, file, 0);
  if (start > 0) space.hostcalls = { start, end: start + size };
  return start;
}
