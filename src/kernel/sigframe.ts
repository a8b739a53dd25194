/**
 * Signal frames on the guest's stack (x86-64): what a handler finds there, and the way back by rt_sigreturn(2).
 * Layout: Linux arch/x86/include/asm/sigframe.h, uapi/asm/sigcontext.h; the vector state is an XSAVE area in
 * standard form with the software bytes that say how long it is.
 */
import { SA, SIGCONTEXT64, SIGINFO_SIZE, SS, UC, UCONTEXT64 } from '../abi/signal.js';
import { CpuBlock, Gpr } from '../host/cpu_block.js';
import type { SigInfo } from './pending_signals.js';
import type { Action } from './signal_actions.js';
import { writeSigInfo } from './siginfo.js';
import type { Task } from './task.js';

const RED_ZONE = 128;
/** Legacy area, header, upper halves of ymm; then the four bytes of MAGIC2. */
const XSAVE_SIZE = 832;
const FP_XSTATE_MAGIC1 = 0x4650_5853;
const FP_XSTATE_MAGIC2 = 0x4650_5845;
/** Where the software bytes stand in the legacy area, and where the header begins. */
const SOFTWARE_BYTES = 464;
const XSAVE_HEADER = 512;
/** XSTATE_BV: the upper halves of ymm are not all zero. The engine keeps this bit in the CPU block's area. */
const YMM_IN_USE = 4;
/** x87, SSE, AVX. */
const XFEATURES = 7;
/** pretcode, ucontext, siginfo. */
const FRAME_SIZE = 8 + UCONTEXT64.size + SIGINFO_SIZE;
const USER_CS = 0x33;
const USER_DS = 0x2b;

const FLAG = { TF: 0x100, DF: 0x400, RF: 0x10000 } as const;
/** What rt_sigreturn may set: AC OF DF TF SF ZF AF PF CF. NT stays as it is. */
const SETTABLE_FLAGS = 0x4_0dd5;
const NT = 0x4000;
const RFLAGS_FIXED = 0x202;

/** The order of struct sigcontext. */
const CONTEXT_REGISTERS = [
  Gpr.r8, Gpr.r9, Gpr.r10, Gpr.r11, Gpr.r12, Gpr.r13, Gpr.r14, Gpr.r15, Gpr.rdi, Gpr.rsi, Gpr.rbp, Gpr.rbx, Gpr.rdx,
  Gpr.rax, Gpr.rcx, Gpr.rsp,
] as const;

/** Whether `sp` lies on the task's alternate stack. */
export function onAltStack(task: Task, sp: number): boolean {
  return task.altStackSize !== 0 && sp > task.altStackAddress && sp - task.altStackAddress <= task.altStackSize;
}

/**
 * Puts a frame on the stack and moves the registers to the handler. `maskLow`, `maskHigh` is the mask that
 * rt_sigreturn will bring back. False when the stack has no room; the registers are then as before.
 */
