/** Translates guest code, a fragment at a time: from a guest address on, through calls, until control surely leaves. */
import { native } from '../host/native.js';
import { decode } from './decode.js';
import { type Form, type Insn, Insn as InsnClass, Rewrite } from './insn.js';
import { Trap } from '../host/cpu_block.js';
import { type Assembler, JCC_BYTES } from './assembler.js';
import type { Fragment, X86CodeSpace } from './code_space.js';
import type { CpuModel } from './cpu_model.js';
import type { CodeSource, EngineStats } from './engine.js';
import { flagsLive } from './flags.js';
import { isLoopEntry } from './loops.js';
import { lagFixup, MAX_LAG } from './fixup.js';
import type { InstructionLog } from './instruction_log.js';
import { FRAGMENT_LIMIT, type Linker, SAVE_X87, SAVE_YMM } from './linker.js';
import { isVerbatim, OperandMapper } from './operands.js';
import { Reloc } from './relocations.js';
import * as branch from './emit_branch.js';
import * as stack from './emit_stack.js';
import { emitFpuRestore, emitFpuSave } from './emit_fpu.js';
import { emitSegmented, emitString } from './emit_string.js';

export { emulateSegments } from './segments.js';

/** Bytes of a load from a slot. */
const THUNK_BYTES = 9;
/** Bytes of the prefixes that confine a memory operand. */
const CONFINING_BYTES = 2;
const FUSED = new Set(['cmp', 'test', 'add', 'sub', 'and', 'inc', 'dec']);
const enum After { Continue, End }

/** Whether the bytes behind an instruction are a conditional jump that the CPU takes together with it (macro-fusion). */
function fusesWith({ form }: Insn, first: number, second: number): boolean {
  if ((first & 0xf0) !== 0x70 && (first !== 0x0f || (second & 0xf0) !== 0x80)) return false;
  return FUSED.has(form.mnemonic);
}

/** What CF is behind an instruction that sets or clears nothing else; -1 behind all others. */
function carrySet({ form }: Insn): number {
  return form.mnemonic === 'stc' ? 1 : form.mnemonic === 'clc' ? 0 : -1;
}

export class Translator implements branch.BranchSink {
  private readonly log: InstructionLog;
  private readonly asm: Assembler;
  private readonly map: OperandMapper;
  private readonly insn: Insn = new InsnClass();
  private readonly pendingSites: number[] = [];
  private readonly pendingTargets: number[] = [];
  private space!: X86CodeSpace;
  private fragment!: Fragment;
  private lastPage = -1;
  /** Where the fragment begins. */
  private startPc = 0;
  /** What CF was set to by the last instruction that touched the flags: 0, 1; -1: something else. */
  private carry = -1;

  constructor(
    private readonly linker: Linker, private readonly model: CpuModel, private readonly stats: EngineStats,
  ) {
    this.asm = linker.asm;
    this.log = linker.log;
    this.map = new OperandMapper(linker.asm);
  }

