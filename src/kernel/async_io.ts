/** Signals that say when a descriptor is ready: O_ASYNC, F_SETOWN, F_SETSIG (fcntl(2), "Managing signals"). */
import { createRequire } from 'node:module';
import { E } from '../abi/errno.js';
import { F_OWNER, O, POLL } from '../abi/fcntl.js';
import { SI, SIG, SIGRTMAX } from '../abi/signal.js';
import { native } from '../host/native.js';
import type { Location } from '../vfs/mount.js';
import type { OpenFile, SignalDriven } from '../vfs/open_file.js';
import { AnonymousFile } from './anonymous_file.js';
import type { Credentials } from './credentials.js';
import type { DirectoryNotice } from './dnotify.js';
import type { Kernel } from './kernel.js';
import { SigInfo } from './pending_signals.js';
import { sendToProcess, sendToTask } from './signals.js';
import type { Task } from './task.js';
import type { WaitQueue } from './wait_queue.js';
import { readiness, readyQueue } from './wait_ready.js';

const require = createRequire(import.meta.url);
type NoticeModule = typeof import('./dnotify.js');

/** si_code and si_band of what may have become true, what matters most first. */
const REASONS = [
  { events: POLL.IN, code: 1, band: POLL.IN | POLL.RDNORM },
  { events: POLL.OUT, code: 2, band: POLL.OUT | POLL.WRNORM | POLL.WRBAND },
  { events: POLL.ERR, code: 4, band: POLL.ERR },
  { events: POLL.HUP, code: 6, band: POLL.HUP | POLL.ERR },
] as const;
const EVENTS = POLL.IN | POLL.OUT | POLL.ERR | POLL.HUP;
/** The host tells of what is ready again and again: nanoseconds after which a ready file is looked at once more. */
const LOOK_AGAIN = 20e6;

/** Whether a file can send signals: pipes, terminals, sockets, inotify. */
export function canSignal(file: OpenFile): boolean {
  return file.pollable && !(file instanceof AnonymousFile);
}

/** Who is told of an open file description's events, and how. */
export class AsyncOwner implements SignalDriven {
  type: number = F_OWNER.PID;
  /** Thread, process or process group; 0: nobody. */
  id = 0;
  /** F_SETSIG: 0 is SIGIO without details. */
  signal = 0;
  private fd = -1;
  /** Where it watches; null while O_ASYNC is off. */
  private queue: WaitQueue | null = null;
  private cred: Credentials | null = null;
  /** F_NOTIFY of a directory. */
  private notice: DirectoryNotice | null = null;

  constructor(private readonly kernel: Kernel, private readonly file: OpenFile) {}

  setOwner(task: Task, type: number, id: number): number {
    if (id !== 0 && !this.exists(type, id)) return -E.SRCH;
    this.type = type;
    this.id = id;
    this.cred = task.cred.copy();
    return 0;
  }

  /** The owner, as long as there is one. */
  get owner(): number {
    return this.id !== 0 && this.exists(this.type, this.id) ? this.id : 0;
  }

  private exists(type: number, id: number): boolean {
    if (type === F_OWNER.TID) return this.kernel.tasks.has(id);
    if (type === F_OWNER.PID) return this.kernel.processes.has(id);
    for (const process of this.kernel.processes.values()) if (process.group.pgid === id) return true;
    return false;
  }

  /** O_ASYNC is set or cleared through descriptor `fd`, which signals will name. */
  enable(task: Task, fd: number, on: boolean): void {
    this.file.flags = on ? this.file.flags | O.ASYNC : this.file.flags & ~O.ASYNC;
    this.fd = fd;
    if (on === (this.queue !== null)) return;
    if (on) this.watch(task);
    else this.closed();
  }

  private watch(task: Task): void {
    this.queue = readyQueue(task, this.file);
    this.queue.watch(this, EVENTS);
  }

  /** The description is gone, or O_ASYNC is off. */
  closed(): void {
    this.queue?.remove(this);
    this.queue = null;
    this.endNotice();
  }

