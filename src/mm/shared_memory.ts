/** Memory without a file that several spaces see: MAP_SHARED | MAP_ANONYMOUS, System V segments. */
import { native } from '../host/native.js';
import { E } from '../abi/errno.js';
import type { MemoryAccount } from './limits.js';
import type { MappedFile } from './mapped_file.js';

let serial = 1;

/** Held by a host memfd that lives as long as anything maps it. */
export class SharedMemory implements MappedFile {
  readonly path: string = '/dev/zero (deleted)';
  readonly dev = 1;
  readonly ino = serial++;
  readonly mayWrite = true;
  readonly noExec = false;
  private references = 1;

  private constructor(
    private readonly fd: number, private readonly length: number, private readonly account: MemoryAccount,
  ) {}

  /**
   * `length` zero bytes, charged to `account` until the last reference goes. The caller has the first reference.
   * @returns the memory, or -errno
   */
  static create(length: number, account: MemoryAccount): SharedMemory | number {
    if (!account.take(length)) return -E.NOMEM;
    const fd = native.memfdCreate('posixx-shared');
    const error = fd < 0 ? fd : native.ftruncate(fd, length);
    if (error < 0) {
      if (fd >= 0) native.close(fd);
      account.give(length);
      return error;
    }
    return new SharedMemory(fd, length, account);
  }

  get identity(): unknown {
    return this;
  }

  version(): string {
    return '';
  }

  sync(): number {
    return 0;
  }
  mapFd(_writable: boolean): number {
    return this.fd;
  }

  size(): number {
    return this.length;
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    if (--this.references > 0) return;
    native.close(this.fd);
    this.account.give(this.length);
  }
}
