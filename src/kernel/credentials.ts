/** Who a task is (credentials(7), capabilities(7)). */
import { E } from '../abi/errno.js';
import type { FileCredentials } from '../vfs/credentials.js';

/** All 41 capabilities: numbers 0–31 and 32–40. */
export const ALL_CAPS_LOW = 0xffff_ffff;
export const ALL_CAPS_HIGH = 0x1ff;

export const CAP_KILL = 5;
export const CAP_SETGID = 6;
export const CAP_SETUID = 7;
export const CAP_SETPCAP = 8;
export const CAP_SYS_CHROOT = 18;
export const CAP_SYS_NICE = 23;
export const CAP_SYS_RESOURCE = 24;

/** Bits of PR_SET_SECUREBITS; each one's lock is the bit above it. */
export const SECBIT = { NOROOT: 1, NO_SETUID_FIXUP: 4, KEEP_CAPS: 16, NO_CAP_AMBIENT_RAISE: 64 } as const;

/** CAP_CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, MKNOD; and MAC_OVERRIDE. */
const FILE_CAPS_LOW = 0x800_021f;
const FILE_CAPS_HIGH = 1;

/** What a program's file gives to who executes it. */
export interface ProgramPrivileges {
  /** Owner of a set-user-ID program, group of a set-group-ID program; -1 for others. */
  readonly uid: number;
  readonly gid: number;
  readonly capabilities: FileCapabilities | null;
}

/** The attribute security.capability (capabilities(7), "File capabilities"). */
export interface FileCapabilities {
  readonly permittedLow: number;
  readonly permittedHigh: number;
  readonly inheritableLow: number;
  readonly inheritableHigh: number;
  readonly effective: boolean;
}

/** struct vfs_cap_data of revision 2, or 3 for root's namespace; null for anything else. */
export function parseFileCapabilities(value: Uint8Array): FileCapabilities | null {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const revision = value.length >= 20 ? view.getUint32(0, true) : 0;
  const known = (revision >>> 24 === 2 && value.length === 20) ||
    (revision >>> 24 === 3 && value.length === 24 && view.getUint32(20, true) === 0);
  if (!known) return null;
  return {
    permittedLow: view.getUint32(4, true), inheritableLow: view.getUint32(8, true),
    permittedHigh: view.getUint32(12, true) & ALL_CAPS_HIGH, inheritableHigh: view.getUint32(16, true) & ALL_CAPS_HIGH,
    effective: (revision & 1) !== 0,
  };
}

export class Credentials implements FileCredentials {
  uid = 0;
  euid = 0;
  suid = 0;
  fsuid = 0;
  gid = 0;
  egid = 0;
  sgid = 0;
  fsgid = 0;
  groups: readonly number[] = [];
  /** Effective, permitted, inheritable: low and high words. */
  capabilities = 0;
  effectiveHigh = 0;
  permittedLow = 0;
  permittedHigh = 0;
  inheritableLow = 0;
  inheritableHigh = 0;
  boundingLow = ALL_CAPS_LOW;
  boundingHigh = ALL_CAPS_HIGH;
  ambientLow = 0;
  ambientHigh = 0;
  /** SECBIT bits: keep-capabilities, no-root and so on, and their locks. */
  securebits = 0;
  noNewPrivs = false;

  /** A user as login leaves him: uid 0 has all capabilities. */
  static of(uid: number, gid: number, groups: readonly number[]): Credentials {
    const cred = new Credentials();
    cred.uid = cred.euid = cred.suid = cred.fsuid = uid;
    cred.gid = cred.egid = cred.sgid = cred.fsgid = gid;
    cred.groups = groups;
    if (uid === 0) cred.raise();
    return cred;
  }

  copy(): Credentials {
    return Object.assign(new Credentials(), this);
  }

  has(capability: number): boolean {
    const word = capability < 32 ? this.capabilities : this.effectiveHigh;
    return ((word >>> (capability & 31)) & 1) !== 0;
  }

  inGroup(gid: number): boolean {
    return this.egid === gid || this.groups.includes(gid);
  }

  /**
   * What the kernel does when uids change: root's capabilities come and go (capabilities(7), "Effect of user ID
   * changes").
   */
  uidsChanged(oldUid: number, oldEuid: number, oldSuid: number): void {
    this.fsuid = this.euid;
    if (this.securebits & SECBIT.NO_SETUID_FIXUP) return;
    const hadRoot = oldUid === 0 || oldEuid === 0 || oldSuid === 0;
    const hasRoot = this.uid === 0 || this.euid === 0 || this.suid === 0;
    if (hadRoot && !hasRoot) {
      if (!(this.securebits & SECBIT.KEEP_CAPS)) {
        this.permittedLow = this.permittedHigh = this.capabilities = this.effectiveHigh = 0;
      }
      this.ambientLow = this.ambientHigh = 0;
    }
    if (oldEuid === 0 && this.euid !== 0) this.capabilities = this.effectiveHigh = 0;
    if (oldEuid !== 0 && this.euid === 0) {
      this.capabilities = this.permittedLow;
      this.effectiveHigh = this.permittedHigh;
    }
  }

