/** Memory policies (numa(7)): there is one node, 0, so every policy comes to the same. */
import { E } from '../abi/errno.js';
import type { Task } from '../kernel/task.js';
import { mayTrace } from '../kernel/trace_access.js';
import { call, flags, oneOf, pid, ptr, size, uint, ulong, type Row } from './types.js';

const MPOL = {
  DEFAULT: 0, PREFERRED: 1, BIND: 2, INTERLEAVE: 3, LOCAL: 4, PREFERRED_MANY: 5, WEIGHTED_INTERLEAVE: 6,
} as const;
/** Bits beside the mode in set_mempolicy and mbind. */
const MODE_FLAGS = { NUMA_BALANCING: 0x2000, RELATIVE_NODES: 0x4000, STATIC_NODES: 0x8000 } as const;
const GET = { NODE: 1, ADDR: 2, MEMS_ALLOWED: 4 } as const;
const MBIND = { STRICT: 1, MOVE: 2, MOVE_ALL: 4 } as const;
const PAGE = 4096;
/** Bits of a node mask that a call reads at most. */
const MASK_MAX = 8 * PAGE;

export const numaRows: readonly Row[] = [
  call('mbind', 237, 274, [ptr, ulong, oneOf('MPOL_', MPOL), ptr, ulong, flags('MPOL_MF_', MBIND)], mbind),
  call('set_mempolicy', 238, 276, [oneOf('MPOL_', MPOL), ptr, ulong], setMempolicy),
  call('get_mempolicy', 239, 275, [ptr, ptr, ulong, ptr, flags('MPOL_F_', GET)], getMempolicy),
  call('migrate_pages', 256, 294, [pid, ulong, ptr, ptr], migratePages),
  call('move_pages', 279, 317, [pid, size, ptr, ptr, ptr, flags('MPOL_MF_', MBIND)], movePages),
  call('set_mempolicy_home_node', 450, 450, [ulong, ulong, ulong, uint], setHomeNode),
];

/** Policies are of a thread; 0 is the default, with no nodes. */
const policies = new WeakMap<Task, { mode: number; node: boolean }>();

/** Whether node 0 is in the mask. -EINVAL when another one is, or the mask is too long; -EFAULT. */
function readMask(task: Task, mask: number, maxNode: number): number {
  if (mask === 0 || maxNode <= 1) return 0;
  const bits = maxNode - 1;
  if (bits > MASK_MAX) return -E.INVAL;
  const bytes = Math.ceil(bits / 64) * 8;
  if (!task.mm.readable(mask, bytes)) return -E.FAULT;
  const { u8 } = task.mm.window;
  for (let at = 0; at < bits; at++) {
    if (at > 0 && u8[mask + (at >> 3)]! & (1 << (at & 7))) return -E.INVAL;
  }
  return u8[mask]! & 1;
}

/** A mode with its nodes: -EINVAL for what does not go together. */
function checkPolicy(mode: number, node: number): number {
  const bits = mode & (MODE_FLAGS.RELATIVE_NODES | MODE_FLAGS.STATIC_NODES | MODE_FLAGS.NUMA_BALANCING);
  const plain = mode & ~bits;
  if (plain < 0 || plain > MPOL.WEIGHTED_INTERLEAVE) return -E.INVAL;
  if (bits & MODE_FLAGS.RELATIVE_NODES && bits & MODE_FLAGS.STATIC_NODES) return -E.INVAL;
  if (plain === MPOL.DEFAULT || plain === MPOL.LOCAL) return node === 1 || bits !== 0 ? -E.INVAL : 0;
  return node === 1 || plain === MPOL.PREFERRED ? 0 : -E.INVAL;
}

/** set_mempolicy(2). */
function setMempolicy(task: Task, mode: number, mask: number, maxNode: number): number {
  const node = readMask(task, mask, maxNode);
  if (node < 0) return node;
  const failed = checkPolicy(mode, node);
  if (failed < 0) return failed;
  policies.set(task, { mode, node: node === 1 });
  return 0;
}

