/** Who a task is (credentials(7), capabilities(7)). */
import type { FileCredentials } from '../vfs/credentials.js';

/** All 41 capabilities: numbers 0–31 and 32–40. */
export const ALL_CAPS_LOW = 0xffff_ffff;
export const ALL_CAPS_HIGH = 0x1ff;

export const CAP_KILL = 5;
export const CAP_SETGID = 6;
export const CAP_SETUID = 7;
export const CAP_SYS_CHROOT = 18;
export const CAP_SYS_NICE = 23;
export const CAP_SYS_RESOURCE = 24;

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
  securebits = 0;
  keepCaps = false;
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
    const hadRoot = oldUid === 0 || oldEuid === 0 || oldSuid === 0;
    const hasRoot = this.uid === 0 || this.euid === 0 || this.suid === 0;
    if (hadRoot && !hasRoot) {
      if (!this.keepCaps) this.permittedLow = this.permittedHigh = 0;
      this.capabilities = this.effectiveHigh = 0;
    }
    if (oldEuid === 0 && this.euid !== 0) this.capabilities = this.effectiveHigh = 0;
    if (oldEuid !== 0 && this.euid === 0) {
      this.capabilities = this.permittedLow;
      this.effectiveHigh = this.permittedHigh;
    }
    this.fsuid = this.euid;
  }

  /** execve of an ordinary file: root gets all capabilities (capabilities(7)). */
  exec(): void {
    this.keepCaps = false;
    if (this.uid === 0 || this.euid === 0) this.raise();
    else this.capabilities = this.effectiveHigh = this.permittedLow = this.permittedHigh = 0;
    this.suid = this.fsuid = this.euid;
    this.sgid = this.fsgid = this.egid;
  }

  private raise(): void {
    this.capabilities = this.permittedLow = this.boundingLow;
    this.effectiveHigh = this.permittedHigh = this.boundingHigh;
  }
}
