/** Runs cases in posixx: the engine alone, without a kernel. */
import { Cpu, CpuBlock, Trap } from '../../host/cpu_block.js';
import { native } from '../../host/native.js';
import { Prot, Window } from '../../host/window.js';
import type { CodeSpace } from '../../translator/engine.js';
import { X86Engine } from '../../translator/x86_engine.js';
import { ARENAS, CODE, ENTRY, FS_BASE, GS_BASE, Half, HALF, MAX_CASES, Result, SLOT, Test, XSAVE } from './layout.js';

const PAGE = 4096;
const SIGILL = 4;
const SIGTRAP = 5;
const SIGSEGV = 11;
const SI_KERNEL = 0x80;

export class Guest {
  readonly engine = new X86Engine();
  private readonly window = new Window();
  private readonly memory = Buffer.from(this.window.buffer as ArrayBuffer, 0, 0xffff_f000);
  private readonly cpu: Cpu = this.engine.createCpu();
  private readonly block: Buffer;
  private space: CodeSpace;

  /** Time slices that ended within cases. */
  interruptions = 0;

  /**
   * @param rounds how often each case runs. When more than once, the shortest time slice is set, so that some rounds
   *   are interrupted; the result of a round that differs from the first is the case's.
   */
  constructor(private readonly pattern: Buffer, private readonly rounds = 1) {
    if (rounds > 1) native.timesliceSet(1);
    this.block = Buffer.from(this.cpu.u8.buffer as ArrayBuffer);
    const { id } = this.window;
    native.windowMap(id, CODE, MAX_CASES * SLOT, Prot.Read | Prot.Write, false, -1, 0);
    for (const { boundary, below, above } of ARENAS) {
      for (const [page, half] of [[boundary - PAGE, below], [boundary, above]] as const) {
        if (half === Half.None) continue;
        native.windowMap(id, page, PAGE, Prot.Read | Prot.Write, false, -1, 0);
        this.memory.set(pattern.subarray(0, PAGE), page);
        if (half === Half.Read) native.windowProtect(id, page, PAGE, Prot.Read);
      }
    }
    this.space = this.createSpace();
    this.useAllState();
  }

  destroy(): void {
    native.timesliceSet(0);
    this.space.release();
    this.engine.destroyCpu(this.cpu);
    this.window.destroy();
  }

  private createSpace(): CodeSpace {
    return this.engine.createSpace({
      window: this.window,
      fetchable: (pc) => pc >= CODE && pc < CODE + MAX_CASES * SLOT ? CODE + MAX_CASES * SLOT - pc : 0,
      codeTranslated: () => {},
    });
  }

  /** The engine saves x87 and ymm registers from when it first translates code that uses them. */
  private useAllState(): void {
    this.memory.set([0xd9, 0xd0, 0xc5, 0xf8, 0x77, 0xcc], CODE);
    this.cpu.rip = CODE;
    this.engine.run(this.cpu, this.space);
  }

  /** What the engine does with `count` cases; records of struct result. */
  run(tests: Buffer, count: number): Buffer {
    const out = Buffer.alloc(count * Result.size);
    for (let i = 0; i < count; i++) {
      this.memory.set(tests.subarray(i * Test.size, i * Test.size + SLOT), CODE + i * SLOT);
    }
    this.space.release();
    this.space = this.createSpace();
    native.indirectClear(this.window.id, 0, 0x1_0000_0000);
    const again = Buffer.alloc(Result.size);
    for (let i = 0; i < count; i++) {
      const test = tests.subarray(i * Test.size, (i + 1) * Test.size);
      const result = out.subarray(i * Result.size, (i + 1) * Result.size);
      this.runCase(test, i, result);
      for (let round = 1; round < this.rounds; round++) {
        this.runCase(test, i, again.fill(0));
        if (again.compare(result, 0, Result.fsBase, 0, Result.fsBase) === 0) continue;
        again.copy(result);
        break;
      }
    }
    return out;
  }

