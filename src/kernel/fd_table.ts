/** The descriptor table of a process: numbers to open file descriptions. */
import { E } from '../abi/errno.js';
import type { OpenFile } from '../vfs/open_file.js';

/** Each entry holds one reference (OpenFile.ref/unref) on its description. */
export class FdTable {
  private readonly files: (OpenFile | undefined)[] = [];
  private readonly cloexec: boolean[] = [];
  /** No descriptor below it is free. */
  private firstFree = 0;
  /** Tasks that use the table (CLONE_FILES). */
  users = 1;

  /** `limit` is RLIMIT_NOFILE: descriptors are below it. */
  constructor(public limit: number) {}

  get(fd: number): OpenFile | undefined {
    return this.files[fd];
  }

  /**
   * Gives the lowest free descriptor >= `min` to `file`, whose reference passes to the table.
   * -EMFILE when there is none below the limit (the reference stays with the caller).
   */
  install(file: OpenFile, cloexec = false, min = 0): number {
    const files = this.files;
    let fd = min > this.firstFree ? min : this.firstFree;
    while (files[fd] !== undefined) fd++;
    if (fd >= this.limit) return -E.MFILE;
    while (files.length < fd) this.push(undefined);
    files[fd] = file;
    this.cloexec[fd] = cloexec;
    if (min <= this.firstFree) this.firstFree = fd + 1;
    return fd;
  }

  /** Puts `file` (its reference passes to the table) at `fd`, closing what was there. -EBADF beyond the limit. */
  installAt(fd: number, file: OpenFile, cloexec: boolean): number {
    if (fd < 0 || fd >= this.limit) return -E.BADF;
    const old = this.files[fd];
    while (this.files.length < fd) this.push(undefined);
    this.files[fd] = file;
    this.cloexec[fd] = cloexec;
    if (old) old.unref();
    return fd;
  }

  /** Frees `fd`. Gives what the last close gives, or -EBADF. */
  close(fd: number): number {
    const file = this.files[fd];
    if (!file) return -E.BADF;
    this.files[fd] = undefined;
    if (fd < this.firstFree) this.firstFree = fd;
    return file.unref();
  }

  getCloexec(fd: number): boolean {
    return this.cloexec[fd] === true;
  }

  setCloexec(fd: number, on: boolean): void {
    this.cloexec[fd] = on;
  }

  /** One more than the highest descriptor that is or was open. */
  get end(): number {
    return this.files.length;
  }

  /** A copy whose entries share the open file descriptions (fork). */
  copy(): FdTable {
    const table = new FdTable(this.limit);
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file) file.ref();
      table.push(file);
      table.cloexec[fd] = this.cloexec[fd]!;
    }
    table.firstFree = this.firstFree;
    return table;
  }

  /** execve: closes what has the close-on-exec flag. */
  closeOnExec(): void {
    for (let fd = 0; fd < this.files.length; fd++) {
      if (this.files[fd] && this.cloexec[fd]) this.close(fd);
    }
  }

  /** One task less uses the table; the last one closes everything. */
  leave(): void {
    if (--this.users > 0) return;
    for (let fd = 0; fd < this.files.length; fd++) {
      if (this.files[fd]) this.close(fd);
    }
  }

  private push(file: OpenFile | undefined): void {
    this.files.push(file);
    this.cloexec.push(false);
  }
}
