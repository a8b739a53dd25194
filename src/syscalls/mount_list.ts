/** listmount(2) and statmount(2): what /proc/PID/mountinfo tells, by ids. */
import { E } from '../abi/errno.js';
import {
  FIRST_UNIQUE_ID, LISTMOUNT_REVERSE, LSMT_ROOT, MNT_ID_REQ, MS, PROPAGATION, STATMOUNT, STATMOUNT_FIELDS,
} from '../abi/mount.js';
import { fileSystemOptions, rootOf } from '../kernel/procfs/mount_files.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import { devMajor, devMinor, StatFs } from '../vfs/inode.js';
import { Location, type Mount } from '../vfs/mount.js';
import { isReachable, mountsBelow, type MountNamespace } from '../vfs/mount_tree.js';
import { pathOf } from '../vfs/path_walk.js';
import { attributesOf } from './mount_attributes.js';
import { call, flags, ptr, size, uint, type Row } from './types.js';

const PAGE = 4096;
const MAX_IDS = 1_000_000;
/** Sizes of struct mnt_id_req: without and with the id of a tree of mounts. */
const REQUEST_SIZES = [24, 32];

interface Request {
  readonly id: bigint;
  readonly param: bigint;
  readonly tree: MountNamespace;
  /** What is not below it is seen by administrators only. */
  readonly root: Location;
}

/** struct mnt_id_req. -EFAULT, -E2BIG, -EINVAL; -ENOENT: there is no such tree of mounts; -EPERM: it is another's. */
function fetchRequest(task: Task, address: number): Request | number {
  const { mm } = task;
  const o = MNT_ID_REQ.lp64;
  const length = mm.getU32(address);
  if (length < 0) return length;
  if (length > PAGE) return -E['2BIG'];
  if (length < REQUEST_SIZES[0]!) return -E.INVAL;
  if (!mm.readable(address, length)) return -E.FAULT;
  const { view, u8 } = mm.window;
  if (u8.subarray(address + REQUEST_SIZES[1]!, address + length).some((byte) => byte !== 0)) return -E['2BIG'];
  if (view.getUint32(address + o.spare, true) !== 0) return -E.INVAL;
  const id = view.getBigUint64(address + o.id, true);
  if (id <= BigInt(FIRST_UNIQUE_ID)) return -E.INVAL;
  const wanted = length >= REQUEST_SIZES[1]! ? view.getBigUint64(address + o.size, true) : 0n;
  const { namespace, root, vfs, cred } = task.fs;
  const tree = wanted === 0n ? namespace : [...vfs.namespaces].find((each) => BigInt(each.id) === wanted);
  if (tree === undefined || tree.detached) return -E.NOENT;
  if (tree !== namespace && !capable(cred, CAP.SYS_ADMIN)) return -E.PERM;
  return {
    id, tree, param: view.getBigUint64(address + o.param, true),
    root: tree === namespace ? root : new Location(tree.root, tree.root.root),
  };
}

/** May the caller know of a mount? What its root does not lead to takes an administrator. */
function mayKnow(task: Task, place: Location, root: Location): boolean {
  return isReachable(place, root) || capable(task.fs.cred, CAP.SYS_ADMIN);
}

function uniqueId(mount: Mount): number {
  return FIRST_UNIQUE_ID + mount.id;
}

function found({ tree, id }: Request): Mount | undefined {
  return tree.mounts().find((mount) => BigInt(uniqueId(mount)) === id);
}

/** listmount(2). */
function listmount(task: Task, request: number, ids: number, count: number, flagBits: number): number {
  if (flagBits & ~LISTMOUNT_REVERSE) return -E.INVAL;
  if (count > MAX_IDS) return -E.OVERFLOW;
  if (!task.mm.writable(ids, count * 8)) return -E.FAULT;
  const asked = fetchRequest(task, request);
  if (typeof asked === 'number') return asked;
  if (asked.param !== 0n && asked.param <= BigInt(FIRST_UNIQUE_ID)) return -E.INVAL;
  const top = asked.id === LSMT_ROOT ? asked.root : placeOf(found(asked));
  if (top === null) return -E.NOENT;
  if (!mayKnow(task, top, asked.root)) return -E.PERM;
  const below = mountsBelow(top).map(uniqueId);
  if (asked.id === LSMT_ROOT && top.inode === top.mount.root) below.push(uniqueId(top.mount));
  below.sort((a, b) => a - b);
  const reverse = (flagBits & LISTMOUNT_REVERSE) !== 0;
  if (reverse) below.reverse();
  const from = Number(asked.param);
  const rest = from === 0 ? below : below.filter((id) => (reverse ? id < from : id > from));
  const given = rest.slice(0, count);
  given.forEach((id, index) => task.mm.putU64(ids + 8 * index, id));
  return given.length;
}

function placeOf(mount: Mount | undefined): Location | null {
  return mount === undefined ? null : new Location(mount, mount.root);
}

