/** All address spaces there are, and what they take of the host together. */
import type { AddressSpace } from './address_space.js';
import { native } from '../host/native.js';
import { liveAreas } from './vma.js';

/** An array: V8 keeps the old tables of a Set that changes all the time, and what they name, until a full collection. */
export const spaces: AddressSpace[] = [];

/** So many areas need not be counted: the host gives a process 65530 mappings by default (vm.max_map_count). */
const FEW = 8000;

/** Whether the host has mappings left for `more` areas: each is one, and the gap beside it another. */
export function areasLeft(more: number): boolean {
  return liveAreas() + more <= FEW || native.windowRoom(2 * more);
}