  private runCase(test: Buffer, slot: number, result: Buffer): void {
    this.start(test);
    this.cpu.rip = CODE + slot * SLOT + ENTRY;
    native.cpuResetReturnStack(this.cpu.id);
    let trap = this.engine.run(this.cpu, this.space);
    for (; trap === Trap.Preempted; this.interruptions++) trap = this.engine.run(this.cpu, this.space);
    this.note(test.readUInt32LE(Test.arena), trap, result);
  }

  private start(test: Buffer): void {
    const { block, memory, pattern } = this;
    test.copy(block, CpuBlock.gpr, Test.gpr, Test.gpr + 128);
    test.copy(block, CpuBlock.rflags, Test.rflags, Test.rflags + 8);
    block.writeBigUInt64LE(BigInt(FS_BASE), CpuBlock.fsBase);
    block.writeBigUInt64LE(BigInt(GS_BASE), CpuBlock.gsBase);
    test.copy(block, CpuBlock.xsave, Test.xsave, Test.xsave + 464);
    block.writeBigUInt64LE(7n, CpuBlock.xsave + 512);
    test.copy(block, CpuBlock.xsave + 576, Test.xsave + 576, Test.xsave + XSAVE);
    const arena = ARENAS[test.readUInt32LE(Test.arena)]!;
    const from = test.readUInt32LE(Test.pattern);
    if (arena.below === Half.Write) memory.set(pattern.subarray(from, from + HALF), arena.boundary - HALF);
    if (arena.above === Half.Write) memory.set(pattern.subarray(from + HALF, from + 2 * HALF), arena.boundary);
    for (let at = Test.patch; at < Test.xsave; at += 16) {
      const address = test.readUIntLE(at, 6);
      if (address === 0) break;
      test.copy(memory, address, at + 8, at + 16);
    }
  }

  private note(arenaIndex: number, trap: Trap, result: Buffer): void {
    const { block, memory, cpu } = this;
    block.copy(result, Result.gpr, CpuBlock.gpr, CpuBlock.gpr + 128);
    block.copy(result, Result.rflags, CpuBlock.rflags, CpuBlock.rflags + 8);
    block.copy(result, Result.rip, CpuBlock.rip, CpuBlock.rip + 8);
    block.copy(result, Result.fsBase, CpuBlock.fsBase, CpuBlock.fsBase + 8);
    block.copy(result, Result.gsBase, CpuBlock.gsBase, CpuBlock.gsBase + 8);
    block.copy(result, Result.xsave, CpuBlock.xsave, CpuBlock.xsave + 464);
    block.copy(result, Result.xsave + 576, CpuBlock.xsave + 576, CpuBlock.xsave + XSAVE);
    let signal: number;
    let code = SI_KERNEL;
    switch (trap) {
      case Trap.Fault:
        signal = cpu.u32[CpuBlock.signal >> 2]!;
        code = cpu.u32[CpuBlock.faultCode >> 2]!;
        if (signal === SIGSEGV && code !== SI_KERNEL) {
          block.copy(result, Result.address, CpuBlock.faultAddress, CpuBlock.faultAddress + 8);
        }
        result.writeUInt32LE(cpu.u32[CpuBlock.faultAccess >> 2]!, Result.write);
        break;
      case Trap.Fetch:
        signal = SIGSEGV;
        code = 1;
        block.copy(result, Result.address, CpuBlock.faultAddress, CpuBlock.faultAddress + 8);
        break;
      case Trap.Illegal:
        signal = SIGILL;
        break;
      case Trap.Privileged: case Trap.SoftInterrupt:
        signal = SIGSEGV;
        break;
      case Trap.Breakpoint:
        signal = SIGTRAP;
        break;
      default:
        signal = 1000 + trap;
    }
    result.writeUInt32LE(signal, Result.signal);
    const pushed = block.readUInt32LE(CpuBlock.returnStackBase) - block.readUInt32LE(CpuBlock.hostSp);
    result.writeInt32LE(pushed, Result.pushed);
    result.writeUInt32LE(code, Result.code);
    const { boundary, below, above } = ARENAS[arenaIndex]!;
    if (below !== Half.None) memory.copy(result, Result.memory, boundary - HALF, boundary);
    if (above !== Half.None) memory.copy(result, Result.memory + HALF, boundary, boundary + HALF);
  }
}
