/** All address spaces there are, and what they take of the host together. */
import type { AddressSpace } from './address_space.js';
import { liveAreas } from './vma.js';

/** An array: V8 keeps the old tables of a Set that changes all the time, and what they name, until a full collection. */
export const spaces: AddressSpace[] = [];

/** Mappings that the host gives a process (65530 by default, vm.max_map_count), with room for Node's own. */
const MAX_HOST_MAPPINGS = 64_000;
/** Guards and tables around a window. */
const MAPPINGS_OF_WINDOW = 5;

/** Whether the host has mappings left for `more` areas: each is one, and the gap beside it another. */
export function areasLeft(more: number): boolean {
  return 2 * (liveAreas() + more) + MAPPINGS_OF_WINDOW * spaces.length <= MAX_HOST_MAPPINGS;
}