  /** setfsuid(2) changed the id from `old`: the capabilities over files come and go. */
  fsuidChanged(old: number): void {
    if (this.securebits & SECBIT.NO_SETUID_FIXUP) return;
    if (old === 0 && this.fsuid !== 0) {
      this.capabilities &= ~FILE_CAPS_LOW;
      this.effectiveHigh &= ~FILE_CAPS_HIGH;
    } else if (old !== 0 && this.fsuid === 0) {
      this.capabilities |= this.permittedLow & FILE_CAPS_LOW;
      this.effectiveHigh |= this.permittedHigh & FILE_CAPS_HIGH;
    }
  }

  /** Ambient capabilities are permitted and inheritable ones; called when those sets have changed. */
  limitAmbient(): void {
    this.ambientLow &= this.permittedLow & this.inheritableLow;
    this.ambientHigh &= this.permittedHigh & this.inheritableHigh;
  }

  /**
   * execve(2) of a program, as capabilities(7), "Transformation of capabilities during execve()" has it. `file`: what
   * its mode and its capabilities give, and only on a mount and in a process that let it. Gives whether libc has to
   * distrust its environment (AT_SECURE), or -EPERM when the program cannot have what it needs.
   */
  exec(file: ProgramPrivileges): boolean | number {
    if (file.uid >= 0) this.euid = file.uid;
    if (file.gid >= 0) this.egid = file.gid;
    const setId = this.euid !== this.uid || this.egid !== this.gid;
    let permittedLow = 0, permittedHigh = 0, effective = false;
    const caps = file.capabilities;
    if (caps !== null) {
      permittedLow = (this.inheritableLow & caps.inheritableLow) | (this.boundingLow & caps.permittedLow);
      permittedHigh = (this.inheritableHigh & caps.inheritableHigh) | (this.boundingHigh & caps.permittedHigh);
      effective = caps.effective;
      if (effective && (caps.permittedLow & ~permittedLow || caps.permittedHigh & ~permittedHigh)) return -E.PERM;
    }
    const asRoot = !(this.securebits & SECBIT.NOROOT) && (this.uid === 0 || this.euid === 0);
    if (asRoot && !(caps !== null && this.uid !== 0)) {
      permittedLow = this.boundingLow | this.inheritableLow;
      permittedHigh = this.boundingHigh | this.inheritableHigh;
      effective ||= this.euid === 0;
    }
    // no_new_privs: nothing is gained, and what differs from the real ids is given up.
    const gained = (permittedLow & ~this.permittedLow) !== 0 || (permittedHigh & ~this.permittedHigh) !== 0;
    if (this.noNewPrivs && (setId || gained)) {
      this.euid = this.uid;
      this.egid = this.gid;
      permittedLow &= this.permittedLow;
      permittedHigh &= this.permittedHigh;
    }
    if (caps !== null || setId) this.ambientLow = this.ambientHigh = 0;
    const grew = (permittedLow & ~this.ambientLow) !== 0 || (permittedHigh & ~this.ambientHigh) !== 0;
    this.permittedLow = permittedLow | this.ambientLow;
    this.permittedHigh = permittedHigh | this.ambientHigh;
    this.capabilities = effective ? this.permittedLow : this.ambientLow;
    this.effectiveHigh = effective ? this.permittedHigh : this.ambientHigh;
    this.securebits &= ~SECBIT.KEEP_CAPS;
    this.suid = this.fsuid = this.euid;
    this.sgid = this.fsgid = this.egid;
    return setId || (this.uid !== 0 && (effective || grew));
  }

  /** Is nothing in these that `old` lacks, and are they the same user? Else a process may not be looked into. */
  isWithin(old: Credentials): boolean {
    return this.euid === old.euid && this.egid === old.egid && this.fsuid === old.fsuid && this.fsgid === old.fsgid &&
      (this.permittedLow & ~old.permittedLow) === 0 && (this.permittedHigh & ~old.permittedHigh) === 0;
  }

  private raise(): void {
    this.capabilities = this.permittedLow = this.boundingLow;
    this.effectiveHigh = this.permittedHigh = this.boundingHigh;
  }
}
