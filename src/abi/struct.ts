/**
 * Structs of the ABI: one definition gives the offsets for LP64 and for ILP32, by the rules of the two psABIs
 * (natural alignment; i386 aligns 64-bit members to 4).
 */
import { Abi } from './abi.js';

/** Types of members: fixed widths, and those whose width is the ABI's. `[type, n]` is an array. */
export type Member =
  | 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'i64' | 'long' | 'ulong' | 'ptr' | 'size'
  | readonly ['u8' | 'u16' | 'u32' | 'u64' | 'ulong', number];

export type Offsets<K extends string> = { readonly [P in K]: number } & { readonly size: number };

/** A struct's offsets in both ABIs; each is computed when it is first asked for. */
export class Struct<K extends string> {
  private readonly layouts: (Offsets<K> | undefined)[] = [undefined, undefined];

  /** `i386Members` is the definition for i386, where Linux has another order or other members there. */
  constructor(readonly members: Readonly<Record<K, Member>>, readonly i386Members: Readonly<Record<K,
    Member>> = members) {}

  get lp64(): Offsets<K> {
    return this.layouts[Abi.X64] ??= compute(this.members, Abi.X64);
  }
  get ilp32(): Offsets<K> {
    return this.layouts[Abi.I386] ??= compute(this.i386Members, Abi.I386);
  }
  of(abi: Abi): Offsets<K> {
    return abi === Abi.X64 ? this.lp64 : this.ilp32;
  }
}

export function struct<T extends Readonly<Record<string, Member>>>(
  members: T, i386Members?: Readonly<Record<keyof T & string, Member>>,
): Struct<keyof T & string> {
  return new Struct<keyof T & string>(members, i386Members);
}

/** Bytes of one member (of one element, for arrays). */
export function widthOf(member: Member, abi: Abi): number {
  switch (typeof member === 'string' ? member : member[0]) {
    case 'u8': return 1;
    case 'u16': return 2;
    case 'u32': case 'i32': return 4;
    case 'u64': case 'i64': return 8;
    default: return abi === Abi.X64 ? 8 : 4;
  }
}

function compute<K extends string>(members: Readonly<Record<K, Member>>, abi: Abi): Offsets<K> {
  const offsets: Record<string, number> = {};
  let at = 0, structAlign = 1;
  for (const name in members) {
    const member: Member = members[name];
    const width = widthOf(member, abi);
    const align = abi === Abi.I386 && width === 8 ? 4 : width;
    if (align > structAlign) structAlign = align;
    at = (at + align - 1) & -align;
    offsets[name] = at;
    at += typeof member === 'string' ? width : width * member[1];
  }
  offsets['size'] = (at + structAlign - 1) & -structAlign;
  return offsets as Offsets<K>;
}
