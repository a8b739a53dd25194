/**
 * Proves of emitted host code, decoded with iced-x86, that it stays in the sandbox. It knows the rules, not the
 * translator:
 *
 *  1. Memory is named in three ways only. Window memory: GS override and 32-bit addresses, so that 4 GiB and the
 *     guards around them are all that can be reached. Thread slots: FS and a displacement that is one of the slots that
 *     translated code may read, or write; the slot of a guest register may be the operand of any instruction. The return
 *     stack: push, pop, call, ret and pushf, and `and` and `test` of [rsp] with a mask.
 *  2. String instructions run on pointers made of the window's base and 32 bits.
 *  3. The only indirect branch goes through the window's branch table, with an index made of 32 bits and the bias.
 *     Direct branches go to translated code or to the entries of the stubs.
 *  4. rsp changes only by the above, by `lea` within the sequence of a 16-bit pushf, and by a reload of its base.
 *  5. No register holds a host address at the end of a guest instruction, nor is one stored.
 *  6. Instructions that the guest may not run at all are not there: system calls, segment and FS/GS base changes, I/O.
 *     xsave and xrstor have a mask limited to x87, SSE and AVX; popf cannot set TF.
 */
import iced from 'iced-x86';
import type { CodeLayout } from '../../host/native.js';

const { Code, Decoder, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
  RegisterExt } = iced;

/** What a general register is known to hold. */
const enum Value { Any = 0, Low32, Window, NegatedWindow, InWindow, Biased, Mask7, Zero }

const POPF_FORBIDDEN = 0x100;
const PREFIXES = new Set([0x64, 0x65, 0x66, 0xf0, 0xf2, 0xf3]);
const MAX_REPORTS = 50;

/** Mnemonics that must not be among emitted code, beside what iced calls privileged. */
const FORBIDDEN = new Set([
  Mnemonic.Syscall, Mnemonic.Sysenter, Mnemonic.Int, Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Into, Mnemonic.Iret,
  Mnemonic.Iretd, Mnemonic.Iretq, Mnemonic.Retf, Mnemonic.Wrfsbase, Mnemonic.Wrgsbase, Mnemonic.Rdfsbase,
  Mnemonic.Rdgsbase, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Lss, Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str,
  Mnemonic.Smsw, Mnemonic.Vmcall, Mnemonic.Vmfunc, Mnemonic.Wrpkru, Mnemonic.Rdpkru,
  Mnemonic.Xbegin, Mnemonic.Xabort, Mnemonic.Enter, Mnemonic.Leave,
  Mnemonic.Rdpid, Mnemonic.Cpuid, Mnemonic.Xgetbv, Mnemonic.Rdsspd, Mnemonic.Rdsspq, Mnemonic.Incsspd,
  Mnemonic.Incsspq, Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2, Mnemonic.Monitor, Mnemonic.Mwait, Mnemonic.Xsaves,
]);

const STRINGS = new Set([
  Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq, Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd,
  Mnemonic.Cmpsq, Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq, Mnemonic.Scasb, Mnemonic.Scasw,
  Mnemonic.Scasd, Mnemonic.Scasq,
]);
const BIT_STRINGS = new Set([Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc]);
const EXTENDED = new Set([
  Mnemonic.Xsave, Mnemonic.Xsave64, Mnemonic.Xsaveopt, Mnemonic.Xsaveopt64, Mnemonic.Xsavec, Mnemonic.Xsavec64,
  Mnemonic.Xrstor, Mnemonic.Xrstor64,
]);

export interface Violation {
  /** Cache offset of the host instruction. */
  readonly host: number;
  readonly text: string;
  readonly rule: string;
}

const signed64 = (value: bigint): number => Number(BigInt.asIntN(64, value));

