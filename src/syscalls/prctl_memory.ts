/** What prctl(2) changes of the memory that /proc/PID tells of: PR_SET_MM, PR_SET_VMA; PR_SET_MDWE. */
import { E } from '../abi/errno.js';
import { PR_MDWE, PR_SET_MM } from '../abi/process.js';
import { CAP_SYS_RESOURCE } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import type { AddressSpace } from '../mm/address_space.js';

const ADDRESS_MAX = 0x1_0000_0000;
const PR_SET_VMA_ANON_NAME = 0;
const ANON_NAME_MAX = 80;
const PAGE = 4096;

type Place = 'startCode' | 'endCode' | 'startStack' | 'argStart' | 'argEnd' | 'envStart' | 'envEnd';

const PLACES: Readonly<Record<number, Place>> = {
  [PR_SET_MM.START_CODE]: 'startCode', [PR_SET_MM.END_CODE]: 'endCode', [PR_SET_MM.START_STACK]: 'startStack',
  [PR_SET_MM.ARG_START]: 'argStart', [PR_SET_MM.ARG_END]: 'argEnd', [PR_SET_MM.ENV_START]: 'envStart',
  [PR_SET_MM.ENV_END]: 'envEnd',
};

/** PR_SET_MM: where the code, the stack, the arguments, the environment are said to be; the auxiliary vector. */
export function setMm(task: Task, what: number, value: number, length: number, d: number): number {
  if (d !== 0 || (length !== 0 && what !== PR_SET_MM.AUXV)) return -E.INVAL;
  if (!task.cred.has(CAP_SYS_RESOURCE)) return -E.PERM;
  const { mm } = task;
  if (what === PR_SET_MM.AUXV) return setAuxv(mm, value, length);
  const place = PLACES[what];
  if (place === undefined || value >= ADDRESS_MAX || !mm.readable(value, 1)) return -E.INVAL;
  if (!inOrder(mm, place, value)) return -E.INVAL;
  mm[place] = value;
  return 0;
}

/** A beginning is not behind its end. */
function inOrder(mm: AddressSpace, place: Place, value: number): boolean {
  switch (place) {
    case 'startCode': return value < mm.endCode;
    case 'endCode': return value > mm.startCode;
    case 'argStart': return value <= mm.argEnd;
    case 'argEnd': return value >= mm.argStart;
    case 'envStart': return value <= mm.envEnd;
    case 'envEnd': return value >= mm.envStart;
    default: return true;
  }
}

/** The vector ends with AT_NULL, whatever is given. */
function setAuxv(mm: AddressSpace, address: number, length: number): number {
  if (length === 0 || length > mm.auxv.length + 16) return -E.INVAL;
  if (!mm.readable(address, length)) return -E.FAULT;
  const auxv = mm.window.u8.slice(address, address + length);
  auxv.fill(0, Math.max(0, length - 16));
  mm.auxv = auxv;
  return 0;
}

/** PR_SET_VMA_ANON_NAME: checked, and not shown: /proc/PID/maps has no names for memory without a file. */
export function nameMemory(task: Task, what: number, start: number, length: number, name: number): number {
  if (what !== PR_SET_VMA_ANON_NAME || start % PAGE !== 0) return -E.INVAL;
  const { mm } = task;
  if (name !== 0) {
    const text = mm.cstring(name, ANON_NAME_MAX);
    if (typeof text === 'number') return text === -E.NAMETOOLONG ? -E.INVAL : text;
    // Printable, and none of the characters that would break a line of maps.
    if (/[^\x20-\x7e]|[\\`$[\]]/.test(text)) return -E.INVAL;
  }
  const end = start + Math.ceil(length / PAGE) * PAGE;
  if (end === start) return 0;
  return mm.areas.covers(start, end) ? 0 : -E.NOMEM;
}

/** PR_SET_MDWE: it can be asked for once, and not be taken back. */
export function refuseExecGain(mm: AddressSpace, bits: number): number {
  if (bits & ~(PR_MDWE.REFUSE_EXEC_GAIN | PR_MDWE.NO_INHERIT) || bits === PR_MDWE.NO_INHERIT) return -E.INVAL;
  if (mm.mdwe !== 0 && mm.mdwe !== bits) return -E.PERM;
  mm.mdwe = bits;
  return 0;
}
