/** The engine for x86-64 hosts: the loop between guest code and the traps that the engine settles itself. */
import { native, type CodeLayout } from '../host/native.js';
import { Cpu, CpuBlock, Gpr, Trap } from '../host/cpu_block.js';
import { Assembler } from './assembler.js';
import { type CodeSpaceOwner, Translations, X86CodeSpace } from './code_space.js';
import { CpuModel } from './cpu_model.js';
import { emulate, emulateQuestion } from './emulate.js';
import type { CodeSource, CodeSpace, CodeStore, Engine, EngineStats } from './engine.js';
import { applyFixup, Fixup } from './fixup.js';
import { ImageStore } from './image_store.js';
import { Rewrite } from './insn.js';
import { InstructionLog } from './instruction_log.js';
import { Linker } from './linker.js';
import { jumpsNeedLines } from './jump_lines.js';
import { translateModule } from './on_demand.js';
import type { Translator } from './translate.js';

const { enter } = native;
const WINDOW_SIZE = 0x1_0000_0000;
const MAX_INSTRUCTION = 15;
/** The trap flag in RFLAGS. It is the guest's alone: never set while guest code runs. */
const TF = 0x100;
const ZF = 0x40;
/** Programs whose translations are kept when nothing runs them. */
const KEPT_PROGRAMS = 64;
/** Entries of the instruction log that may belong to dropped code, when that is most of it: some 20 MB. */
const MAX_DROPPED = 1_000_000;
/** CPUs that are kept for tasks to come. */
const IDLE_CPUS = 16;
/** In the entry block: nothing is to be entered before others had their turn. */
const SLICE_OVER = 5;
const RESUME = CpuBlock.resume >> 2;
const RIP = CpuBlock.rip >> 2;
const RFLAGS = CpuBlock.rflags >> 2;
const LINK = CpuBlock.link >> 2;
const TARGET = CpuBlock.target >> 2;
const HOST_PC = CpuBlock.hostPc >> 2;
const FAULT_ADDRESS = CpuBlock.faultAddress >> 2;

export class X86Engine implements Engine, CodeSpaceOwner {
  readonly stats: EngineStats = {
    fragments: 0, instructions: 0, hostBytes: 0, links: 0, indirectMisses: 0, flushes: 0, translateMs: 0,
  };
  readonly model: CpuModel;
  private readonly code: Uint8Array;
  private readonly codeView: DataView;
  private readonly layout: CodeLayout;
  /** native.entryBlock */
  private readonly entry = new Uint32Array(native.entryBlock());
  private readonly linker: Linker;
  /** Made when the first code has to be translated. */
  private loaded: Translator | undefined;
  private readonly store: ImageStore | undefined;
  /** An array: V8 would keep every old table of a Set that changes all the time, and what it names. */
  private readonly spaces: X86CodeSpace[] = [];
  /** Translations by program, for its next run. */
  private readonly programs = new Map<string, Translations>();
  private uses = 0;
  /** By CPU id: epoch of the code space that its return stack and resume address belong to. */
  private readonly epochs: number[] = [];
  private epoch = 0;
  /** Entries of the instruction log that belong to dropped code. */
  private dropped = 0;
  /** By CPU id: address of the instruction that faulted on a store to its own page; -1: none. */
  private readonly ownStores: number[] = [];
  /** CPUs whose tasks ended, for the next ones. */
  private readonly idleCpus: Cpu[] = [];

  /** @param store where translated code is kept between processes; undefined: nowhere */
  constructor(model: CpuModel = new CpuModel(), store?: CodeStore) {
    this.model = model;
    const buffer = native.codeBuffer();
    this.code = new Uint8Array(buffer);
    this.codeView = new DataView(buffer);
    this.layout = native.codeLayout();
    const asm = new Assembler(this.code, this.layout, jumpsNeedLines());
    const log = new InstructionLog(native.codeLog());
    this.linker = new Linker(asm, log);
    if (store !== undefined) this.store = new ImageStore(store, asm, log, this.codeView, this.layout, model);
  }

  private get translator(): Translator {
    return this.loaded ??= new (translateModule().Translator)(this.linker, this.model, this.stats);
  }