  /**
   * Translates the code at `pc`, whose page the space has admitted. With `indirect` its entry for indirect branches
   * stands right in front of it.
   * @returns its cache offset; 0 when the instruction at `pc` cannot be fetched; -1 when it reaches into a page that the
   *   space does not admit
   */
  translate(space: X86CodeSpace, pc: number, indirect = false): number {
    const { asm, log } = this;
    const { source, translations } = space;
    const bytes = source.window.u8;
    const start = native.monotonicNow();
    this.space = space;
    this.startPc = pc;
    this.lastPage = -1;
    const codeStart = indirect ? this.thunkInFront(pc) : (asm.at = (asm.at + 15) & ~15);
    const host = asm.at;
    const { relocations } = asm;
    const fragment: Fragment = this.fragment = {
      codeStart, codeEnd: host, logStart: log.length, logEnd: log.length,
      relocationStart: relocations.length, relocationEnd: relocations.length, oneImage: true,
    };
    let fetchEnd = 0;
    let count = 0;
    let ended = false;
    this.carry = -1;
    while (!ended) {
      if (count > 0 && (count >= FRAGMENT_LIMIT || translations.find(pc) !== 0)) {
        asm.flushStack();
        branch.emitJmp(asm, this, pc);
        break;
      }
      if (pc >= fetchEnd || count === 0) fetchEnd = pc + source.fetchable(pc);
      const length = fetchEnd > pc ? decode(bytes, pc, fetchEnd - pc, pc, this.insn) : 0;
      if (length === 0) {
        if (count === 0) return this.abandon(pc, 0);
        asm.flushStack();
        branch.emitJmp(asm, this, pc);
        break;
      }
      if (!this.coverPages(pc, length)) {
        if (count === 0) return this.abandon(pc, -1);
        asm.flushStack();
        branch.emitJmp(asm, this, pc);
        break;
      }
      if (asm.stackDelta !== 0 && !(stack.toleratesLag(this.insn) && Math.abs(asm.stackDelta) < MAX_LAG)) asm.flushStack();
      const next = pc + length;
      if (next + 1 < fetchEnd && fusesWith(this.insn, bytes[next]!, bytes[next + 1]!)) {
        asm.keepInLine(length + (this.insn.hasMemory ? CONFINING_BYTES : 0) + JCC_BYTES);
      }
      const at = log.length;
      if (asm.stackDelta === 0) {
        log.add(asm.at, pc, 0);
        translations.set(pc, asm.at);
      } else {
        log.addInside(asm.at, pc, lagFixup(asm.stackDelta));
      }
      count++;
      ended = this.emit(this.insn, at, next) === After.End;
      if (this.insn.form.flagsWritten !== 0) this.carry = carrySet(this.insn);
      pc = this.continueAt >= 0 ? this.continueAt : next;
      if (this.continueAt >= 0) fetchEnd = 0;
    }
    fragment.codeEnd = asm.at;
    fragment.logEnd = log.length;
    fragment.relocationEnd = relocations.length;
    this.settleBranches();
    this.stats.fragments++;
    this.stats.instructions += count;
    translations.instructions += count;
    this.stats.hostBytes += asm.at - host;
    this.stats.translateMs += (native.monotonicNow() - start) / 1e6;
    return host;
  }

  /**
   * Translates the one instruction at `pc` for a single use: nobody finds it later, and its page is not watched for
   * stores. So an instruction can store to its own page.
   * @param linked the code behind may be linked; else it leaves behind the instruction
   * @returns its cache offset, or 0 when it cannot be fetched.
   */
  translateOnce(space: X86CodeSpace, pc: number, linked = true): number {
    const { asm, log, insn } = this;
    const limit = space.source.fetchable(pc);
    const length = limit > 0 ? decode(space.source.window.u8, pc, limit, pc, insn) : 0;
    if (length === 0) return 0;
    this.space = space;
    this.startPc = pc;
    asm.at = (asm.at + 15) & ~15;
    const host = asm.at;
    const at = log.length;
    log.add(host, pc, 0);
    if (this.emit(insn, at, pc + length) === After.Continue) {
      asm.flushStack();
      branch.emitJmp(asm, this, this.continueAt >= 0 ? this.continueAt : pc + length);
    }
    this.settleBranches(linked);
    return host;
  }

  /** The instruction at `pc`, which can be fetched. Its object is reused. */
  decodeAt(source: CodeSource, pc: number): Insn {
    decode(source.window.u8, pc, source.fetchable(pc), pc, this.insn);
    return this.insn;
  }

  /** Where an unconditional jump lets the fragment go on, or -1. */
  private continueAt = -1;

  /** Notes that the fragment has code of these pages; false: the space does not admit one of them. */
  private coverPages(pc: number, length: number): boolean {
    const { translations, source } = this.space;
    const first = pc >>> 12;
    const last = (pc + length - 1) >>> 12;
    if (last === this.lastPage && first === last) return true;
    for (let page = first; page <= last; page++) if (!this.space.admits(page)) return false;
    for (let page = first; page <= last; page++) {
      if (page === this.lastPage) continue;
      this.lastPage = page;
      if (!translations.sameOrigin(this.startPc, page << 12 >>> 0)) {
        if (this.startPc >>> 12 !== page && translations.users > 1) return false;
        translations.bound = true;
        this.fragment.oneImage = false;
      }
      if (translations.addToPage(page, this.fragment)) source.codeTranslated(page * 4096);
    }
    return true;
  }