  /** A descriptor of the description was closed. */
  descriptorClosed(): void {
    this.endNotice();
  }

  /** F_NOTIFY: signals for what happens in `directory`, to the caller unless another owner is set. `mask`: DN bits. */
  askNotice(task: Task, fd: number, directory: Location, mask: number): void {
    if (this.id === 0) this.setOwner(task, F_OWNER.PID, task.process.pid);
    this.notice ??= new (require('./dnotify.js') as NoticeModule).DirectoryNotice(directory, this);
    this.notice.ask(mask, fd);
  }
  endNotice(): void {
    this.notice?.end();
    this.notice = null;
  }

  urgent(): void {
    this.send(new SigInfo(SIG.URG, SI.KERNEL));
  }

  notify(events: number): boolean {
    const ready = readiness(this.file, EVENTS) & events;
    const reason = REASONS.find((each) => (each.events & ready) !== 0);
    if (!reason) return false;
    if (this.file.pollFd() >= 0) this.pause();
    if (this.signal === 0) {
      this.send(new SigInfo(SIG.IO, SI.KERNEL));
      return true;
    }
    const info = new SigInfo(this.signal, reason.code);
    info.band = reason.band;
    info.fd = this.fd;
    this.send(info);
    return true;
  }

  /** Watches a descriptor of the host again only when it was seen not to be ready. */
  private pause(): void {
    const queue = this.queue!;
    queue.remove(this);
    const look = (): void => {
      if (this.queue !== queue) return;
      if (readiness(this.file, EVENTS & ~POLL.OUT) === 0) queue.watch(this, EVENTS & ~POLL.OUT);
      else this.kernel.timers.add(native.monotonicNow() + LOOK_AGAIN, look, this);
    };
    this.kernel.timers.add(native.monotonicNow() + LOOK_AGAIN, look, this);
  }

  send(info: SigInfo): void {
    const { type, id, kernel } = this;
    if (id === 0) return;
    if (type === F_OWNER.TID) {
      const task = kernel.taskOf(id);
      if (task && this.may(task.cred)) sendToTask(task, info);
      return;
    }
    for (const process of type === F_OWNER.PID ? [kernel.processes.get(id)] : [...kernel.processes.values()]) {
      if (!process || process.tasks.length === 0 || (type === F_OWNER.PGRP && process.group.pgid !== id)) continue;
      if (this.may(process.leader.cred)) sendToProcess(process, copyOf(info));
    }
  }

  /** The rule of kill(2), with the ids of who set the owner. */
  private may(target: Credentials): boolean {
    const { uid, euid } = this.cred!;
    return euid === 0 || euid === target.suid || euid === target.uid || uid === target.suid || uid === target.uid;
  }
}

function copyOf(info: SigInfo): SigInfo {
  return Object.assign(new SigInfo(info.signal, info.code), info);
}

/** The description's owner, made when first asked for. */
export function asyncOwner(task: Task, file: OpenFile): AsyncOwner {
  return (file.signalDriven ??= new AsyncOwner(task.kernel, file)) as AsyncOwner;
}

/** F_SETSIG. */
export function setAsyncSignal(task: Task, file: OpenFile, signal: number): number {
  if (signal < 0 || signal > SIGRTMAX) return -E.INVAL;
  asyncOwner(task, file).signal = signal;
  return 0;
}

/** F_SETOWN, SIOCSPGRP: a process, or with a negative number a group. */
export function setAsyncOwner(task: Task, file: OpenFile, who: number): number {
  const id = who | 0;
  if (id === -0x8000_0000) return -E.INVAL;
  return asyncOwner(task, file).setOwner(task, id < 0 ? F_OWNER.PGRP : F_OWNER.PID, Math.abs(id));
}

/** F_GETOWN, SIOCGPGRP. */
export function getAsyncOwner(file: OpenFile): number {
  const owner = file.signalDriven as AsyncOwner | null;
  if (!owner) return 0;
  return owner.type === F_OWNER.PGRP ? -owner.owner : owner.owner;
}
