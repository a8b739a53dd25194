/** Puts an ELF image's segments into an address space: mapped from the file, not copied. */
import { E } from '../abi/errno.js';
import { MAP, PROT } from '../abi/mman.js';
import type { AddressSpace } from '../mm/address_space.js';
import { PAGE } from '../mm/layout.js';
import type { MappedFile } from '../mm/mapped_file.js';
import type { ElfImage, Segment } from './elf.js';

export interface PlacedImage {
  /** What was added to the image's addresses. */
  readonly bias: number;
  readonly entry: number;
  /** End of the last segment: a page address. */
  readonly end: number;
}

/**
 * Maps an image. On failure what was mapped so far stays; the caller drops the space.
 * @param base where a relocatable image should begin; 0: wherever mappings go
 */
export function mapImage(space: AddressSpace, image: ElfImage, file: MappedFile, base: number): PlacedImage | number {
  let bias = 0;
  if (image.relocatable) {
    const start = reserve(space, image, base);
    if (start < 0) return start;
    bias = start - image.start;
  }
  let first = true;
  for (const segment of image.segments) {
    // As Linux: the first segment of a fixed image must find its place free, later ones may overlap.
    const fixed = first && !image.relocatable ? MAP.FIXED_NOREPLACE | MAP.FIXED : MAP.FIXED;
    const error = mapSegment(space, segment, file, bias, fixed);
    if (error < 0) return error;
    first = false;
  }
  return { bias, entry: image.entry + bias, end: image.end + bias };
}

/** Finds room for a relocatable image; the room is free again when this gives its start. -errno when there is none. */
function reserve(space: AddressSpace, image: ElfImage, base: number): number {
  const size = image.end - image.start;
  const aligned = Math.ceil(base / image.alignment) * image.alignment + (image.start % image.alignment);
  const room = size + image.alignment - PAGE;
  const start = space.mmap(base === 0 ? 0 : aligned, room, PROT.NONE, MAP.PRIVATE | MAP.ANONYMOUS, null, 0);
  if (start < 0) return start;
  space.munmap(start, room);
  const wanted = image.start % image.alignment;
  const at = start - (start % image.alignment) + wanted;
  return at >= start ? at : at + image.alignment;
}

function mapSegment(space: AddressSpace, segment: Segment, file: MappedFile, bias: number, fixed: number): number {
  const { prot, fileSize, memorySize } = segment;
  const address = segment.address + bias;
  const start = address - (address % PAGE);
  const fileEnd = address + fileSize;
  const end = address + memorySize;
  let mapped = start;
  if (fileSize > 0) {
    const offset = segment.offset - (address - start);
    const at = space.mmap(start, fileEnd - start, prot, MAP.PRIVATE | fixed, file, offset);
    if (at < 0) return at;
    mapped = Math.ceil(fileEnd / PAGE) * PAGE;
    if (memorySize > fileSize && (prot & PROT.WRITE) !== 0) {
      const stop = Math.min(mapped, Math.ceil(end / PAGE) * PAGE);
      if (!space.writable(fileEnd, stop - fileEnd)) return -E.FAULT;
      space.window.u8.fill(0, fileEnd, stop);
    }
  }
  if (end <= mapped) return 0;
  const flags = MAP.PRIVATE | MAP.ANONYMOUS | (fileSize > 0 ? MAP.FIXED : fixed);
  const at = space.mmap(mapped, end - mapped, prot, flags, null, 0);
  return Math.min(0, at);
}