  branch(site: number, target: number): void {
    this.asm.relocations.add(Reloc.Branch, site, target);
    this.pendingSites.push(site);
    this.pendingTargets.push(target);
  }

  /** Points every open branch to its target's translation, or to a stub that asks for it. */
  private settleBranches(linked = true): void {
    const { translations } = this.space;
    for (let i = 0; i < this.pendingSites.length; i++) {
      const site = this.pendingSites[i]!;
      const target = this.pendingTargets[i]!;
      const host = linked ? translations.find(target) : 0;
      if (host !== 0 && this.linker.mayLink(this.space, this.startPc, target)) {
        this.linker.link(this.space, site, target, host);
      } else {
        this.linker.linkLater(site, target);
      }
    }
    this.pendingSites.length = 0;
    this.pendingTargets.length = 0;
  }

  private abandon(pc: number, result: number): number {
    this.space.translations.thunks.delete(pc);
    return result;
  }

  /** As Linker.thunk, for the fragment that is emitted next: it falls into the fragment's aligned beginning. */
  private thunkInFront(pc: number): number {
    const { asm } = this;
    const at = asm.at = ((asm.at + THUNK_BYTES + 15) & ~15) - THUNK_BYTES;
    this.space.translations.thunks.set(pc, at);
    asm.loadSlot(1, asm.layout.slots.scratch);
    return at;
  }

  private emit(insn: Insn, at: number, next: number): After {
    const { asm, map, log } = this;
    const form = insn.form;
    const bytes = this.space.source.window.u8;
    const lag = lagFixup(asm.stackDelta);
    this.continueAt = -1;
    if (form.feature !== '' && !this.model.has(form.feature)) return this.trap(insn.pc, Trap.Illegal);
    let fixup = 0;
    switch (form.rewrite) {
      case Rewrite.Copy:
        if (form.mnemonic === 'nop') break;
        this.noteState(form);
        if (form.implicitMemory && insn.segment >= 0) fixup = emitSegmented(asm, map, insn);
        else if (isVerbatim(insn, bytes)) asm.copy(bytes, insn.pc, insn.length, insn.hasMemory);
        else fixup = map.copy(insn);
        // The host's CPU is none of the guest's business.
        if (form.mnemonic === 'rdtscp') asm.movRegImm(1, 0);
        break;
      case Rewrite.Lea:
        this.emitLea(insn, next);
        break;
      case Rewrite.Push:
        fixup = stack.emitPush(asm, map, insn);
        break;
      case Rewrite.Pop:
        fixup = stack.emitPop(asm, map, insn);
        break;
      case Rewrite.PushF:
        fixup = stack.emitPushF(asm, insn);
        break;
      case Rewrite.PopF:
        fixup = stack.emitPopF(asm, insn);
        break;
      case Rewrite.Enter:
        fixup = stack.emitEnter(asm, map, insn);
        break;
      case Rewrite.Leave:
        fixup = stack.emitLeave(asm, map, insn);
        break;
      case Rewrite.Moffs:
        fixup = stack.emitMoffs(asm, map, insn);
        break;
      case Rewrite.String:
        fixup = emitString(asm, map, insn);
        break;
      case Rewrite.FpuSave:
        this.noteState(form);
        this.linker.saves |= SAVE_X87;
        fixup = emitFpuSave(asm, map, insn);
        break;
      case Rewrite.FpuRestore:
        this.noteState(form);
        this.linker.saves |= SAVE_X87 | (this.model.has('avx') ? SAVE_YMM : 0);
        fixup = emitFpuRestore(asm, map, insn);
        break;
      case Rewrite.Jcc:
        branch.emitJcc(asm, this, insn, (next + insn.imm) >>> 0);
        break;
      case Rewrite.Loop:
        branch.emitLoop(asm, this, insn, (next + insn.imm) >>> 0);
        break;
      case Rewrite.JmpNear: {
        const target = (next + insn.imm) >>> 0;
        if (this.space.translations.find(target) !== 0) {
          branch.emitJmp(asm, this, target);
          return After.End;
        }
        if (isLoopEntry(this.space.source, next, target)) {
          branch.emitJmp(asm, this, target);
          this.carry = -1;
        } else {
          this.continueAt = target;
        }
        break;
      }
      case Rewrite.JmpIndirect:
        log.setFixup(at, branch.emitJmpIndirect(asm, map, insn));
        return After.End;
      case Rewrite.CallNear:
        branch.emitCall(asm, this, (next + insn.imm) >>> 0, next);
        this.emitReturnSite(next);
        break;
      case Rewrite.CallIndirect:
        fixup = branch.emitCallIndirect(asm, map, insn, next, (word) => log.addInside(asm.at, insn.pc, word));
        this.emitReturnSite(next);
        break;
      case Rewrite.Ret:
        log.setFixup(at, branch.emitRet(asm, insn, this.carry));
        return After.End;
      case Rewrite.Syscall:
        this.emitSyscall(next);
        break;
      case Rewrite.Int3:
        asm.exit(next, Trap.Breakpoint);
        break;
      case Rewrite.Int:
        if (insn.imm === 0x80 || insn.imm === 3) {
          asm.exit(next, insn.imm === 3 ? Trap.Breakpoint : Trap.Int80);
          break;
        }
        // int 4 is a trap: its rip is behind it. All others are faults.
        return this.trap(insn.imm === 4 ? next : insn.pc, Trap.SoftInterrupt);
      case Rewrite.Emulate:
        asm.exit(insn.pc, Trap.Emulate);
        break;
      case Rewrite.Privileged:
        return this.trap(insn.pc, Trap.Privileged);
      default: {
        const { hostcalls } = this.space.source;
        if (hostcalls !== undefined && insn.pc >= hostcalls.start && insn.pc < hostcalls.end) return this.hostcall(insn);
        return this.trap(insn.pc, Trap.Illegal);
      }
    }
    if (fixup !== 0) log.setFixup(at, fixup | lag);
    return After.Continue;
  }

