/** All address spaces there are, and what they take of the host together. */
import type { AddressSpace } from './address_space.js';
import { liveAreas } from './vma.js';

export const spaces = new Set<AddressSpace>();

/** Mappings that the host gives a process (65530 by default, vm.max_map_count), with room for Node's own. */
const MAX_HOST_MAPPINGS = 64_000;
/** Guards and tables around a window. */
const MAPPINGS_OF_WINDOW = 5;

/** Whether the host has mappings left for `more` areas: each is one, and the gap beside it another. */
export function areasLeft(more: number): boolean {
  return 2 * (liveAreas() + more) + MAPPINGS_OF_WINDOW * spaces.size <= MAX_HOST_MAPPINGS;
}
