/** From a trap to a handler: finds the row, makes numbers of the registers, calls. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { Gpr } from '../host/cpu_block.js';
import type { Task } from '../kernel/task.js';
import { rowOf } from './table.js';
import { Decode, type Handler, type Row } from './types.js';

/** Registers of the arguments: x86-64 psABI A.2.1, and int 80h of i386. */
const REGISTERS = [
  [Gpr.rdi, Gpr.rsi, Gpr.rdx, Gpr.r10, Gpr.r8, Gpr.r9],
  [Gpr.rbx, Gpr.rcx, Gpr.rdx, Gpr.rsi, Gpr.rdi, Gpr.rbp],
] as const;

/** How to load a word: the width is the ABI's. */
const enum Load { Int = 0, Uint = 1, Ulong64 = 2, Long64 = 3, Pair = 4 }

/** A row as one ABI calls it. */
class Entry {
  /** Load << 8 | index of the register's low half in cpu.u32, then for pairs << 16 that of the high half. */
  readonly plan: number[] = [];

  constructor(readonly row: Row, readonly handler: Handler, abi: Abi) {
    const registers = REGISTERS[abi];
    let next = 0;
    for (const { decode } of row.args) {
      const low = registers[next++]! << 1;
      if (abi === Abi.X64) {
        this.plan.push((load64(decode) << 8) | low);
        if (decode === Decode.SplitOff64) next++;
      } else if (decode === Decode.Off64 || decode === Decode.SplitOff64) {
        this.plan.push((registers[next++]! << 17) | (Load.Pair << 8) | low);
      } else {
        this.plan.push(((decode === Decode.Int || decode === Decode.Long ? Load.Int : Load.Uint) << 8) | low);
      }
    }
  }
}

function load64(decode: Decode): Load {
  switch (decode) {
    case Decode.Int: return Load.Int;
    case Decode.Uint: return Load.Uint;
    case Decode.Ulong: return Load.Ulong64;
    default: return Load.Long64;
  }
}

const tables: (Entry | null | undefined)[][] = [[], []];
const reported = new Set<number>();

/** Carries out system call `number` with the arguments in the task's registers (kernel.ts, Dispatch). */
export function dispatch(task: Task, number: number, abi: Abi): number {
  const entry = tables[abi]![number];
  if (entry) {
    const { plan, handler } = entry;
    const { u32, i32 } = task.cpu;
    switch (plan.length) {
      case 0:
        return handler(task, 0, 0, 0, 0, 0, 0);
      case 1:
        return handler(task, load(u32, i32, plan[0]!), 0, 0, 0, 0, 0);
      case 2:
        return handler(task, load(u32, i32, plan[0]!), load(u32, i32, plan[1]!), 0, 0, 0, 0);
      case 3:
        return handler(task, load(u32, i32, plan[0]!), load(u32, i32, plan[1]!), load(u32, i32, plan[2]!), 0, 0, 0);
      default:
        return handler(
          task, load(u32, i32, plan[0]!), load(u32, i32, plan[1]!), load(u32, i32, plan[2]!), load(u32, i32, plan[3]!),
          plan.length > 4 ? load(u32, i32, plan[4]!) : 0, plan.length > 5 ? load(u32, i32, plan[5]!) : 0,
        );
    }
  }
  if (entry === undefined && resolve(number, abi)) return dispatch(task, number, abi);
  report(task, number, abi);
  return -E.NOSYS;
}

/** The arguments of a call as numbers, as its handler gets them: for strace. */
export function decodeArguments(task: Task, row: Row, abi: Abi): number[] {
  const { plan } = new Entry(row, row.handler ?? (() => 0), abi);
  return plan.map((code) => load(task.cpu.u32, task.cpu.i32, code));
}

function load(u32: Uint32Array, i32: Int32Array, code: number): number {
  const low = code & 0xff;
  switch ((code >> 8) & 0xff) {
    case Load.Int:
      return i32[low]!;
    case Load.Uint:
      return u32[low]!;
    case Load.Ulong64: {
      const high = u32[low + 1]!;
      return high === 0 ? u32[low]! : high * 0x1_0000_0000 + u32[low]!;
    }
    case Load.Long64: {
      const high = i32[low + 1]!;
      if (high === 0) return u32[low]!;
      return high * 0x1_0000_0000 + u32[low]!;
    }
    default:
      return i32[code >> 16]! * 0x1_0000_0000 + u32[low]!;
  }
}

/** Makes the entry of a call that is met first. False: there is no handler. */
function resolve(number: number, abi: Abi): boolean {
  if (number < 0 || number >= 1024) return false;
  const row = rowOf(number, abi);
  tables[abi]![number] = row?.handler ? new Entry(row, row.handler, abi) : null;
  return row?.handler !== undefined;
}

function report(task: Task, number: number, abi: Abi): void {
  if (reported.has(number + 65536 * abi)) return;
  reported.add(number + 65536 * abi);
  const row = rowOf(number, abi);
  task.kernel.warn(`${task.name}: system call ${number}${row ? ` (${row.name})` : ''} is not implemented`);
}