const STRINGS = STATMOUNT.FS_TYPE | STATMOUNT.MNT_ROOT | STATMOUNT.MNT_POINT | STATMOUNT.MNT_OPTS |
  STATMOUNT.FS_SUBTYPE | STATMOUNT.SB_SOURCE | STATMOUNT.OPT_ARRAY | STATMOUNT.OPT_SEC_ARRAY;
const KNOWN = Object.values(STATMOUNT).reduce<number>((all, bit) => all | bit, 0);

/** statmount(2). */
function statmount(task: Task, request: number, buffer: number, length: number, flagBits: number): number {
  if (flagBits !== 0) return -E.INVAL;
  const asked = fetchRequest(task, request);
  if (typeof asked === 'number') return asked;
  const mask = Number(asked.param & 0xffff_ffffn);
  const o = STATMOUNT_FIELDS.lp64;
  if (mask & STRINGS && length <= o.size) return -E.OVERFLOW;
  const mount = found(asked);
  if (mount === undefined) return -E.NOENT;
  const place = new Location(mount, mount.root);
  if (!mayKnow(task, place, asked.root)) return -E.PERM;
  const bytes = Buffer.alloc(o.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, o.size);
  const text = describe(mount, pathOf(asked.root, place), mask, view);
  const whole = Buffer.concat([bytes, Buffer.from(text, 'latin1')]);
  if (mask & STRINGS && whole.length > length) return -E.OVERFLOW;
  const given = whole.subarray(0, Math.min(length, whole.length));
  if (!task.mm.writable(buffer, given.length)) return -E.FAULT;
  task.mm.window.u8.set(given, buffer);
  return 0;
}

/** Fills the struct with what `mask` asks for of a mount at `path`. Gives the strings, as they stand behind it. */
function describe(mount: Mount, path: string, mask: number, view: DataView): string {
  const o = STATMOUNT_FIELDS.lp64;
  const { fs, group, master } = mount;
  const put32 = (at: number, value: number): void => view.setUint32(at, value, true);
  const put64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  let strings = '', filled = 0;
  const put = (bit: number, at: number, text: string): void => {
    if (!(mask & bit)) return;
    filled |= bit;
    put32(at, strings.length);
    strings += text + '\0';
  };
  const parent = mount.on?.mount ?? mount;
  if (mask & STATMOUNT.SB_BASIC) {
    const counts = new StatFs();
    fs.statfs(counts);
    put32(o.devMajor, devMajor(fs.dev));
    put32(o.devMinor, devMinor(fs.dev));
    put64(o.magic, counts.type);
    put32(o.superFlags, (fs.readOnly ? MS.RDONLY : 0) | (fs.superFlags ?? 0));
    filled |= STATMOUNT.SB_BASIC;
  }
  if (mask & STATMOUNT.MNT_BASIC) {
    put64(o.id, uniqueId(mount));
    put64(o.parentId, uniqueId(parent));
    put32(o.oldId, mount.id);
    put32(o.oldParentId, parent.id);
    put64(o.attributes, attributesOf(mount.flags));
    put64(o.propagation, (group === null ? 0 : PROPAGATION.SHARED) | (master === null ? 0 : PROPAGATION.SLAVE) |
      (mount.unbindable ? PROPAGATION.UNBINDABLE : group === null && master === null ? PROPAGATION.PRIVATE : 0));
    put64(o.peerGroup, group?.id ?? 0);
    put64(o.master, master?.id ?? 0);
    filled |= STATMOUNT.MNT_BASIC;
  }
  if (mask & STATMOUNT.PROPAGATE_FROM) {
    put64(o.propagateFrom, master?.id ?? 0);
    filled |= STATMOUNT.PROPAGATE_FROM;
  }
  if (mask & STATMOUNT.MNT_NS_ID) {
    put64(o.namespaceId, mount.namespace?.id ?? 0);
    filled |= STATMOUNT.MNT_NS_ID;
  }
  put(STATMOUNT.FS_TYPE, o.type, fs.type);
  put(STATMOUNT.MNT_ROOT, o.root, rootOf(mount));
  put(STATMOUNT.MNT_POINT, o.point, path);
  const options = fileSystemOptions(fs).substring(1);
  if (options !== '') put(STATMOUNT.MNT_OPTS, o.options, options);
  put(STATMOUNT.SB_SOURCE, o.source, fs.source);
  if (mask & STATMOUNT.OPT_ARRAY && options !== '') {
    const words = options.split(',');
    put32(o.optionCount, words.length);
    put(STATMOUNT.OPT_ARRAY, o.optionArray, words.join('\0'));
  }
  if (mask & STATMOUNT.SUPPORTED_MASK) {
    put64(o.supported, KNOWN);
    filled |= STATMOUNT.SUPPORTED_MASK;
  }
  put32(o.bytes, o.size + strings.length);
  put64(o.mask, filled);
  return strings;
}

export const mountListRows: readonly Row[] = [
  call('statmount', 457, 457, [ptr, ptr, size, uint], statmount),
  call('listmount', 458, 458, [ptr, ptr, size, flags('LISTMOUNT_', { REVERSE: LISTMOUNT_REVERSE })], listmount),
];
