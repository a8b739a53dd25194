/** /proc/PID/mem: the memory of a process as a file, its addresses the positions (proc(5)). */
import { E } from '../../abi/errno.js';
import { PROT } from '../../abi/mman.js';
import { S } from '../../abi/fcntl.js';
import type { AddressSpace } from '../../mm/address_space.js';
import { VmFlag } from '../../mm/vma.js';
import type { FileSystem } from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import { OpenFile, SEEK } from '../../vfs/open_file.js';
import { TaskState, type Task } from '../task.js';
import { mayTrace } from '../trace_access.js';
import { ProcInode, type Owner } from './nodes.js';

const PAGE = 4096;

export class MemNode extends ProcInode {
  constructor(fs: FileSystem, private readonly task: Task, owner: Owner) {
    super(fs, S.IFREG | 0o600, owner);
  }

  override open(flags: number, location: Location): OpenFile | number {
    const { task } = this;
    if (task.state === TaskState.Zombie) return -E.ACCES;
    const opener = task.kernel.current;
    return opener && mayTrace(opener, task) ? new MemFile(flags, location, task) : -E.ACCES;
  }
}

class MemFile extends OpenFile {
  private position = 0;
  /** The space of when it was opened: behind an execve the file is empty. */
  private readonly mm: AddressSpace;

  constructor(flags: number, location: Location, private readonly task: Task) {
    super(flags, location);
    this.mm = task.mm;
  }

  private get gone(): boolean {
    return this.task.state === TaskState.Zombie || this.task.mm !== this.mm;
  }

  override get seekable(): boolean {
    return true;
  }
  override seek(offset: number, whence: number): number {
    if (whence !== SEEK.SET && whence !== SEEK.CUR) return -E.INVAL;
    this.position = whence === SEEK.SET ? offset : this.position + offset;
    return this.position;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const count = this.pread(u8, start, length, this.position);
    if (count > 0) this.position += count;
    return count;
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    const count = this.pwrite(u8, start, length, this.position);
    if (count > 0) this.position += count;
    return count;
  }

  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    if (this.gone || length === 0) return 0;
    const { mm } = this;
    return this.pieces(length, position, PROT.READ, (at, rest, done) => {
      const count = Math.min(rest, mm.readableBytes(at));
      if (count > 0) u8.set(mm.window.u8.subarray(at, at + count), start + done);
      return count;
    });
  }
  override pwrite(u8: Uint8Array, start: number, length: number, position: number): number {
    if (this.gone || length === 0) return 0;
    const { mm } = this;
    return this.pieces(length, position, PROT.READ | PROT.WRITE, (at, rest, done) => {
      const count = mm.writableBytes(at, rest);
      if (count > 0) mm.window.u8.set(u8.subarray(start + done, start + done + count), at);
      return count;
    });
  }

  /** Moves bytes run by run; -EIO when the first cannot be touched. */
  private pieces(
    length: number, position: number, needed: number, move: (at: number, rest: number, done: number) => number,
  ): number {
    let done = 0;
    while (done < length) {
      const at = position + done;
      const rest = length - done;
      const count = move(at, rest, done) || this.forced(at, rest, needed, (part) => move(at, part, done));
      if (count <= 0) break;
      done += count;
    }
    return done > 0 ? done : -E.IO;
  }

  /** As a debugger's access: private pages can be read and written whatever their protection. Up to the page's end. */
  private forced(at: number, length: number, needed: number, move: (rest: number) => number): number {
    const { mm } = this;
    const area = mm.areas.find(at);
    if (area === undefined || (area.flags & VmFlag.Shared) !== 0) return 0;
    const page = at - (at % PAGE);
    const { prot } = area;
    if (mm.mprotect(page, PAGE, prot | needed) < 0) return 0;
    const count = move(Math.min(length, page + PAGE - at));
    mm.mprotect(page, PAGE, prot);
    return count;
  }
}
