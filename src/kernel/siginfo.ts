/** siginfo_t in guest memory (sigaction(2)): the union's members depend on the signal and its code. */
import { Abi } from '../abi/abi.js';
import { SI, SIG, SIGINFO_SIZE, SIGINFO_UNION } from '../abi/signal.js';
import type { AddressSpace } from '../mm/address_space.js';
import { SigInfo } from './pending_signals.js';

/** Writes the 128 bytes at `addr`, which must be writable. */
export function writeSigInfo(mm: AddressSpace, addr: number, info: SigInfo, abi: Abi): void {
  const { u8, view } = mm.window;
  u8.fill(0, addr, addr + SIGINFO_SIZE);
  if (info.raw) {
    u8.set(info.raw, addr);
    view.setInt32(addr, info.signal, true);
    return;
  }
  view.setInt32(addr, info.signal, true);
  view.setInt32(addr + 4, info.errno, true);
  view.setInt32(addr + 8, info.code, true);
  const at = addr + (abi === Abi.X64 ? SIGINFO_UNION.lp64 : SIGINFO_UNION.ilp32);
  const word = abi === Abi.X64 ? 8 : 4;
  switch (kindOf(info)) {
    case Kind.Fault:
      putWord(view, at, info.address, word);
      return;
    case Kind.Call:
      putWord(view, at, info.address, word);
      view.setInt32(at + word, info.syscall, true);
      view.setUint32(at + word + 4, info.arch, true);
      return;
    case Kind.Timer:
      view.setInt32(at, info.timerId, true);
      view.setInt32(at + 4, info.overrun, true);
      putValue(view, at + 8, info, word);
      return;
    case Kind.Child: {
      view.setInt32(at, info.pid, true);
      view.setUint32(at + 4, info.uid, true);
      view.setInt32(at + 8, info.status, true);
      // clock_t is a word, so on LP64 it stands at the next multiple of eight.
      const times = abi === Abi.X64 ? at + 16 : at + 12;
      putWord(view, times, info.utime, word);
      putWord(view, times + word, info.stime, word);
      return;
    }
    case Kind.Io:
      putWord(view, at, info.band, word);
      view.setInt32(at + word, info.fd, true);
      return;
    default:
      view.setInt32(at, info.pid, true);
      view.setUint32(at + 4, info.uid, true);
      putValue(view, at + 8, info, word);
  }
}

/** A siginfo_t that the guest made (rt_sigqueueinfo): `addr` must be readable. */
export function readSigInfo(mm: AddressSpace, addr: number, signal: number): SigInfo {
  const { u8, view } = mm.window;
  const info = new SigInfo(signal, view.getInt32(addr + 8, true));
  info.errno = view.getInt32(addr + 4, true);
  info.pid = view.getInt32(addr + 16, true);
  info.uid = view.getUint32(addr + 20, true);
  info.status = view.getInt32(addr + 24, true);
  info.valueLow = view.getUint32(addr + 24, true);
  info.valueHigh = view.getUint32(addr + 28, true);
  info.raw = u8.slice(addr, addr + SIGINFO_SIZE);
  return info;
}

const enum Kind { Kill, Fault, Timer, Child, Io, Call }

function kindOf(info: SigInfo): Kind {
  if (info.code === SI.TIMER) return Kind.Timer;
  if (info.code === SI.SIGIO || info.band !== 0) return Kind.Io;
  if (info.code <= 0 || info.code === SI.KERNEL) return Kind.Kill;
  switch (info.signal) {
    case SIG.CHLD:
      return Kind.Child;
    case SIG.SEGV: case SIG.BUS: case SIG.ILL: case SIG.FPE: case SIG.TRAP:
      return Kind.Fault;
    case SIG.IO:
      return Kind.Io;
    case SIG.SYS:
      return Kind.Call;
    default:
      return Kind.Kill;
  }
}

function putWord(view: DataView, addr: number, value: number, width: number): void {
  view.setUint32(addr, value >>> 0, true);
  if (width === 8) view.setInt32(addr + 4, Math.floor(value / 0x1_0000_0000), true);
}

function putValue(view: DataView, addr: number, info: SigInfo, width: number): void {
  view.setUint32(addr, info.valueLow, true);
  if (width === 8) view.setUint32(addr + 4, info.valueHigh, true);
}
