/** Calls on extended attributes, with the rules of xattr(7): who may, and what the system's own attributes look like. */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import { keptMode, owns } from './attributes.js';
import { CAP, capable } from './credentials.js';
import { ATTR, change } from './inode.js';
import type { Inode } from './inode.js';
import type { Location } from './mount.js';
import { notifyPlace } from './notify.js';
import type { PathContext } from './path_walk.js';
import { FILE_CAPABILITIES, privileges } from './privileges.js';
import { Access } from './vfs.js';
import { forgetWays } from './walked.js';
import { changedThrough } from './write_through.js';

const ACCESS_ACL = 'system.posix_acl_access';
const DEFAULT_ACL = 'system.posix_acl_default';
/** Revisions of struct vfs_cap_data, without the flag for effective capabilities, and their lengths. */
const CAP_REVISION_2 = 0x0200_0000, CAP_REVISION_3 = 0x0300_0000;
const CAP_LENGTH_2 = 20, CAP_LENGTH_3 = 24;

/** getxattr(2): the value, or -ENODATA, -EOPNOTSUPP for a namespace that is not there. */
export function getxattr(ctx: PathContext, place: Location, name: string): Uint8Array | number {
  const { inode } = place;
  if (isAcl(name)) return inode.type === S.IFLNK ? -E.OPNOTSUPP : inode.getxattr(name);
  const denied = mayXattr(ctx, place, name, Access.Read);
  if (denied < 0) return denied;
  const value = inode.getxattr(name);
  return name === FILE_CAPABILITIES && typeof value !== 'number' ? shownCapabilities(value) : value;
}

/** setxattr(2). flags: XATTR_CREATE 1, XATTR_REPLACE 2. */
export function setxattr(ctx: PathContext, place: Location, name: string, value: Uint8Array, flags: number): number {
  const { inode, mount } = place;
  if (mount.readOnly) return -E.ROFS;
  let result: number;
  if (isAcl(name)) {
    result = setAcl(ctx, inode, name, value);
  } else {
    const capabilities = name === FILE_CAPABILITIES;
    if (capabilities && value.length > 0) {
      if (!isCapabilities(value)) return -E.INVAL;
      if (!capable(ctx.cred, CAP.SETFCAP)) return -E.PERM;
    }
    const denied = mayXattr(ctx, place, name, Access.Write);
    if (denied < 0) return denied;
    result = inode.setxattr(name, value, flags);
    if (capabilities) privileges.given++;
  }
  if (result >= 0) {
    notifyPlace(place, IN.ATTRIB);
    changedThrough(place.mount.fs);
  }
  return result;
}

/** removexattr(2). */
export function removexattr(ctx: PathContext, place: Location, name: string): number {
  const { inode, mount } = place;
  if (mount.readOnly) return -E.ROFS;
  let result: number;
  if (isAcl(name)) {
    result = setAcl(ctx, inode, name, null);
  } else {
    const denied = name === FILE_CAPABILITIES && !capable(ctx.cred, CAP.SETFCAP) ? -E.PERM
      : mayXattr(ctx, place, name, Access.Write);
    if (denied < 0) return denied;
    result = inode.removexattr(name);
  }
  if (result >= 0) {
    notifyPlace(place, IN.ATTRIB);
    changedThrough(place.mount.fs);
  }
  return result;
}

/** listxattr(2): the names that the caller may know of. */
export function listxattr(ctx: PathContext, place: Location): string[] | number {
  const names = place.inode.listxattr();
  if (typeof names === 'number' || capable(ctx.cred, CAP.SYS_ADMIN)) return names;
  return names.filter((name) => !name.startsWith('trusted.'));
}

/** Who may read or write attributes of the four namespaces; for the ACLs see setAcl. */
function mayXattr(ctx: PathContext, { inode }: Location, name: string, access: Access): number {
  const write = access === Access.Write;
  const dot = name.indexOf('.');
  let denied = 0;
  switch (name.substring(0, dot)) {
    case 'user':
      if (inode.type !== S.IFREG && inode.type !== S.IFDIR) return write ? -E.PERM : -E.NODATA;
      if (write && inode.type === S.IFDIR && inode.mode & S.ISVTX && !owns(ctx, inode)) return -E.PERM;
      denied = inode.permission(ctx.cred, access);
      break;
    case 'trusted':
      if (!capable(ctx.cred, CAP.SYS_ADMIN)) return write ? -E.PERM : -E.NODATA;
      break;
    case 'security':
      if (write && name !== FILE_CAPABILITIES && !capable(ctx.cred, CAP.SYS_ADMIN)) return -E.PERM;
      break;
    case 'system':
      return -E.OPNOTSUPP;
    default:
      denied = inode.permission(ctx.cred, access);
      return denied < 0 ? denied : -E.OPNOTSUPP;
  }
  return denied < 0 ? denied : dot === name.length - 1 ? -E.INVAL : 0;
}

