/**
 * Random short programs: instructions of the table between stack operations, jumps, loops and calls. They find what one
 * instruction alone cannot show: state that the translator carries from one instruction to the next.
 */
import { decode } from '../../translator/decode.js';
import { type Random, sampleRow } from '../../translator/isa/sample.js';
import type { TableRow } from '../../translator/isa/table.js';
import { Access, Insn, RegFile, Rewrite } from '../../translator/insn.js';
import { testable } from './cases.js';
import { ARENAS, CODE, ENTRY, SLOT, Test } from './layout.js';
import { fillState, value64 } from './state.js';

const SAMPLE = { oddPrefixes: 0, lock: 0, illegal: 0 };
const ROOM = SLOT - ENTRY - 1;
const RCX = 1;
const RSP = 4;
const M64 = (1n << 64n) - 1n;

/** Rows that a program may be made of: they go on to the next instruction, and reach memory only through ModRM. */
export function sequential(row: TableRow): boolean {
  const { form } = row;
  return testable(row) && (form.rewrite === Rewrite.Copy || form.rewrite === Rewrite.Lea) && !form.implicitMemory &&
    !form.vsib && form.mnemonic !== 'clflush';
}

function writtenRegisters(insn: Insn): number {
  const { form } = insn;
  let mask = form.implicitWrite;
  const add = (file: RegFile, access: Access, register: number): void => {
    // Without REX, 4 to 7 may be ah to bh.
    if (file === RegFile.Gpr && access & Access.Write) mask |= 1 << register | (insn.rex ? 0 : 1 << (register & 3));
  };
  if (form.hasModrm) {
    add(form.regFile, form.regAccess, insn.reg);
    if (insn.mod === 3) add(form.rmFile, form.rmAccess, insn.rm);
  } else if (form.opcodeReg !== Access.None) add(RegFile.Gpr, form.opcodeReg, insn.reg);
  add(form.vvvvFile, form.vvvvAccess, insn.vvvv);
  return mask;
}

export class SequenceMaker {
  private readonly insn = new Insn();
  private code: number[] = [];
  /** Registers that random instructions must not write. */
  private frozen = 0;
  /** Pointers to memory: one that needs REX.B or its like, one that does not. */
  private pointers: readonly [number, number] = [3, 8];
  /** Register with the address of the function; 0 to 15. */
  private callee = 0;
  private calls: number[] = [];
  /** The function returns this many bytes behind its return address. */
  private skip = 0;

  constructor(private readonly random: Random, private readonly rows: readonly TableRow[]) {}

  /** Writes the case of `slot` to `out` (Test.size bytes). */
  make(slot: number, out: Buffer): void {
    const { random } = this;
    this.pointers = [random.pick([3, 5, 6, 7]), random.pick([8, 9, 10, 11, 13, 14, 15])];
    const taken = [RSP, RCX, ...this.pointers];
    do this.callee = random.below(16); while (taken.includes(this.callee));
    this.frozen = 1 << RSP | 1 << this.pointers[0] | 1 << this.pointers[1] | 1 << this.callee;
    let functionAt: number;
    this.skip = random.once(6) ? 1 + random.below(3) : 0;
    do {
      this.code = [];
      this.calls = [];
      for (let units = 2 + random.below(7); units > 0; units--) this.unit();
      this.code.push(0xcc);
      functionAt = this.code.length;
      if (this.calls.length > 0 || random.once(4)) this.functionBody();
    } while (this.code.length > ROOM);
    for (const at of this.calls) this.setRel32(at, functionAt);

    out.fill(0);
    out.fill(0xcc, Test.code, Test.code + SLOT);
    out.set(this.code, Test.code + ENTRY);
    fillState(out, random);
    const arenaIndex = random.once(2) ? 0 : random.below(ARENAS.length);
    const { boundary } = ARENAS[arenaIndex]!;
    const gpr = Array.from({ length: 16 }, () => value64(random));
    // Stack and data do not meet: a return address that is overwritten goes anywhere. One of them is near the boundary.
    const nearStack = random.once(2);
    const place = (near: boolean, align: number): bigint => {
      const offset = near ? random.below(512) - 256 : (512 + random.below(256)) * random.pick([-1, 1]);
      return BigInt(boundary + Math.floor(offset / align) * align + (random.once(16) ? random.below(16) : 0));
    };
    gpr[this.pointers[0]] = place(!nearStack, 64);
    gpr[this.pointers[1]] = place(!nearStack, 64);
    gpr[RSP] = place(nearStack, 8);
    gpr[this.callee] = BigInt(CODE + slot * SLOT + ENTRY + functionAt);
    for (let i = 0; i < 16; i++) out.writeBigUInt64LE(gpr[i]! & M64, Test.gpr + i * 8);
    out.writeUInt32LE(arenaIndex, Test.arena);
    out.writeUInt32LE(random.below(65536 / 8) * 8, Test.pattern);
  }

  private setRel32(at: number, target: number): void {
    const rel = target - (at + 4);
    for (let i = 0; i < 4; i++) this.code[at + i] = rel >> (8 * i) & 255;
  }

