/** What prctl(2) does to capabilities (capabilities(7)). */
import { E } from '../abi/errno.js';
import { PR_CAP_AMBIENT } from '../abi/process.js';
import { CAP_SETPCAP, SECBIT, type Credentials } from '../kernel/credentials.js';

const CAP_LAST = 40;
/** Securebits: NOROOT, NO_SETUID_FIXUP, KEEP_CAPS, NO_CAP_AMBIENT_RAISE, EXEC_RESTRICT_FILE, EXEC_DENY_INTERACTIVE. */
const BITS = 0x555;
/** Each bit's lock is the next one. */
const LOCKS = 0xaaa;

/** PR_CAPBSET_DROP. */
export function dropBounding(cred: Credentials, capability: number): number {
  if (!cred.has(CAP_SETPCAP)) return -E.PERM;
  if (capability > CAP_LAST) return -E.INVAL;
  if (capability < 32) cred.boundingLow &= ~(1 << capability);
  else cred.boundingHigh &= ~(1 << (capability & 31));
  return 0;
}

/** PR_SET_KEEPCAPS: one of the securebits, under a name of its own. */
export function setKeepCaps(cred: Credentials, on: number): number {
  if (on > 1) return -E.INVAL;
  if (cred.securebits & (SECBIT.KEEP_CAPS << 1)) return -E.PERM;
  cred.securebits = on === 1 ? cred.securebits | SECBIT.KEEP_CAPS : cred.securebits & ~SECBIT.KEEP_CAPS;
  return 0;
}

/** PR_SET_SECUREBITS: locked bits stay, and so do locks. */
export function setSecurebits(cred: Credentials, bits: number): number {
  const old = cred.securebits;
  const locked = (old & LOCKS) >> 1;
  if (locked & (old ^ bits) || old & LOCKS & ~bits || bits > (BITS | LOCKS) || !cred.has(CAP_SETPCAP)) return -E.PERM;
  cred.securebits = bits;
  return 0;
}

/** PR_CAP_AMBIENT: ambient capabilities are among the permitted and the inheritable ones. */
export function capAmbient(cred: Credentials, what: number, capability: number, c: number, d: number): number {
  if (what === PR_CAP_AMBIENT.CLEAR_ALL) {
    if (capability !== 0 || c !== 0 || d !== 0) return -E.INVAL;
    cred.ambientLow = cred.ambientHigh = 0;
    return 0;
  }
  if (capability > CAP_LAST || c !== 0 || d !== 0) return -E.INVAL;
  const bit = 1 << (capability & 31);
  const low = capability < 32;
  switch (what) {
    case PR_CAP_AMBIENT.IS_SET:
      return (low ? cred.ambientLow : cred.ambientHigh) & bit ? 1 : 0;
    case PR_CAP_AMBIENT.LOWER:
      if (low) cred.ambientLow &= ~bit;
      else cred.ambientHigh &= ~bit;
      return 0;
    case PR_CAP_AMBIENT.RAISE: {
      const allowed = low ? cred.permittedLow & cred.inheritableLow : cred.permittedHigh & cred.inheritableHigh;
      if ((allowed & bit) === 0 || cred.securebits & SECBIT.NO_CAP_AMBIENT_RAISE) return -E.PERM;
      if (low) cred.ambientLow |= bit;
      else cred.ambientHigh |= bit;
      return 0;
    }
    default:
      return -E.INVAL;
  }
}
