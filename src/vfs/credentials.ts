/** Who asks: the part of a task's credentials that file access looks at (credentials(7), capabilities(7)). */
export interface FileCredentials {
  fsuid: number;
  fsgid: number;
  groups: readonly number[];
  /** Effective capabilities 0–31 as bits: CAP_CHOWN is bit 0. */
  capabilities: number;
}

/** Capability numbers that the VFS asks for. */
export const CAP = {
  CHOWN: 0, DAC_OVERRIDE: 1, DAC_READ_SEARCH: 2, FOWNER: 3, FSETID: 4, LINUX_IMMUTABLE: 9, SYS_RAWIO: 17,
  SYS_CHROOT: 18, SYS_ADMIN: 21, SYS_RESOURCE: 24, MKNOD: 27, LEASE: 28, SETFCAP: 31,
} as const;

export function capable(cred: FileCredentials, capability: number): boolean {
  return ((cred.capabilities >>> capability) & 1) !== 0;
}

export function inGroup(cred: FileCredentials, gid: number): boolean {
  return cred.fsgid === gid || cred.groups.includes(gid);
}