  private noteState(form: Form): void {
    if (form.x87) this.linker.saves |= SAVE_X87;
    if (form.avx) this.linker.saves |= SAVE_YMM;
  }

  private trap(pc: number, trap: Trap): After {
    this.asm.flushStack();
    this.asm.exit(pc, trap);
    return After.End;
  }

  /** The code that a host return comes back to; then the fragment goes on behind the call. */
  private emitReturnSite(next: number): void {
    const site = this.log.length;
    this.log.addInside(this.asm.at, next, 0);
    this.carry = -1;
    this.log.setFixup(site, branch.emitReturnCheck(this.asm, next, flagsLive(this.space.source, next)));
  }

  private emitSyscall(next: number): void {
    const { asm } = this;
    const { layout } = asm;
    asm.storeSlotGuest(layout.slots.rip, next);
    // lea rcx, [rip + 5]: the host address behind the jump, where the system call's return resumes
    asm.u8(0x48);
    asm.u8(0x8d);
    asm.u8(0x0d);
    asm.u32(5);
    asm.jmp(layout.exitSyscall);
  }

  /** 0F 3F n inside the vdso: a question that the host answers without a trap. */
  private hostcall(insn: Insn): After {
    const { asm } = this;
    const bytes = this.space.source.window.u8;
    const { pc } = insn;
    if (bytes[pc] !== 0x0f || bytes[pc + 1] !== 0x3f) return this.trap(pc, Trap.Illegal);
    const { hostcalls } = asm.layout;
    asm.call(bytes[pc + 2] === 1 ? hostcalls.clockGettime : hostcalls.getcpu);
    this.continueAt = pc + 3;
    return After.Continue;
  }

  /** lea: arithmetic only, so no window prefix; of an RIP-relative operand the guest address itself is loaded. */
  private emitLea(insn: Insn, next: number): void {
    const { map, asm } = this;
    if (insn.ripRelative && insn.operandSize !== 2 && insn.reg !== 4 && insn.reg !== 11) {
      asm.movRegGuest(insn.reg, insn.pc + insn.length + insn.disp);
      return;
    }
    if (map.canAddDisplaced(insn) && !flagsLive(this.space.source, next)) map.addDisplaced(insn);
    else map.copyAddress(insn);
  }
}