/** get_mempolicy(2). */
function getMempolicy(task: Task, modeAt: number, mask: number, maxNode: number, addr: number, bits: number): number {
  if (bits & ~(GET.NODE | GET.ADDR | GET.MEMS_ALLOWED) || (mask !== 0 && maxNode < 2)) return -E.INVAL;
  if (bits & GET.MEMS_ALLOWED && bits & (GET.NODE | GET.ADDR)) return -E.INVAL;
  const { mm } = task;
  if (bits & GET.ADDR ? mm.areas.find(addr) === undefined : addr !== 0) return bits & GET.ADDR ? -E.FAULT : -E.INVAL;
  const policy = policies.get(task) ?? { mode: MPOL.DEFAULT, node: false };
  if (bits & GET.NODE && (bits & GET.ADDR) === 0 && policy.mode !== MPOL.INTERLEAVE) return -E.INVAL;
  if (modeAt !== 0 && !mm.putU32(modeAt, bits & GET.NODE || bits & GET.MEMS_ALLOWED ? 0 : policy.mode)) return -E.FAULT;
  if (mask === 0) return 0;
  const bytes = Math.ceil((maxNode - 1) / 64) * 8;
  if (!mm.writable(mask, bytes)) return -E.FAULT;
  mm.window.u8.fill(0, mask, mask + bytes);
  if (bits & GET.MEMS_ALLOWED || policy.node) mm.window.u8[mask] = 1;
  return 0;
}

/** mbind(2). */
function mbind(
  task: Task, start: number, length: number, mode: number, mask: number, maxNode: number, bits: number,
): number {
  const node = readMask(task, mask, maxNode);
  if (node < 0) return node;
  if (bits & ~(MBIND.STRICT | MBIND.MOVE | MBIND.MOVE_ALL) || start % PAGE !== 0) return -E.INVAL;
  const failed = checkPolicy(mode, node);
  if (failed < 0) return failed;
  const end = start + Math.ceil(length / PAGE) * PAGE;
  return end === start || task.mm.areas.covers(start, end) ? 0 : -E.FAULT;
}

/** set_mempolicy_home_node(2): the only node there is. */
function setHomeNode(task: Task, start: number, length: number, node: number, bits: number): number {
  if (bits !== 0 || start % PAGE !== 0 || node !== 0) return -E.INVAL;
  const end = start + Math.ceil(length / PAGE) * PAGE;
  return end === start || task.mm.areas.covers(start, end) ? 0 : -E.INVAL;
}

/** migrate_pages(2): all pages are where they are to go. */
function migratePages(task: Task, id: number, maxNode: number, from: number, to: number): number {
  for (const mask of [from, to]) {
    const node = readMask(task, mask, maxNode);
    if (node < 0) return node;
  }
  const target = id === 0 ? task : task.kernel.taskOf(id);
  if (!target) return -E.SRCH;
  return mayTrace(task, target) ? 0 : -E.PERM;
}

/** move_pages(2): tells the node of each page, or why it has none. */
function movePages(
  task: Task, id: number, count: number, pages: number, nodes: number, status: number, bits: number,
): number {
  if (bits & ~(MBIND.MOVE | MBIND.MOVE_ALL)) return -E.INVAL;
  const target = id === 0 ? task : task.kernel.taskOf(id);
  if (!target) return -E.SRCH;
  if (!mayTrace(task, target)) return -E.PERM;
  const { mm } = task;
  for (let at = 0; at < count; at++) {
    const page = mm.getU64(pages + 8 * at);
    if (page < 0) return -E.FAULT;
    const node = nodes === 0 ? 0 : mm.getU32(nodes + 4 * at);
    if (node < 0) return -E.FAULT;
    if (node !== 0) return -E.NODEV;
    if (!mm.putU32(status + 4 * at, target.mm.readable(page, 1) ? 0 : (-E.FAULT) >>> 0)) return -E.FAULT;
  }
  return 0;
}