  createCpu(): Cpu {
    const idle = this.idleCpus.pop();
    if (idle !== undefined) {
      native.cpuReset(idle.id);
      this.epochs[idle.id] = 0;
      this.ownStores[idle.id] = -1;
      return idle;
    }
    const id = native.cpuCreate();
    if (id < 0) throw new Error(`posixx: no memory for a CPU (errno ${-id})`);
    this.epochs[id] = 0;
    this.ownStores[id] = -1;
    return new Cpu(id, native.cpuBuffer(id));
  }

  destroyCpu(cpu: Cpu): void {
    if (this.idleCpus.length < IDLE_CPUS) this.idleCpus.push(cpu);
    else native.cpuDestroy(cpu.id, cpu.u8.buffer as ArrayBuffer);
  }

  createSpace(source: CodeSource): CodeSpace {
    const program = source.program ?? '';
    const translations = program === '' ? undefined : this.programs.get(program);
    if (translations === undefined || translations.bound) {
      const fresh = new Translations();
      if (program !== '') this.keepProgram(program, fresh);
      return new X86CodeSpace(this, source, fresh);
    }
    translations.lastUse = ++this.uses;
    translations.users++;
    return new X86CodeSpace(this, source, translations);
  }

  private keepProgram(program: string, translations: Translations): void {
    translations.lastUse = ++this.uses;
    this.programs.set(program, translations);
    if (this.programs.size <= KEPT_PROGRAMS) return;
    let [oldest, least] = [program, Infinity];
    for (const [other, { lastUse }] of this.programs) if (lastUse < least) [oldest, least] = [other, lastUse];
    this.programs.delete(oldest);
  }

  retire(translations: Translations, program: string): void {
    if (translations.users > 0) return;
    this.store?.keep([translations], this.linker.saves);
    if (translations.bound && this.programs.get(program) === translations) this.programs.delete(program);
  }

  /** The address space gets translations of its own: it has code that the others do not have. */
  private leave(space: X86CodeSpace): void {
    const { translations, source } = space;
    translations.users--;
    this.retire(translations, source.program ?? '');
    space.change(new Translations());
    native.indirectClear(source.window.id, 0, WINDOW_SIZE);
  }

  nextEpoch(): number {
    return ++this.epoch;
  }

  adopt(space: X86CodeSpace): void {
    this.spaces.push(space);
  }

  disown(space: X86CodeSpace): void {
    this.spaces.splice(this.spaces.indexOf(space), 1);
  }

  invalidate(space: X86CodeSpace, start: number, end: number): void {
    const { translations, source } = space;
    space.forget(start, end);
    if (!translations.hasCode(start, end)) return;
    if (translations.users > 1) return this.leave(space);
    space.epoch = this.nextEpoch();
    if (!this.linker.hasRoom) {
      this.flush();
      return;
    }
    const window = source.window.id;
    this.dropped += translations.drop(
      start, end, this.linker.log,
      (site, pc) => this.linker.linkLater(site, pc), (pc) => native.indirectSet(window, pc, 0),
      (origin, image) => this.store!.describe(translations, origin, image),
    );
    // A program that rewrites its code again and again would fill the cache and its logs with what nobody runs.
    if (this.mostlyDropped) this.flush();
  }

  /** Gives translated code to the store that the engine was made with, for later processes. */
  keep(): void {
    if (this.store === undefined || this.stats.instructions === 0) return;
    const all = new Set(this.programs.values());
    for (const space of this.spaces) all.add(space.translations);
    this.store.keep(all, this.linker.saves);
  }

  /** Whether `translations` got code from an earlier process for the image that has `pc`. */
  private recall(space: X86CodeSpace, pc: number): boolean {
    const { translations, source } = space;
    const origin = translations.origins.get(pc >>> 12);
    if (origin === undefined || translations.installed.has(origin)) return false;
    // Pages are asked for in ascending order; those of one mapping have one origin.
    let end = 0;
    const mapped = (page: number): boolean => {
      if (page < end) return true;
      if (source.codeOrigin?.(page) !== origin) return false;
      end = page + source.fetchable(page);
      return true;
    };
    this.linker.saves |= this.store!.recall(translations, origin, mapped);
    return translations.installed.get(origin) !== null;
  }