  private unit(): void {
    const { random, code } = this;
    switch (random.below(14)) {
      case 0: case 1: case 2: case 3:
        this.stackOperation();
        break;
      case 4: {
        // A jump over an instruction: short, or near.
        const condition = random.below(16);
        const near = random.once(2);
        if (near) code.push(0x0f, 0x80 | condition, 0, 0, 0, 0);
        else code.push(0x70 | condition, 0);
        const from = code.length;
        this.instruction();
        code[from - (near ? 4 : 1)] = code.length - from;
        break;
      }
      case 5: {
        code.push(0xeb, 0);
        const from = code.length;
        this.instruction();
        code[from - 1] = code.length - from;
        break;
      }
      case 6: {
        // mov ecx, n; an instruction n times.
        if (this.frozen >> RCX & 1) return;
        code.push(0xb9, 1 + random.below(3), 0, 0, 0);
        const from = code.length;
        this.frozen |= 1 << RCX;
        this.instruction();
        this.frozen &= ~(1 << RCX);
        code.push(random.pick([0xe2, 0xe2, 0xe0, 0xe1]), 0);
        code[code.length - 1] = from - code.length & 255;
        break;
      }
      case 7:
        code.push(0xe8, 0, 0, 0, 0);
        this.calls.push(code.length - 4);
        this.returnPlace();
        break;
      case 8:
        if (this.callee >= 8) code.push(0x41);
        code.push(0xff, 0xd0 | (this.callee & 7));
        this.calls.push(-1);
        this.returnPlace();
        break;
      default:
        this.instruction();
    }
    if (this.calls.at(-1) === -1) {
      // Through the register: there is nothing to fill in, but the function must be there.
      this.calls.pop();
      if (this.calls.length === 0) this.calls.push(...this.unusedCall());
    }
  }

  /** Where a function that skips comes back to: there flags are set anew (docs/limits.md). */
  private returnPlace(): void {
    if (this.skip === 0) return;
    for (let i = 0; i < this.skip; i++) this.code.push(0xcc);
    this.code.push(0x3c, this.random.below(256));
  }

  /** A call that is jumped over, so that the function is emitted. */
  private unusedCall(): number[] {
    this.code.push(0xeb, 5, 0xe8, 0, 0, 0, 0);
    return [this.code.length - 4];
  }

  private functionBody(): void {
    const { random, code } = this;
    for (let i = random.below(3); i > 0; i--) this.instruction();
    if (random.once(3)) {
      const register = this.anyRegister();
      this.withRegister(0x50, random.below(16));
      this.instruction();
      this.withRegister(0x58, register);
    }
    if (this.skip > 0) {
      const register = this.anyRegister();
      this.withRegister(0x58, register);
      code.push(0x48 | (register >> 3) * 5, 0x8d, 0x40 | (register & 7) * 9);
      if ((register & 7) === RSP) code.push(0x24);
      code.push(this.skip);
      this.withRegister(0x50, register);
    }
    if (random.once(8)) code.push(0xf3);
    code.push(0xc3);
  }

  /** A general register that may be written. */
  private anyRegister(): number {
    for (;;) {
      const register = this.random.below(16);
      if (!(this.frozen >> register & 1)) return register;
    }
  }

  private withRegister(opcode: number, register: number): void {
    if (register >= 8) this.code.push(0x41);
    this.code.push(opcode | (register & 7));
  }

  private stackOperation(): void {
    const { random, code } = this;
    const disp = (random.below(8) - 3) * 8 & 255;
    switch (random.below(13)) {
      case 0: case 1: this.withRegister(0x50, random.below(16)); break;
      case 2: case 3: this.withRegister(0x58, this.anyRegister()); break;
      case 4: code.push(0x6a, random.below(256)); break;
      case 5: code.push(0x48, 0x8d, 0x64, 0x24, disp); break;
      case 6: code.push(0x48, 0x83, random.pick([0xc4, 0xec]), random.below(4) * 8); break;
      case 7: {
        const register = random.below(16);
        code.push(0x48 | register >> 3 << 2, 0x89, 0x44 | (register & 7) << 3, 0x24, disp);
        break;
      }
      case 8: {
        const register = this.anyRegister();
        code.push(0x48 | register >> 3 << 2, 0x8b, 0x44 | (register & 7) << 3, 0x24, disp);
        break;
      }
      case 9: code.push(0xff, 0x74, 0x24, disp); break;
      case 10: code.push(0x8f, 0x44, 0x24, disp); break;
      case 11: {
        const register = this.anyRegister();
        code.push(0x48 | register >> 3, 0x89, 0xe0 | (register & 7));
        break;
      }
      default:
        code.push(0x9c);
        // Not a store: NT, once set by popf, stays in the reference.
        if (random.once(2)) this.instruction(false);
        code.push(0x9d);
    }
  }

  /** A random instruction that leaves frozen registers alone; its memory operand goes through one of the pointers. */
  private instruction(memory = true): void {
    const { random, insn } = this;
    for (let tries = 0; tries < 20; tries++) {
      const sample = sampleRow(random.pick(this.rows), random, SAMPLE);
      const bytes = Uint8Array.from([...sample, ...new Array<number>(16).fill(0)]);
      const length = decode(bytes, 0, 16, CODE, insn);
      const kind = insn.form.rewrite;
      if (insn.form.mnemonic === '(bad)' || (kind !== Rewrite.Copy && kind !== Rewrite.Lea)) continue;
      if (writtenRegisters(insn) & this.frozen) continue;
      if (!insn.hasMemory) {
        this.code.push(...bytes.subarray(0, length));
        return;
      }
      if (!memory || insn.form.bitString || insn.form.vsib || insn.form.implicitMemory) continue;
      const displacement = insn.mod === 1 ? 1 : insn.mod === 2 || insn.base < 0 ? 4 : 0;
      const sib = (insn.modrm & 7) === 4 ? 1 : 0;
      const modrmAt = length - insn.immSize - displacement - sib - 1;
      const pointer = this.pointers[insn.rex & 1]!;
      const disp = random.once(8) ? random.below(256) : (random.below(8) - 4) * 16 & 255;
      this.code.push(...bytes.subarray(0, modrmAt), 0x40 | (insn.modrm & 0x38) | (pointer & 7), disp,
        ...bytes.subarray(length - insn.immSize, length));
      return;
    }
  }
}