/** Is it a struct vfs_cap_data that the kernel knows? */
function isCapabilities(value: Uint8Array): boolean {
  if (value.length < 4) return false;
  const revision = new DataView(value.buffer, value.byteOffset).getUint32(0, true) & ~1;
  return (revision === CAP_REVISION_2 && value.length === CAP_LENGTH_2) ||
    (revision === CAP_REVISION_3 && value.length === CAP_LENGTH_3);
}

/** Capabilities that hold for the caller's own root are shown without telling whose root. */
function shownCapabilities(value: Uint8Array): Uint8Array | number {
  if (!isCapabilities(value)) return -E.INVAL;
  const view = new DataView(value.buffer, value.byteOffset);
  if (value.length === CAP_LENGTH_2 || view.getUint32(CAP_LENGTH_2, true) !== 0) return value;
  const shown = value.slice(0, CAP_LENGTH_2);
  new DataView(shown.buffer).setUint32(0, CAP_REVISION_2 | (view.getUint32(0, true) & 1), true);
  return shown;
}

function isAcl(name: string): boolean {
  return name === ACCESS_ACL || name === DEFAULT_ACL;
}

/** Sets an ACL, or takes it away: null, or a value without entries (acl(5)). */
function setAcl(ctx: PathContext, inode: Inode, name: string, value: Uint8Array | null): number {
  const acl = value === null || value.length === 0 ? null : parseAcl(value);
  if (typeof acl === 'number') return acl;
  if (inode.type === S.IFLNK) return -E.OPNOTSUPP;
  if (name === DEFAULT_ACL && inode.type !== S.IFDIR) return acl === null ? 0 : -E.ACCES;
  if (!owns(ctx, inode)) return -E.PERM;
  if (acl === null) {
    const removed = inode.removexattr(name);
    return removed === -E.NODATA ? 0 : removed;
  }
  const mode = aclMode(acl);
  if (mode < 0) return mode;
  if (name === DEFAULT_ACL) return inode.setxattr(name, value!, 0);
  // An access ACL gives the permission bits; one that says no more than they do is not kept.
  const changes = change(ATTR.MODE);
  changes.mode = keptMode(ctx, (inode.mode & 0o7000) | mode, inode.gid);
  const stored = inode.setxattr(name, value!, 0);
  if (stored < 0) return stored;
  if (acl.length === 3) inode.removexattr(name);
  const changed = inode.setattr(changes);
  if (inode.type === S.IFDIR) forgetWays();
  return changed;
}

interface AclEntry {
  tag: number;
  /** Permission bits. */
  bits: number;
}

const ACL_VERSION = 2;
const ACL = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 16, OTHER: 32 } as const;
const NO_ID = 0xffff_ffff;

/** The entries of an ACL as attributes hold it; null: none. -EINVAL, -EOPNOTSUPP for another version. */
function parseAcl(value: Uint8Array): AclEntry[] | null | number {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4) return -E.INVAL;
  if (view.getUint32(0, true) !== ACL_VERSION) return -E.OPNOTSUPP;
  if ((value.length - 4) % 8 !== 0) return -E.INVAL;
  const entries: AclEntry[] = [];
  for (let at = 4; at < value.length; at += 8) {
    const tag = view.getUint16(at, true);
    if ((tag === ACL.USER || tag === ACL.GROUP) && view.getUint32(at + 4, true) === NO_ID) return -E.INVAL;
    if (!(Object.values(ACL) as number[]).includes(tag)) return -E.INVAL;
    entries.push({ tag, bits: view.getUint16(at + 2, true) });
  }
  return entries.length === 0 ? null : entries;
}

/** The permission bits of an ACL. -EINVAL unless its entries are in order and complete. */
function aclMode(entries: readonly AclEntry[]): number {
  let mode = 0, mask = -1, last = 0, named = false;
  for (const { tag, bits } of entries) {
    if (bits > 7) return -E.INVAL;
    // Tags stand in the order of their numbers; only those of named users and groups occur again.
    const again = tag === ACL.USER || tag === ACL.GROUP;
    if (again ? tag < last : tag <= last) return -E.INVAL;
    last = tag;
    named ||= again;
    if (tag === ACL.USER_OBJ) mode |= bits << 6;
    else if (tag === ACL.GROUP_OBJ) mode |= bits << 3;
    else if (tag === ACL.OTHER) mode |= bits;
    else if (tag === ACL.MASK) mask = bits;
  }
  const complete = [ACL.USER_OBJ, ACL.GROUP_OBJ, ACL.OTHER].every((tag) => entries.some((entry) => entry.tag === tag));
  if (!complete || (named && mask < 0)) return -E.INVAL;
  return mask < 0 ? mode : (mode & ~0o070) | (mask << 3);
}