  private get mostlyDropped(): boolean {
    return this.dropped > MAX_DROPPED && this.dropped * 2 > this.linker.log.length;
  }

  /** The code cache is full, or full of dropped code: everything is forgotten. */
  private flush(): void {
    this.stats.flushes++;
    this.dropped = 0;
    this.keep();
    this.linker.asm.at = this.layout.start;
    this.linker.log.clear();
    this.linker.asm.relocations.clear();
    this.programs.clear();
    const fresh = new Map<Translations, Translations>();
    for (const space of this.spaces) {
      let translations = fresh.get(space.translations);
      if (translations === undefined) {
        translations = new Translations();
        translations.users = space.translations.users;
        fresh.set(space.translations, translations);
      }
      space.change(translations);
      native.indirectClear(space.source.window.id, 0, WINDOW_SIZE);
    }
  }

  /** Cache offset of the translation of `pc`, made when there is none; 0: it cannot be fetched. */
  private locate(space: X86CodeSpace, pc: number, indirect = false): number {
    if (pc >= WINDOW_SIZE) return 0;
    if (space.admitted.has(pc >>> 12)) {
      const host = space.translations.find(pc);
      if (host !== 0) return host;
    }
    if (space.source.fetchable(pc) === 0) return 0;
    if (!space.admits(pc >>> 12)) this.leave(space);
    let host = space.translations.find(pc);
    if (host === 0 && this.store !== undefined && this.recall(space, pc)) host = space.translations.find(pc);
    if (host !== 0) return host;
    if (!this.linker.hasRoom) {
      this.flush();
      if (!space.admits(pc >>> 12)) this.leave(space);
    }
    const translated = this.translator.translate(space, pc, indirect);
    if (translated >= 0) return translated;
    // The instruction reaches into a page that the shared translations have otherwise.
    this.leave(space);
    space.admits(pc >>> 12);
    return this.translator.translate(space, pc, indirect);
  }

  run(cpu: Cpu, codeSpace: CodeSpace): Trap {
    const space = codeSpace as X86CodeSpace;
    const { u32 } = cpu;
    const { entry } = this;
    if (entry[SLICE_OVER] !== 0) {
      entry[SLICE_OVER] = 0;
      return Trap.Preempted;
    }
    const window = space.source.window.id;
    let host = u32[RESUME]!;
    if (this.epochs[cpu.id] !== space.epoch) {
      host = 0;
      this.renew(cpu, space);
    }
    if ((u32[RFLAGS]! & TF) !== 0) return this.step(cpu, space);
    for (;;) {
      if (host === 0) {
        host = cpu.rip === this.ownStores[cpu.id] ? this.locateOnce(cpu, space) : this.locate(space, cpu.rip);
        if (host === 0) return this.fetchFault(cpu, space);
        if (this.epochs[cpu.id] !== space.epoch) this.renew(cpu, space);
      }
      entry[0] = cpu.id;
      entry[1] = window;
      entry[2] = host;
      entry[3] = this.linker.saves;
      enter();
      const trap = entry[4] as Trap;
      switch (trap) {
        case Trap.Syscall:
          return trap;
        case Trap.Link:
          host = this.link(cpu, space);
          break;
        case Trap.IndirectMiss:
          host = this.indirectMiss(cpu, space);
          break;
        case Trap.Preempted:
          // In the middle of a repeated string instruction (signal 1) its pointers must be put right.
          this.locateTrap(cpu, u32[CpuBlock.signal >> 2] !== 0);
          return trap;
        case Trap.Fault:
          this.locateTrap(cpu, true);
          this.noteOwnStore(cpu);
          return trap;
        case Trap.Emulate: {
          host = 0;
          const emulated = this.emulate(cpu, space);
          if (emulated !== 0) return emulated;
          if ((u32[RFLAGS]! & TF) !== 0) return this.step(cpu, space);
          break;
        }
        default:
          return trap;
      }
    }
  }

