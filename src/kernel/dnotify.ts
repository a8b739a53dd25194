/** Signals that tell what happens in a directory: fcntl(2) F_NOTIFY. The events are those of inotify(7). */
import { IN } from '../abi/file.js';
import { POLL } from '../abi/fcntl.js';
import { SI, SIG } from '../abi/signal.js';
import type { FileSystem, Inode } from '../vfs/inode.js';
import type { Location } from '../vfs/mount.js';
import { addWatch, removeWatch, type Watch } from '../vfs/notify.js';
import type { AsyncOwner } from './async_io.js';
import { SigInfo } from './pending_signals.js';

/** DN_* of fcntl(2). */
export const DN = {
  ACCESS: 1, MODIFY: 2, CREATE: 4, DELETE: 8, RENAME: 16, ATTRIB: 32, MULTISHOT: 0x8000_0000,
} as const;
/** si_code of what they send. */
const POLL_MSG = 3;

const KINDS: readonly (readonly [number, number])[] = [
  [IN.ACCESS, DN.ACCESS], [IN.MODIFY, DN.MODIFY], [IN.ATTRIB, DN.ATTRIB],
  [IN.CREATE | IN.MOVED_TO, DN.CREATE], [IN.DELETE | IN.MOVED_FROM, DN.DELETE],
];

/** What one open directory asked to be told. */
export class DirectoryNotice implements Watch {
  /** DN bits. */
  private mask = 0;
  /** The descriptor that signals name. */
  private fd = -1;
  private leaving = 0;
  private ended = false;

  readonly inode: Inode;
  readonly fs: FileSystem;

  constructor(place: Location, private readonly owner: AsyncOwner) {
    this.inode = place.inode;
    this.fs = place.mount.fs;
    addWatch(this);
  }

  /** One more F_NOTIFY of the same description: what is asked for adds up. */
  ask(mask: number, fd: number): void {
    this.mask |= mask;
    this.fd = fd;
  }

  event(mask: number, name: string, cookie: number): void {
    if (this.ended) return;
    for (const [event, kind] of KINDS) if (mask & event) this.tell(kind);
    // Both halves of a rename in this directory.
    if (mask & IN.MOVED_TO && cookie === this.leaving) this.tell(DN.RENAME);
    if (mask & IN.MOVED_FROM) this.leaving = cookie;
    if (mask & IN.UNMOUNT || (mask & IN.DELETE_SELF && name === '')) this.owner.endNotice();
  }
  /** There is no signal for lost events. */
  overflow(): void {}

  private tell(kind: number): void {
    if (!(this.mask & kind)) return;
    if (!(this.mask & DN.MULTISHOT)) this.mask &= ~kind;
    const { owner } = this;
    if (owner.signal === 0) {
      owner.send(new SigInfo(SIG.IO, SI.KERNEL));
    } else {
      const info = new SigInfo(owner.signal, POLL_MSG);
      info.band = POLL.IN | POLL.RDNORM | POLL.MSG;
      info.fd = this.fd;
      owner.send(info);
    }
    if ((this.mask & ~DN.MULTISHOT) === 0) owner.endNotice();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    removeWatch(this);
  }
}