export class Verifier {
  readonly violations: Violation[] = [];
  /** Memory operands that were proved, and instructions seen. */
  operands = 0;
  instructions = 0;
  private readonly instr = new Instruction();
  private readonly factory = new InstructionInfoFactory();
  private readonly formatter = new iced.Formatter(iced.FormatterSyntax.Intel);
  private readonly decoder: InstanceType<typeof Decoder>;
  /** 1: an instruction begins here; 2: inside of one. */
  private readonly seen: Uint8Array;
  private readonly work: number[] = [];
  private readonly values = new Uint8Array(16);
  /** Registers with a value other than Any. */
  private known = 0;
  /** Since the guest instruction began, flags were pushed, or masked on the stack. */
  private flagsSafe = false;
  /** What was known (`state`) where a branch goes that is not followed yet, and at instructions that were checked. */
  private readonly expected = new Map<number, number>();
  private readonly checked = new Map<number, number>();
  private readonly readable: Set<number>;
  private readonly writable: Set<number>;
  private readonly stubs: Set<number>;
  private host = 0;

  /**
   * @param code the code cache from offset 0 to the end of what was emitted
   * @param boundaries cache offsets where guest instructions begin: guest code can be entered there
   */
  constructor(
    private readonly code: Uint8Array, private readonly layout: CodeLayout, private readonly boundaries: Set<number>,
  ) {
    this.decoder = new Decoder(64, code, 0);
    this.seen = new Uint8Array(code.length);
    const { slots } = layout;
    this.readable = new Set([slots.scratch, slots.guestFsBase, slots.guestGsBase]);
    this.writable = new Set([slots.scratch, slots.rip, slots.trap]);
    this.stubs = new Set([layout.exitSyscall, layout.exitLink, layout.exitTrap, layout.returnLost, layout.returnMiss,
      layout.hostcalls.clockGettime, layout.hostcalls.getcpu]);
  }

  /** Follows all code from the boundaries and from `entries` (thunks). */
  run(entries: Iterable<number> = []): void {
    for (const at of entries) this.work.push(at);
    for (const at of this.boundaries) this.work.push(at);
    while (this.work.length > 0 && this.violations.length < MAX_REPORTS) this.follow(this.work.pop()!);
    this.decoder.free();
    this.instr.free();
  }

  private fail(rule: string): void {
    this.violations.push({ host: this.host, text: this.formatter.format(this.instr), rule });
  }

  /** All that is known, as one number; 0: nothing. */
  private get state(): number {
    if (this.known === 0) return this.flagsSafe ? 1 : 0;
    let state = 0;
    for (let r = 15; r >= 0; r--) state = state * 8 + this.values[r]!;
    return state * 2 + (this.flagsSafe ? 1 : 0);
  }

  private set state(state: number) {
    this.flagsSafe = state % 2 === 1;
    this.known = 0;
    let rest = Math.floor(state / 2);
    for (let r = 0; r < 16; r++, rest = Math.floor(rest / 8)) this.setValue(r, rest % 8);
  }

  private follow(start: number): void {
    this.state = this.expected.get(start) ?? 0;
    for (let at = start; ;) {
      if (at < this.layout.start || at >= this.code.length) {
        this.host = at;
        return this.fail('control leaves the translated code');
      }
      if (this.boundaries.has(at)) {
        this.host = at;
        this.checkNoHostAddress('a register holds a host address where a guest instruction begins');
        this.forget();
      }
      this.host = at;
      const expected = this.expected.get(at);
      if (expected !== undefined && expected !== this.state) this.forget();
      if (this.seen[at] === 1) return this.checkJoin(at);
      if (this.state !== 0) this.checked.set(at, this.state);
      const { decoder, instr } = this;
      decoder.position = at;
      decoder.ip = BigInt(at);
      decoder.decodeOut(instr);
      const { length } = instr;
      this.instructions++;
      if (instr.isInvalid) return this.fail('not an instruction');
      for (let i = 0; i < length; i++) {
        if (this.seen[at + i] !== 0) return this.fail('two ways to decode the same bytes');
        this.seen[at + i] = i === 0 ? 1 : 2;
      }
      const next = at + length;
      this.check(next);
      if (!this.flow(next)) return;
      at = next;
    }
  }

  private forget(): void {
    this.values.fill(Value.Any);
    this.known = 0;
    this.flagsSafe = false;
  }

  private setValue(register: number, value: Value): void {
    this.values[register] = value;
    if (value === Value.Any) this.known &= ~(1 << register);
    else this.known |= 1 << register;
  }

  private isHostAddress(register: number): boolean {
    const value = this.values[register];
    return value === Value.Window || value === Value.NegatedWindow || value === Value.InWindow;
  }

