/** Names and permissions of System V IPC objects, alike for all three kinds (sysvipc(7)). */
import { E } from '../../abi/errno.js';
import { IPC, IPC_PRIVATE } from '../../abi/ipc.js';
import { native } from '../../host/native.js';
import type { Credentials } from '../credentials.js';

const CAP_IPC_OWNER = 15;
const CAP_SYS_ADMIN = 21;
/** Ids carry a sequence number, so that an old one is not a new object's. */
const SEQUENCE = 32768;

export abstract class IpcObject {
  id = 0;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Seconds since 1970. */
  ctime = seconds();
  removed = false;

  constructor(public key: number, public mode: number, cred: Credentials) {
    this.uid = this.cuid = cred.euid;
    this.gid = this.cgid = cred.egid;
    this.mode = mode & 0o777;
  }

  get seq(): number {
    return Math.floor(this.id / SEQUENCE);
  }

  /** `want`: 4 read, 2 write. */
  allows(cred: Credentials, want: number): boolean {
    let bits = this.mode;
    if (cred.euid === this.uid || cred.euid === this.cuid) bits >>= 6;
    else if (cred.inGroup(this.gid) || cred.inGroup(this.cgid)) bits >>= 3;
    return (want & ~bits) === 0 || cred.has(CAP_IPC_OWNER);
  }

  /** May change or remove it. */
  ownedBy(cred: Credentials): boolean {
    return cred.euid === this.uid || cred.euid === this.cuid || cred.has(CAP_SYS_ADMIN);
  }
}

export class IpcTable<T extends IpcObject> {
  private readonly slots: (T | undefined)[] = [];
  private sequence = 0;

  constructor(private readonly limit: number) {}

  /**
   * The *get calls: finds the object of `key`, or makes one. `fits` says -EINVAL when the found one does not suit.
   * Gives the id, or -ENOENT, -EEXIST, -EACCES, -ENOSPC.
   */
  get(key: number, flags: number, cred: Credentials, fits: (object: T) => number, make: () => T | number): number {
    const found = key === IPC_PRIVATE ? undefined : this.slots.find((object) => object?.key === key);
    if (found) {
      if ((flags & (IPC.CREAT | IPC.EXCL)) === (IPC.CREAT | IPC.EXCL)) return -E.EXIST;
      const failed = fits(found);
      if (failed < 0) return failed;
      // What the flags ask for in any of the three places of a mode.
      return found.allows(cred, ((flags >> 6) | (flags >> 3) | flags) & 7) ? found.id : -E.ACCES;
    }
    if (key !== IPC_PRIVATE && (flags & IPC.CREAT) === 0) return -E.NOENT;
    let slot = this.slots.findIndex((object) => object === undefined);
    if (slot < 0) slot = this.slots.length;
    if (slot >= this.limit) return -E.NOSPC;
    const object = make();
    if (typeof object === 'number') return object;
    object.id = this.sequence++ % 65536 * SEQUENCE + slot;
    this.slots[slot] = object;
    return object.id;
  }

  /** -EINVAL for an id that names nothing. */
  find(id: number): T | undefined {
    const object = id >= 0 ? this.slots[id % SEQUENCE] : undefined;
    return object?.id === id ? object : undefined;
  }

  /** The object in a slot: what the STAT commands of ipcs(1) ask. */
  at(slot: number): T | undefined {
    return this.slots[slot];
  }

  /** Highest slot in use, -1 for none. */
  get highest(): number {
    return this.slots.findLastIndex((object) => object !== undefined);
  }

  remove(object: T): void {
    object.removed = true;
    this.slots[object.id % SEQUENCE] = undefined;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const object of this.slots) if (object) yield object;
  }
}

const now = new Float64Array(2);

export function seconds(): number {
  native.clockGettime(0, now);
  return now[0]!;
}
