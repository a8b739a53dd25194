/** The bases of segments, and how a program wants to be run: arch_prctl(2), personality(2). */
import { E } from '../abi/errno.js';
import { ARCH } from '../abi/process.js';
import { CpuBlock } from '../host/cpu_block.js';
import type { Task } from '../kernel/task.js';
import { call, oneOf, ptr, type Row } from './types.js';

export const taskControlRows: readonly Row[] = [
  call('arch_prctl', 158, 384, [oneOf('ARCH_', ARCH), ptr], archPrctl),
  call('personality', 135, 136, [ptr], personality, 'full',
    'ADDR_COMPAT_LAYOUT and MMAP_PAGE_ZERO are stored only'),
];

const TASK_SIZE_MAX = 0x7fff_ffff_f000;

/** arch_prctl(2): the bases of fs and gs. */
function archPrctl(task: Task, code: number, addr: number): number {
  const { cpu, mm } = task;
  switch (code) {
    case ARCH.SET_FS:
    case ARCH.SET_GS: {
      if (addr >= TASK_SIZE_MAX) return -E.PERM;
      const at = (code === ARCH.SET_FS ? CpuBlock.fsBase : CpuBlock.gsBase) >> 2;
      cpu.u32[at] = addr >>> 0;
      cpu.u32[at + 1] = Math.floor(addr / 0x1_0000_0000);
      return 0;
    }
    case ARCH.GET_FS:
    case ARCH.GET_GS: {
      const at = (code === ARCH.GET_FS ? CpuBlock.fsBase : CpuBlock.gsBase) >> 2;
      return mm.putU64(addr, cpu.u32[at + 1]! * 0x1_0000_0000 + cpu.u32[at]!) ? 0 : -E.FAULT;
    }
    case ARCH.GET_CPUID:
      return 1;
    case ARCH.SET_CPUID:
      return -E.NODEV;
    default:
      return -E.INVAL;
  }
}

/** personality(2): gives the old one; 0xffffffff only asks. */
function personality(task: Task, persona: number): number {
  const old = task.process.personality;
  if (persona >>> 0 !== 0xffff_ffff) task.process.personality = persona >>> 0;
  return old;
}