  private checkNoHostAddress(rule: string): void {
    if (this.known === 0) return;
    for (let r = 0; r < 16; r++) if (this.isHostAddress(r)) this.fail(`${rule}: ${r}`);
  }

  /** @returns true when the next instruction is reached too. */
  private flow(next: number): boolean {
    const { instr, layout } = this;
    switch (instr.flowControl) {
      case FlowControl.Next:
        return true;
      case FlowControl.ConditionalBranch:
        this.checkNoHostAddress('a register holds a host address at a branch');
        return this.branch(Number(instr.nearBranchTarget)), true;
      case FlowControl.UnconditionalBranch: {
        const target = Number(instr.nearBranchTarget);
        this.checkNoHostAddress('a register holds a host address at a branch');
        this.branch(target);
        // After a system call, translated code goes on behind the jump.
        if (target === layout.exitSyscall) this.work.push(next);
        return false;
      }
      case FlowControl.Call: {
        const target = Number(instr.nearBranchTarget);
        this.checkNoHostAddress('a register holds a host address at a call');
        this.branch(target);
        // Behind a call of exitLink there is data.
        if (target === layout.exitLink) return false;
        this.forget();
        return true;
      }
      case FlowControl.IndirectBranch: case FlowControl.IndirectCall: {
        this.checkNoHostAddress('a register holds a host address at a branch');
        if (instr.opKind(0) !== OpKind.Memory) this.fail('branch to a register');
        const call = instr.flowControl === FlowControl.IndirectCall;
        this.forget();
        return call;
      }
      case FlowControl.Return:
        this.checkNoHostAddress('a register holds a host address at a return');
        if (instr.code !== Code.Retnq) this.fail('return of another kind');
        return false;
      default:
        this.fail('flow of control that no guest has');
        return false;
    }
  }

  private branch(target: number): void {
    if (this.stubs.has(target)) return;
    if (target < this.layout.start || target >= this.code.length) return this.fail('branch out of the translated code');
    if (this.seen[target] === 2) return this.fail('branch into an instruction');
    if (this.boundaries.has(target)) return;
    if (this.seen[target] === 1) return this.checkJoin(target);
    const before = this.expected.get(target);
    this.expected.set(target, before === undefined || before === this.state ? this.state : 0);
    this.work.push(target);
  }

  /** An instruction that was checked with more knowledge than this way to it has. */
  private checkJoin(at: number): void {
    const checked = this.checked.get(at) ?? 0;
    if (checked !== 0 && checked !== this.state) this.fail('two ways to an instruction that depends on what came before');
  }

  private check(next: number): void {
    const { instr } = this;
    const { mnemonic } = instr;
    if (FORBIDDEN.has(mnemonic) || instr.isPrivileged) this.fail('forbidden instruction');
    let explicit = false;
    for (let i = 0; i < instr.opCount; i++) {
      const kind = instr.opKind(i);
      if (kind === OpKind.Memory) explicit = true;
      else if (kind === OpKind.Register) this.checkRegister(instr.opRegister(i), i);
      else if (kind >= OpKind.MemorySegSI && kind <= OpKind.MemoryESRDI) this.checkImplicit(kind);
    }
    if (explicit) this.checkMemory(next);
    if (mnemonic === Mnemonic.Pushfq || mnemonic === Mnemonic.Pushf) this.flagsSafe = true;
    if ((mnemonic === Mnemonic.Popfq || mnemonic === Mnemonic.Popf) && !this.flagsSafe) this.fail('popf of any flags');
    if (EXTENDED.has(mnemonic) && (this.values[0] !== Value.Mask7 || this.values[2] !== Value.Zero)) {
      this.fail('state components without limit');
    }
    this.track();
  }

  /** 32-bit address size: the prefix 67 is among the prefixes. */
  private has67(): boolean {
    for (let i = 0; ; i++) {
      const byte = this.code[this.host + i]!;
      if (byte === 0x67) return true;
      if (!PREFIXES.has(byte)) return false;
    }
  }

