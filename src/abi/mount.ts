/** Numbers and structs of the calls about mounts (mount(2), fsopen(2), mount_setattr(2), statmount(2)). */
import { struct } from './struct.js';

/** Flags of one mount, with the numbers of mount(2). A mount with neither NOATIME nor RELATIME has strict access times. */
export const MS = {
  RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, NOSYMFOLLOW: 256, NOATIME: 1024, NODIRATIME: 2048, RELATIME: 1 << 21,
} as const;

/** Flags of a whole file system, beside RDONLY. */
export const SUPER = { SYNCHRONOUS: 16, MANDLOCK: 64, DIRSYNC: 128, LAZYTIME: 1 << 25 } as const;

/** Kinds of propagation. */
export const PROPAGATION = { UNBINDABLE: 1 << 17, PRIVATE: 1 << 18, SLAVE: 1 << 19, SHARED: 1 << 20 } as const;

/** What a call to mount(2) asks for, beside the flags that stay. */
export const ACTION = {
  REMOUNT: 32, BIND: 4096, MOVE: 8192, REC: 16384, SILENT: 32768, STRICTATIME: 1 << 24, NOUSER: -0x8000_0000 >>> 0,
} as const;

export const UMOUNT = { FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 } as const;

export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSPICK = { CLOEXEC: 1, SYMLINK_NOFOLLOW: 2, NO_AUTOMOUNT: 4, EMPTY_PATH: 8 } as const;
export const FSCONFIG = {
  SET_FLAG: 0, SET_STRING: 1, SET_BINARY: 2, SET_PATH: 3, SET_PATH_EMPTY: 4, SET_FD: 5, CMD_CREATE: 6,
  CMD_RECONFIGURE: 7, CMD_CREATE_EXCL: 8,
} as const;
export const OPEN_TREE = { CLONE: 1, CLOEXEC: 0o2000000 } as const;
export const MOVE_MOUNT = {
  F_SYMLINKS: 1, F_AUTOMOUNTS: 2, F_EMPTY_PATH: 4, T_SYMLINKS: 0x10, T_AUTOMOUNTS: 0x20, T_EMPTY_PATH: 0x40,
  SET_GROUP: 0x100, BENEATH: 0x200,
} as const;

/** Attributes of fsmount(2) and mount_setattr(2). Access times are one of three values: 0 is relatime. */
export const MOUNT_ATTR = {
  RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, NOATIME: 0x10, STRICTATIME: 0x20, ATIME: 0x70, NODIRATIME: 0x80,
  IDMAP: 0x10_0000, NOSYMFOLLOW: 0x20_0000,
} as const;

export const MOUNT_ATTRIBUTES = struct({ set: 'u64', clear: 'u64', propagation: 'u64', userns: 'u64' });

export const MNT_ID_REQ = struct({ bytes: 'u32', spare: 'u32', id: 'u64', param: 'u64' });
/** The root of the caller's tree, for listmount(2). */
export const LSMT_ROOT = 0xffff_ffff_ffff_ffffn;
export const LISTMOUNT_REVERSE = 1;

/** Ids that no other mount ever has are above this. */
export const FIRST_UNIQUE_ID = 2 ** 31;

export const STATMOUNT = {
  SB_BASIC: 1, MNT_BASIC: 2, PROPAGATE_FROM: 4, MNT_ROOT: 8, MNT_POINT: 0x10, FS_TYPE: 0x20, MNT_NS_ID: 0x40,
  MNT_OPTS: 0x80, FS_SUBTYPE: 0x100, SB_SOURCE: 0x200, OPT_ARRAY: 0x400, OPT_SEC_ARRAY: 0x800,
  SUPPORTED_MASK: 0x1000,
} as const;

/** struct statmount; strings follow, each member of type u32 that names one is its offset there. */
export const STATMOUNT_FIELDS = struct({
  bytes: 'u32', options: 'u32', mask: 'u64', devMajor: 'u32', devMinor: 'u32', magic: 'u64', superFlags: 'u32',
  type: 'u32', id: 'u64', parentId: 'u64', oldId: 'u32', oldParentId: 'u32', attributes: 'u64', propagation: 'u64',
  peerGroup: 'u64', master: 'u64', propagateFrom: 'u64', root: 'u32', point: 'u32', namespaceId: 'u64',
  subtype: 'u32', source: 'u32', optionCount: 'u32', optionArray: 'u32', securityCount: 'u32', securityArray: 'u32',
  supported: 'u64', spare: ['u64', 45],
});