  /**
   * A store to the page that its own instruction is in: when that page is watched for stores, translating the instruction
   * again would watch it again, and so on for ever. It is to run once from a translation that watches nothing.
   */
  private noteOwnStore(cpu: Cpu): void {
    const { u32 } = cpu;
    if (u32[CpuBlock.faultAccess >> 2] === 0 || u32[FAULT_ADDRESS + 1] !== 0) return;
    const page = u32[FAULT_ADDRESS]! >>> 12;
    const pc = cpu.rip;
    if (page === pc >>> 12 || page === (pc + MAX_INSTRUCTION - 1) >>> 12) this.ownStores[cpu.id] = pc;
  }

  private locateOnce(cpu: Cpu, space: X86CodeSpace): number {
    this.ownStores[cpu.id] = -1;
    const { linker } = this;
    if (!linker.hasRoom || this.mostlyDropped) this.flush();
    const logged = linker.log.length;
    const host = this.translator.translateOnce(space, cpu.rip);
    this.dropped += linker.log.length - logged;
    return host;
  }

  takeCalls(to: Cpu, toSpace: CodeSpace, from: Cpu, fromSpace: CodeSpace): void {
    const [mine, theirs] = [toSpace as X86CodeSpace, fromSpace as X86CodeSpace];
    if (this.epochs[from.id] !== theirs.epoch || mine.translations !== theirs.translations) return;
    native.cpuCopyReturnStack(to.id, from.id);
    this.epochs[to.id] = mine.epoch;
  }

  /** The CPU's return stack may name dropped code: it is emptied. */
  private renew(cpu: Cpu, space: X86CodeSpace): void {
    native.cpuResetReturnStack(cpu.id);
    this.epochs[cpu.id] = space.epoch;
  }

  /** A direct branch met its target for the first time. */
  private link(cpu: Cpu, space: X86CodeSpace): number {
    const data = cpu.u32[LINK]!;
    const target = this.codeView.getUint32(data, true);
    const site = this.codeView.getUint32(data + 4, true);
    cpu.rip = target;
    const { epoch } = space;
    const host = this.locate(space, target);
    if (host === 0 || space.epoch !== epoch) return 0;
    const { linker } = this;
    if (!linker.mayLink(space, linker.log.pcAt(linker.log.find(site)), target)) return host;
    this.stats.links++;
    linker.link(space, site, target, host);
    return host;
  }

  private indirectMiss(cpu: Cpu, space: X86CodeSpace): number {
    const target = cpu.u32[TARGET]!;
    cpu.rip = target;
    const { epoch } = space;
    const host = this.locate(space, target, true);
    if (host === 0 || space.epoch !== epoch) return 0;
    this.stats.indirectMisses++;
    const { thunks } = space.translations;
    this.setStoredThunks(space, target);
    let thunk = thunks.get(target);
    if (thunk === undefined) {
      thunk = this.linker.thunk(host);
      thunks.set(target, thunk);
    }
    native.indirectSet(space.source.window.id, target, thunk);
    return host;
  }

  /** Enters `target`, and the indirect targets near it, if earlier processes met them. */
  private setStoredThunks(space: X86CodeSpace, target: number): void {
    const { translations, source } = space;
    const image = translations.installed.get(translations.origins.get(target >>> 12) ?? '');
    image?.eachThunk(target, (pc, host) => {
      translations.thunks.set(pc, host);
      native.indirectSet(source.window.id, pc, host);
    });
  }

  /** Finds the guest instruction of a fault or an interruption, and with `undo` rebuilds the state at its start. */
  private locateTrap(cpu: Cpu, undo: boolean): void {
    const { log } = this.linker;
    const host = cpu.u32[HOST_PC]!;
    if (host < this.layout.start) {
      // The return-miss stub read the guest's stack, which is not there.
      applyFixup(cpu, Fixup.Return | Fixup.RcxInScratch);
      cpu.rip = 0;
      return;
    }
    const at = log.find(host);
    if (undo) applyFixup(cpu, log.fixupAt(at));
    cpu.rip = log.pcAt(at);
    // Interrupted where an instruction begins: it can be resumed there.
    if (!undo) cpu.u32[RESUME] = host;
  }