  private checkMemory(next: number): void {
    const { instr, layout } = this;
    const { mnemonic } = instr;
    this.operands++;
    const base = instr.memoryBase;
    const index = instr.memoryIndex;
    if (mnemonic === Mnemonic.Lea) return this.checkLea(next);
    if (mnemonic === Mnemonic.Nop || mnemonic === Mnemonic.Reservednop) return;
    const segment = instr.segmentPrefix;
    if (segment === Register.GS && this.has67()) return;
    const disp = signed64(instr.memoryDisplacement);
    if (segment === Register.GS) {
      const table = base === Register.None && index === Register.RCX && instr.memoryIndexScale === 8 &&
        disp === layout.indirectDisp && this.values[1] === Value.Biased &&
        (instr.code === Code.Jmp_rm64 || instr.code === Code.Call_rm64);
      if (!table) this.fail('GS memory with 64-bit addresses');
      return;
    }
    if (segment === Register.FS) {
      if (base !== Register.None || index !== Register.None) return this.fail('a thread slot with a register');
      return this.checkSlot(disp);
    }
    if (base === Register.RSP && index === Register.None) {
      const and = instr.code === Code.And_rm32_imm32 || instr.code === Code.And_rm16_imm16;
      const test = instr.code === Code.Test_rm32_imm32 || instr.code === Code.Test_rm16_imm16;
      if (!(and || test) || disp !== 0) return this.fail('host stack memory');
      if (test) return;
      if ((Number(instr.immediate(1)) & POPF_FORBIDDEN) !== 0) this.fail('TF stays in popped flags');
      this.flagsSafe = true;
      return;
    }
    this.fail('memory without GS or FS');
  }

  private checkSlot(disp: number): void {
    const { instr } = this;
    const { slots } = this.layout;
    if (disp === slots.displaced) return this.checkRegisterSlot();
    const toMemory = instr.opKind(0) === OpKind.Memory;
    if (instr.mnemonic !== Mnemonic.Mov) return this.fail('a thread slot in another instruction than mov');
    if (toMemory) {
      if (!this.writable.has(disp)) this.fail('store to a thread slot of the host');
      return;
    }
    if (this.readable.has(disp)) return;
    const wide = RegisterExt.size(instr.opRegister(0)) === 8;
    const to = instr.opRegister(0);
    if (wide && disp === slots.returnStackBase && to === Register.RSP) return;
    if (wide && (disp === slots.window || disp === slots.windowNegated) && to !== Register.RSP) return;
    this.fail('load of a thread slot of the host');
  }

  /** The slot of a guest register: any instruction may have it as an operand, so long as it stays within its eight bytes. */
  private checkRegisterSlot(): void {
    const { instr } = this;
    const size = iced.MemorySizeExt.size(instr.memorySize);
    if (size === 0 || size > 8) return this.fail('more than a thread slot');
    if (BIT_STRINGS.has(instr.mnemonic) && instr.opKind(1) === OpKind.Register) this.fail('a bit beyond a thread slot');
  }

  private checkLea(next: number): void {
    const { instr, layout } = this;
    const base = instr.memoryBase;
    if (instr.opRegister(0) === Register.RSP) {
      const disp = signed64(instr.memoryDisplacement);
      if (base !== Register.RSP || instr.memoryIndex !== Register.None || Math.abs(disp) > 8) this.fail('rsp is moved');
      return;
    }
    if (base === Register.RIP || base === Register.EIP) {
      // Where a system call's stub comes back to: in rcx, and only into the jump behind.
      const jump = this.code[next] === 0xe9 &&
        next + 5 + new DataView(this.code.buffer, this.code.byteOffset).getInt32(next + 1, true) === layout.exitSyscall;
      if (instr.opRegister(0) !== Register.RCX || Number(instr.memoryDisplacement) !== next + 5 || !jump) {
        this.fail('a host address is loaded');
      }
      return;
    }
    if (base === Register.RSP || base === Register.ESP) this.fail('rsp is read');
  }

  /** rsp must not be an operand; its uses as address are checked with the memory operand. */
  private checkRegister(register: number, operand: number): void {
    if (register < Register.AL || register > Register.R15 || RegisterExt.fullRegister(register) !== Register.RSP) {
      if (operand === 0 && register >= Register.ES && register <= Register.GS) this.fail('segment register is written');
      return;
    }
    // ah … bh have other numbers than spl.
    const { mnemonic } = this.instr;
    if (mnemonic === Mnemonic.Nop || mnemonic === Mnemonic.Reservednop) return;
    if (operand === 0 && (mnemonic === Mnemonic.Lea || mnemonic === Mnemonic.Mov) && register === Register.RSP) return;
    this.fail('rsp is an operand');
  }

