/**
 * Intel's CPUs from Skylake to Cascade Lake keep no jump in their cache of decoded instructions that crosses a line of
 * 32 bytes, or ends one; with it they decode the rest of the line again each time ("Mitigations for Jump Conditional
 * Code Erratum", Intel 2019).
 */
import { native } from '../host/native.js';

/** Of family 6. */
const AFFECTED_MODELS = [0x4e, 0x55, 0x5e, 0x8e, 0x9e, 0xa5, 0xa6, 0xae];
const GENUINE = 0x756e_6547;

/** Whether this host is such a CPU. */
export function jumpsNeedLines(): boolean {
  if (native.cpuid(0, 0)[1] !== GENUINE) return false;
  const [signature] = native.cpuid(1, 0);
  const family = signature >>> 8 & 15;
  const model = (signature >>> 4 & 15) | (signature >>> 12 & 0xf0);
  return family === 6 && AFFECTED_MODELS.includes(model);
}