export function buildFrame(task: Task, info: SigInfo, action: Action, maskLow: number, maskHigh: number): boolean {
  const { cpu, mm } = task;
  const usp = cpu.get(Gpr.rsp);
  let sp = usp - RED_ZONE;
  const alreadyThere = onAltStack(task, usp);
  const entering = (action.flags & SA.ONSTACK) !== 0 && task.altStackSize !== 0 && !alreadyThere;
  if (entering) sp = task.altStackAddress + task.altStackSize;
  const fpstate = Math.floor((sp - XSAVE_SIZE - 4) / 64) * 64;
  const frame = Math.floor((fpstate - FRAME_SIZE) / 16) * 16 - 8;
  // A frame that would run off the alternate stack is no frame.
  if ((alreadyThere || entering) && !onAltStack(task, frame)) return false;
  if (frame < 0 || !mm.writable(frame, fpstate + XSAVE_SIZE + 4 - frame)) return false;
  if ((action.flags & SA.RESTORER) === 0) return false;

  const { u8, view } = mm.window;
  u8.fill(0, frame, fpstate);
  u8.set(cpu.u8.subarray(CpuBlock.xsave, CpuBlock.xsave + XSAVE_SIZE), fpstate);
  u8.fill(0, fpstate + SOFTWARE_BYTES, fpstate + XSAVE_HEADER + 64);
  view.setUint32(fpstate + SOFTWARE_BYTES, FP_XSTATE_MAGIC1, true);
  view.setUint32(fpstate + SOFTWARE_BYTES + 4, XSAVE_SIZE + 4, true);
  view.setUint32(fpstate + SOFTWARE_BYTES + 8, XFEATURES, true);
  view.setUint32(fpstate + SOFTWARE_BYTES + 16, XSAVE_SIZE, true);
  view.setUint32(fpstate + XSAVE_HEADER, 3 | (cpu.u32[(CpuBlock.xsave + XSAVE_HEADER) >> 2]! & YMM_IN_USE), true);
  view.setUint32(fpstate + XSAVE_SIZE, FP_XSTATE_MAGIC2, true);

  view.setUint32(frame, action.restorer >>> 0, true);
  view.setUint32(frame + 4, Math.floor(action.restorer / 0x1_0000_0000), true);
  const uc = frame + 8;
  view.setUint32(uc + UCONTEXT64.flags, UC.FP_XSTATE | UC.SIGCONTEXT_SS | UC.STRICT_RESTORE_SS, true);
  writeAltStack(task, uc + UCONTEXT64.stack, usp);
  const context = uc + UCONTEXT64.mcontext;
  const at = SIGCONTEXT64.lp64;
  CONTEXT_REGISTERS.forEach((register, index) => {
    view.setUint32(context + 8 * index, cpu.low(register), true);
    view.setUint32(context + 8 * index + 4, cpu.high(register), true);
  });
  copyU64(cpu.u32, CpuBlock.rip, view, context + at.rip);
  copyU64(cpu.u32, CpuBlock.rflags, view, context + at.eflags);
  view.setUint16(context + at.cs, USER_CS, true);
  view.setUint16(context + at.ss, USER_DS, true);
  if (info.trapNumber >= 0) {
    task.faultTrapNumber = info.trapNumber;
    task.faultErrorCode = info.errorCode;
    task.faultAddress = info.address;
  }
  view.setUint32(context + at.err, task.faultErrorCode, true);
  view.setUint32(context + at.trapno, task.faultTrapNumber, true);
  view.setUint32(context + at.oldmask, maskLow, true);
  view.setUint32(context + at.oldmask + 4, maskHigh, true);
  putNumber(view, context + at.cr2, task.faultAddress);
  putNumber(view, context + at.fpstate, fpstate);
  view.setUint32(uc + UCONTEXT64.sigmask, maskLow, true);
  view.setUint32(uc + UCONTEXT64.sigmask + 4, maskHigh, true);
  const infoAddress = uc + UCONTEXT64.size;
  writeSigInfo(task.mm, infoAddress, info, task.abi);

  if (task.altStackFlags & SS.AUTODISARM) {
    task.altStackSize = 0;
    task.altStackAddress = 0;
    task.altStackFlags = 0;
  }
  cpu.set(Gpr.rdi, info.signal);
  cpu.set(Gpr.rsi, infoAddress);
  cpu.set(Gpr.rdx, uc);
  cpu.set(Gpr.rax, 0);
  cpu.set(Gpr.rsp, frame);
  cpu.rip = action.handler;
  cpu.u32[CpuBlock.rflags >> 2] = (cpu.u32[CpuBlock.rflags >> 2]! & ~(FLAG.DF | FLAG.RF | FLAG.TF)) >>> 0;
  initFpu(cpu.u8, cpu.u32);
  return true;
}

/**
 * rt_sigreturn(2): takes the registers back from the frame at rsp, and the signal mask to task.frameMask. False: the
 * frame cannot be read (SIGSEGV); what stands in front of the fault has its effect, as on Linux.
 */
export function restoreFrame(task: Task): boolean {
  const { cpu, mm } = task;
  // The handler's return took pretcode off the stack.
  const uc = cpu.get(Gpr.rsp);
  task.frameMask.low = task.blockedLow;
  task.frameMask.high = task.blockedHigh;
  if (!mm.readable(uc, UCONTEXT64.size)) return false;
  const { view } = mm.window;
  const context = uc + UCONTEXT64.mcontext;
  const at = SIGCONTEXT64.lp64;
  CONTEXT_REGISTERS.forEach((register, index) => {
    cpu.u32[register << 1] = view.getUint32(context + 8 * index, true);
    cpu.u32[(register << 1) + 1] = view.getUint32(context + 8 * index + 4, true);
  });
  cpu.rip = getNumber(view, context + at.rip);
  const kept = (cpu.u32[CpuBlock.rflags >> 2]! & NT) | RFLAGS_FIXED;
  cpu.u32[CpuBlock.rflags >> 2] = (view.getUint32(context + at.eflags, true) & SETTABLE_FLAGS) | kept;
  task.frameMask.low = view.getUint32(uc + UCONTEXT64.sigmask, true) | 0;
  task.frameMask.high = view.getUint32(uc + UCONTEXT64.sigmask + 4, true) | 0;
  if (!restoreFpu(task, getNumber(view, context + at.fpstate))) return false;
  const sp = getNumber(view, uc + UCONTEXT64.stack);
  const size = getNumber(view, uc + UCONTEXT64.stack + 16);
  const flags = view.getUint32(uc + UCONTEXT64.stack + 8, true);
  if ((flags & SS.DISABLE) === 0 && !onAltStack(task, cpu.get(Gpr.rsp))) {
    task.altStackAddress = sp;
    task.altStackSize = size;
    task.altStackFlags = flags & SS.AUTODISARM;
  }
  return true;
}