  private fetchFault(cpu: Cpu, space: X86CodeSpace): Trap {
    const { u32 } = cpu;
    const pc = cpu.rip;
    // The first byte that cannot be fetched: the instruction may begin in a page that can.
    const address = pc < WINDOW_SIZE ? pc + space.source.fetchable(pc) : pc;
    u32[FAULT_ADDRESS] = address >>> 0;
    u32[FAULT_ADDRESS + 1] = Math.floor(address / WINDOW_SIZE);
    u32[CpuBlock.faultAccess >> 2] = 0;
    return Trap.Fetch;
  }

  /** 0, or the trap that the instruction ends in. */
  private emulate(cpu: Cpu, space: X86CodeSpace): Trap | 0 {
    const { source } = space;
    const pc = cpu.u32[RIP]!;
    if (emulateQuestion(cpu, source.window.u8, pc, this.model)) return 0;
    const insn = this.translator.decodeAt(source, pc);
    if (emulate(cpu, insn, this.model)) return 0;
    const trap = translateModule().emulateSegments(cpu, insn, source);
    cpu.u32[RESUME] = 0;
    return trap;
  }

  /**
   * Runs one instruction of a guest that has set the trap flag, from a translation of its own that is given up at once,
   * and whose branches all leave.
   * @returns Trap.Debug when it is done
   */
  private step(cpu: Cpu, space: X86CodeSpace): Trap {
    const { u32, rip } = cpu;
    const { linker, translator, entry } = this;
    const { source } = space;
    if (rip >= WINDOW_SIZE || source.fetchable(rip) === 0) return this.fetchFault(cpu, space);
    if (!linker.hasRoom) this.flush();
    this.renew(cpu, space);
    const insn = translator.decodeAt(source, rip);
    const { rewrite } = insn.form;
    // A repeated string instruction traps behind each of its rounds.
    const rounds = insn.rep !== 0 && insn.opcode >= 0xa4 && insn.opcode <= 0xaf && insn.map === 0 ? cpu.u64[Gpr.rcx]! : 0n;
    const compares = (insn.opcode & 6) === 6;
    const whileZero = insn.rep === 0xf3 ? ZF : 0;
    const { at } = linker.asm;
    const logged = linker.log.length;
    const host = translator.translateOnce(space, rip, false);
    if (host === 0) return this.fetchFault(cpu, space);
    const window = source.window.id;
    native.indirectClear(window, 0, WINDOW_SIZE);
    u32[RFLAGS] = u32[RFLAGS]! & ~TF;
    if (rounds > 0n) cpu.u64[Gpr.rcx] = 1n;
    entry[0] = cpu.id;
    entry[1] = window;
    entry[2] = host;
    entry[3] = linker.saves;
    enter();
    let trap = entry[4] as Trap;
    const done = trap === Trap.Link || trap === Trap.IndirectMiss;
    if (done) cpu.rip = trap === Trap.Link ? this.codeView.getUint32(u32[LINK]!, true) : u32[TARGET]!;
    else if (trap === Trap.Fault || trap === Trap.Preempted) {
      this.locateTrap(cpu, trap === Trap.Fault || u32[CpuBlock.signal >> 2] !== 0);
      cpu.rip = rip;
    }
    if (rounds > 0n) {
      cpu.u64[Gpr.rcx] = done ? rounds - 1n : rounds;
      if (done && rounds > 1n && !(compares && (u32[RFLAGS]! & ZF) !== whileZero)) cpu.rip = rip;
    }
    u32[RESUME] = 0;
    // popf that leaves TF clear; one that sets it is emulated.
    if (!done || rewrite !== Rewrite.PopF) u32[RFLAGS] = u32[RFLAGS]! | TF;
    if (done && rewrite === Rewrite.PushF) source.window.u8[(cpu.low(Gpr.rsp) + 1) >>> 0]! |= 1;
    if (trap === Trap.Syscall) u32[Gpr.r11 << 1] = u32[Gpr.r11 << 1]! | TF;
    if (trap === Trap.Emulate) trap = this.emulate(cpu, space) || Trap.Debug;
    else if (done) trap = Trap.Debug;
    linker.asm.at = at;
    linker.asm.relocations.cut(at);
    linker.log.cut(logged);
    this.renew(cpu, space);
    return trap;
  }
}
