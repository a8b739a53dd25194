/**
 * Job control: which session a terminal controls, and which group is in its foreground (credentials(7), tty_ioctl(4)).
 */
import { E } from '../../abi/errno.js';
import { SI, SIG } from '../../abi/signal.js';
import { TTY_IOCTL } from '../../abi/tty.js';
import { OpenFile, type UserMemory } from '../../vfs/open_file.js';
import type { Location } from '../../vfs/mount.js';
import type { Kernel } from '../kernel.js';
import { SigInfo } from '../pending_signals.js';
import type { ProcessGroup, Session } from '../process.js';
import { blocks, orphaned, sendToGroup } from '../signals.js';

export const CAP_SYS_ADMIN = 21;

const N_TTY = 0;

/** TIOCGETD and TIOCSETD: there is one line discipline. */
export function lineDisciplineNumber(request: number, arg: number, memory: UserMemory): number {
  const { view } = memory.window;
  if (request === TTY_IOCTL.TIOCSETD) {
    if (!memory.readable(arg, 4)) return -E.FAULT;
    return view.getInt32(arg, true) === N_TTY ? 0 : -E.INVAL;
  }
  if (!memory.writable(arg, 4)) return -E.FAULT;
  view.setInt32(arg, N_TTY, true);
  return 0;
}

/** What all kinds of terminals have. */
export abstract class Terminal {
  /** The session that it controls, and the group that may read and gets its signals. */
  session: Session | null = null;
  foreground: ProcessGroup | null = null;
  /** TIOCEXCL: only the superuser may open it again. */
  exclusive = false;

  constructor(readonly kernel: Kernel) {}

  /** The device number, as Stat has it. */
  abstract get rdev(): number;

  /** Another description of this terminal, for /dev/tty. */
  abstract open(flags: number, location: Location): OpenFile | number;

  /** Makes it the controlling terminal of a session whose leader asks. */
  control(session: Session, foreground: ProcessGroup): void {
    this.session = session;
    this.foreground = foreground;
    session.terminal = this;
  }

  /** The session loses it; who was in the foreground is told. */
  disassociate(): void {
    const { session, foreground } = this;
    if (session) session.terminal = null;
    this.session = null;
    this.foreground = null;
    if (!foreground) return;
    sendToGroup(foreground, new SigInfo(SIG.HUP, SI.KERNEL));
    sendToGroup(foreground, new SigInfo(SIG.CONT, SI.KERNEL));
  }

  /** vhangup(2). 0, or -EPERM: the terminal that posixx was started on is its caller's. */
  hangUpSlaves(): number {
    return -E.PERM;
  }

  signalForeground(signal: number): void {
    if (this.foreground) sendToGroup(this.foreground, new SigInfo(signal, SI.KERNEL));
  }

  /**
   * Whether the running task may go on with what only the foreground may do. 0, or -ERESTARTSYS after SIGTTIN or
   * SIGTTOU went to its group, or -EIO when that signal would do nothing.
   */
  checkForeground(signal: number): number {
    const task = this.kernel.current;
    if (!task || this.session === null || task.process.session !== this.session) return 0;
    const { group } = task.process;
    if (this.foreground === null || group === this.foreground) return 0;
    if (blocks(task, signal) || task.process.actions.get(signal).handler === 1) return signal === SIG.TTIN ? -E.IO : 0;
    if (orphaned(group)) return -E.IO;
    sendToGroup(group, new SigInfo(signal, SI.KERNEL));
    return -E.RESTARTSYS;
  }

  /** The ioctls of job control; undefined for others. */
  jobControl(request: number, arg: number, memory: UserMemory): number | undefined {
    const task = this.kernel.current;
    if (!task) return -E.NOTTY;
    const { process } = task;
    const put = (value: number): number => {
      if (!memory.writable(arg, 4)) return -E.FAULT;
      memory.window.view.setInt32(arg, value, true);
      return 0;
    };
    switch (request) {
      case TTY_IOCTL.TIOCSCTTY:
        if (process.session.sid === process.pid && this.session === process.session) return 0;
        if (process.session.sid !== process.pid || process.session.terminal) return -E.PERM;
        if (this.session) {
          if (arg !== 1 || !task.cred.has(CAP_SYS_ADMIN)) return -E.PERM;
          this.session.terminal = null;
        }
        this.control(process.session, process.group);
        return 0;
      case TTY_IOCTL.TIOCNOTTY:
        if (process.session.terminal !== this) return -E.NOTTY;
        if (process.session.sid === process.pid) this.disassociate();
        return 0;
      case TTY_IOCTL.TIOCGPGRP:
        if (process.session.terminal !== this) return -E.NOTTY;
        return put(this.foreground?.pgid ?? 0);
      case TTY_IOCTL.TIOCGSID:
        if (process.session.terminal !== this) return -E.NOTTY;
        return put(process.session.sid);
      case TTY_IOCTL.TIOCSPGRP: {
        if (process.session.terminal !== this) return -E.NOTTY;
        const background = this.checkForeground(SIG.TTOU);
        if (background < 0) return background;
        if (!memory.readable(arg, 4)) return -E.FAULT;
        const pgid = memory.window.view.getInt32(arg, true);
        if (pgid < 0) return -E.INVAL;
        const group = this.kernel.findGroup(pgid);
        if (!group) return -E.SRCH;
        if (group.session !== process.session) return -E.PERM;
        this.foreground = group;
        return 0;
      }
      case TTY_IOCTL.TIOCEXCL:
      case TTY_IOCTL.TIOCNXCL:
        this.exclusive = request === TTY_IOCTL.TIOCEXCL;
        return 0;
      case TTY_IOCTL.TIOCGEXCL:
        return put(Number(this.exclusive));
      case TTY_IOCTL.TIOCGETD:
      case TTY_IOCTL.TIOCSETD:
        return lineDisciplineNumber(request, arg, memory);
      default:
        return undefined;
    }
  }
}