/** The FPU's part of the frame, at `fpstate`; 0: there is none. */
function restoreFpu({ cpu, mm }: Task, fpstate: number): boolean {
  const { u8, view } = mm.window;
  if (fpstate !== 0) {
    if (!mm.readable(fpstate, XSAVE_HEADER)) return false;
    const extended = view.getUint32(fpstate + SOFTWARE_BYTES, true) === FP_XSTATE_MAGIC1 &&
      view.getUint32(fpstate + SOFTWARE_BYTES + 16, true) === XSAVE_SIZE &&
      mm.readable(fpstate, XSAVE_SIZE + 4) && view.getUint32(fpstate + XSAVE_SIZE, true) === FP_XSTATE_MAGIC2;
    // XRSTOR's own checks of the header, and the kernel's.
    if (extended && !validHeader(view, fpstate + XSAVE_HEADER)) return false;
    const features = extended ? view.getUint32(fpstate + XSAVE_HEADER, true) : 3;
    const mxcsr = view.getUint32(fpstate + 24, true);
    if (mxcsr & ~0xffff) return false;
    initFpu(cpu.u8, cpu.u32);
    const xsave = CpuBlock.xsave;
    if (features & 1) {
      cpu.u8.set(u8.subarray(fpstate, fpstate + 24), xsave);
      cpu.u8.set(u8.subarray(fpstate + 32, fpstate + 160), xsave + 32);
    }
    if (features & 2) cpu.u8.set(u8.subarray(fpstate + 160, fpstate + 416), xsave + 160);
    if (features & 6) cpu.u32[(xsave + 24) >> 2] = mxcsr;
    if (features & YMM_IN_USE) {
      cpu.u8.set(u8.subarray(fpstate + 576, fpstate + XSAVE_SIZE), xsave + 576);
      cpu.u32[(xsave + XSAVE_HEADER) >> 2] = YMM_IN_USE;
    }
  } else {
    initFpu(cpu.u8, cpu.u32);
  }
  return true;
}

/** No state component beyond XFEATURES, the standard form, and nothing in the reserved bytes that XRSTOR looks at. */
function validHeader(view: DataView, header: number): boolean {
  if (view.getUint32(header, true) & ~XFEATURES) return false;
  for (let at = 4; at < 24; at += 4) if (view.getUint32(header + at, true) !== 0) return false;
  return true;
}

/** stack_t of the task as sigaltstack(2) tells it; 24 writable bytes at `addr`. */
export function writeAltStack(task: Task, addr: number, sp: number): void {
  const { view } = task.mm.window;
  putNumber(view, addr, task.altStackAddress);
  const flags = task.altStackSize === 0 ? SS.DISABLE : onAltStack(task, sp) ? SS.ONSTACK : 0;
  view.setUint32(addr + 8, (flags | task.altStackFlags) >>> 0, true);
  view.setUint32(addr + 12, 0, true);
  putNumber(view, addr + 16, task.altStackSize);
}

/** The FPU and the vector registers as a new program or a handler finds them. */
export function initFpu(u8: Uint8Array, u32: Uint32Array): void {
  const xsave = CpuBlock.xsave;
  u8.fill(0, xsave, xsave + XSAVE_SIZE);
  u32[xsave >> 2] = 0x37f;
  u32[(xsave + 24) >> 2] = 0x1f80;
  u32[(xsave + 28) >> 2] = 0xffff;
}

function copyU64(from: Uint32Array, byte: number, view: DataView, to: number): void {
  view.setUint32(to, from[byte >> 2]!, true);
  view.setUint32(to + 4, from[(byte >> 2) + 1]!, true);
}

function putNumber(view: DataView, addr: number, value: number): void {
  view.setUint32(addr, value >>> 0, true);
  view.setUint32(addr + 4, Math.floor(value / 0x1_0000_0000), true);
}

function getNumber(view: DataView, addr: number): number {
  return view.getUint32(addr + 4, true) * 0x1_0000_0000 + view.getUint32(addr, true);
}