  private checkImplicit(kind: number): void {
    const { instr } = this;
    this.operands++;
    if (STRINGS.has(instr.mnemonic)) {
      const rdi = kind === OpKind.MemoryESRDI;
      const rsi = kind === OpKind.MemorySegRSI;
      if (!rdi && !rsi) return this.fail('string instruction with another address size');
      if (rsi && instr.segmentPrefix !== Register.None) return this.fail('string instruction with a segment');
      if (this.values[rdi ? 7 : 6] !== Value.InWindow) this.fail('string instruction out of the window');
      return;
    }
    // lods, xlat (its operand is explicit in iced), maskmov: confined as a ModRM operand is.
    if (instr.segmentPrefix !== Register.GS || !this.has67()) this.fail('implicit memory out of the window');
  }

  /** What the instruction leaves in the registers. */
  private track(): void {
    const { instr, layout, values } = this;
    const { code } = instr;
    const to = instr.opCount > 0 && instr.opKind(0) === OpKind.Register ? instr.opRegister(0) : Register.None;
    const number = to >= Register.EAX && to <= Register.R15 ? RegisterExt.number(to) : -1;
    let result: Value = Value.Any;
    if (code === Code.Mov_r32_rm32 || code === Code.Mov_rm32_r32) result = Value.Low32;
    else if (code === Code.Mov_r64_rm64 && instr.segmentPrefix === Register.FS) {
      const disp = signed64(instr.memoryDisplacement);
      if (disp === layout.slots.window) result = Value.Window;
      else if (disp === layout.slots.windowNegated) result = Value.NegatedWindow;
    } else if (code === Code.Mov_r32_imm32 && instr.immediate(1) === 0n) result = Value.Zero;
    else if (code === Code.And_rm32_imm8 && Number(instr.immediate(1)) === 7) result = Value.Mask7;
    else if (code === Code.Lea_r64_m && this.known !== 0) {
      const base = instr.memoryBase >= Register.RAX ? values[RegisterExt.number(instr.memoryBase)]! : Value.Any;
      const index = instr.memoryIndex >= Register.RAX ? values[RegisterExt.number(instr.memoryIndex)]! : Value.Any;
      const disp = signed64(instr.memoryDisplacement);
      const scale = instr.memoryIndexScale;
      if (base === Value.Low32 && index === Value.Window && disp === 0 && scale === 1) {
        this.setValue(number, Value.InWindow);
        return;
      }
      if (base === Value.InWindow && index === Value.NegatedWindow && disp === 0 && scale === 1) {
        this.setValue(number, Value.Any);
        return;
      }
      const single = instr.memoryIndex === Register.None;
      if (base === Value.Low32 && single && disp === layout.indirectBias) result = Value.Biased;
    }
    if (this.known !== 0) this.forgetWritten();
    if (number >= 0 && result !== Value.Any) this.setValue(number, result);
  }

  /** Registers that the instruction writes are unknown; none that holds a host address may be read. */
  private forgetWritten(): void {
    const info = this.factory.info(this.instr);
    const string = STRINGS.has(this.instr.mnemonic);
    for (const used of info.usedRegisters()) {
      const { register, access } = used;
      used.free();
      if (register < Register.AL || register > Register.R15) continue;
      const number = RegisterExt.number(RegisterExt.fullRegister(register));
      const write = access === OpAccess.Write || access === OpAccess.ReadWrite || access === OpAccess.CondWrite ||
        access === OpAccess.ReadCondWrite;
      const read = access === OpAccess.Read || access === OpAccess.CondRead || access === OpAccess.ReadWrite ||
        access === OpAccess.ReadCondWrite;
      const pointer = string && (number === 6 || number === 7);
      if (read && this.isHostAddress(number) && !pointer) this.fail('a host address is used');
      if (write && !(string && this.values[number] === Value.InWindow)) this.setValue(number, Value.Any);
    }
    info.free();
  }
}
