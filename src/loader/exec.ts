/** Starting a program in a fresh address space: the memory side of execve(2). */
import { AT } from '../abi/auxv.js';
import { E } from '../abi/errno.js';
import { RSEQ } from '../abi/process.js';
import { PAGE } from '../mm/layout.js';
import type { AddressSpace } from '../mm/address_space.js';
import type { OpenFile } from '../vfs/vfs.js';
import { isElf, parseElf, PROGRAM_HEADER_SIZE, type ElfImage } from './elf.js';
import { LoadFailure, printable } from './failure.js';
import { FileMapping } from './file_mapping.js';
import { mapImage } from './image.js';
import { buildStack, checkArguments } from './initial_stack.js';
import { isScript, MAX_SCRIPT_DEPTH, parseScript, SCRIPT_LINE } from './script.js';
import { mapVdso } from './vdso.js';

export { LoadFailure } from './failure.js';

export interface LoadRequest {
  /** Byte strings. */
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** The path as given to execve, also what a script's interpreter gets as its argument. */
  readonly execfn: string;
  /** Opens a program named by a script or PT_INTERP, with execve's checks; or -errno. */
  readonly open: (path: string) => OpenFile | number;
  readonly creds: { readonly uid: number; readonly euid: number; readonly gid: number; readonly egid: number };
  /** AT_SECURE: set-user-id and the like. */
  readonly secure: boolean;
  /** AT_HWCAP (CPUID 1, edx) and AT_HWCAP2. */
  readonly hwcap: number;
  readonly hwcap2: number;
  /** Sixteen bytes for AT_RANDOM. */
  readonly random: Uint8Array;
  /** False: no vdso. */
  readonly vdso: boolean;
}

export interface LoadedProgram {
  /** Where to begin: rip. */
  readonly entry: number;
  /** rsp. */
  readonly stackPointer: number;
  /** The binary that runs (for a script: its interpreter), with a reference for the caller: /proc/PID/exe. */
  readonly executable: OpenFile;
}

/** What Linux gives as AT_MINSIGSTKSZ on a CPU with AVX: bytes of the largest signal frame. */
const MIN_SIGNAL_STACK = 1776;
const CLOCK_TICKS = 100;
/** Bytes of struct rseq that mean something: up to mm_cid. */
const RSEQ_FEATURES = RSEQ.mmCid + 4;
const PLATFORM = 'x86_64';

/**
 * Loads the program in `file`, or the interpreter that it names, into the empty `space`. On failure the space is of no
 * further use. `file` stays the caller's.
 */
export function loadProgram(space: AddressSpace, file: OpenFile, request: LoadRequest): LoadedProgram | LoadFailure {
  const { envp, execfn } = request;
  let argv = request.argv.length > 0 ? request.argv : [''];
  const opened: OpenFile[] = [];
  try {
    const prefix = Buffer.allocUnsafe(SCRIPT_LINE);
    let name = execfn;
    for (let depth = 0; ; depth++) {
      const tooBig = checkArguments(argv, envp, execfn, space.limits.stack);
      if (tooBig < 0) return new LoadFailure(tooBig, 'arguments and environment are too long');
      const length = file.pread(prefix, 0, SCRIPT_LINE, 0);
      if (length < 0) return new LoadFailure(length, 'it cannot be read');
      if (!isScript(prefix, length)) {
        if (!isElf(prefix, length)) return new LoadFailure(-E.NOEXEC, length === 0 ? 'it is empty' : 'not a program');
        const image = parseElf(file, prefix, length);
        return image instanceof LoadFailure ? image : start(space, file, image, argv, request);
      }
      if (depth >= MAX_SCRIPT_DEPTH) {
        return new LoadFailure(-E.LOOP, 'too many scripts that are interpreters of scripts');
      }
      const interpreter = parseScript(prefix, length);
      if (interpreter instanceof LoadFailure) return interpreter;
      const extra = interpreter.argument === undefined ? [] : [interpreter.argument];
      argv = [interpreter.path, ...extra, name, ...argv.slice(1)];
      const next = request.open(interpreter.path);
      if (typeof next === 'number') return new LoadFailure(next, whyNot(interpreter.path, next));
      opened.push(next);
      file = next;
      name = interpreter.path;
    }
  } finally {
    for (const script of opened) script.unref();
  }
}

function start(
  space: AddressSpace, file: OpenFile, image: ElfImage, argv: readonly string[], request: LoadRequest,
): LoadedProgram | LoadFailure {
  let interpreter: { file: OpenFile; image: ElfImage } | undefined;
  if (image.interpreter !== undefined) {
    const found = openInterpreter(image.interpreter, request);
    if (found instanceof LoadFailure) return found;
    interpreter = found;
  }
  try {
    return place(space, file, image, interpreter, argv, request);
  } finally {
    interpreter?.file.unref();
  }
}

function openInterpreter(path: string, request: LoadRequest): { file: OpenFile; image: ElfImage } | LoadFailure {
  const file = request.open(path);
  if (typeof file === 'number') return new LoadFailure(file, whyNot(path, file));
  const prefix = Buffer.allocUnsafe(SCRIPT_LINE);
  const length = file.pread(prefix, 0, SCRIPT_LINE, 0);
  const image = length < 0 ? new LoadFailure(length, 'it cannot be read') : parseElf(file, prefix, length);
  if (!(image instanceof LoadFailure)) return { file, image };
  file.unref();
  const error = image.error === -E.NOEXEC ? -E.LIBBAD : image.error;
  return new LoadFailure(error, `its interpreter ${printable(path)}: ${image.reason}`);
}

/** Why an interpreter cannot be opened, for people. */
function whyNot(path: string, error: number): string {
  const name = `its interpreter ${printable(path)}`;
  if (error === -E.NOENT || error === -E.NOTDIR) return `${name} does not exist`;
  return error === -E.ACCES ? `${name} may not be executed` : `${name} cannot be opened`;
}

function place(
  space: AddressSpace, file: OpenFile, image: ElfImage, interpreter: { file: OpenFile; image: ElfImage } | undefined,
  argv: readonly string[], request: LoadRequest,
): LoadedProgram | LoadFailure {
  const failed = (error: number): LoadFailure => error === -E.FAULT
    ? new LoadFailure(-E.NOEXEC, 'truncated: its data lies behind the end of the file')
    : new LoadFailure(error, 'it does not fit in memory');
  const mapping = FileMapping.of(file);
  const program = mapImage(space, image, mapping, space.layout.pieBase);
  if (typeof program === 'number') return failed(program);
  if (!(program.entry < 0x1_0000_0000)) return new LoadFailure(-E.NOEXEC, 'entry point outside of the address space');
  space.program = mapping.version();
  space.startCode = image.start + program.bias;
  space.endCode = program.end;
  space.brkStart = space.brkEnd = program.end + space.layout.brkGap;

  // The program's own segments must have left room for the stack.
  if (!space.areas.isFree(space.mmapTop, space.layout.stackTop)) return failed(-E.NOMEM);
  let entry = program.entry;
  let base = 0;
  if (interpreter !== undefined) {
    const linker = mapImage(space, interpreter.image, FileMapping.of(interpreter.file), 0);
    if (typeof linker === 'number') return failed(linker);
    if (!(linker.entry < 0x1_0000_0000)) return new LoadFailure(-E.LIBBAD, 'entry point of its interpreter');
    entry = linker.entry;
    base = linker.bias;
  }
  const vdso = request.vdso ? mapVdso(space) : 0;
  if (vdso < 0) return failed(vdso);

  const { creds } = request;
  const headers = image.programHeaders === 0 ? 0 : image.programHeaders + program.bias;
  const auxv: [number, number][] = [
    [AT.MINSIGSTKSZ, MIN_SIGNAL_STACK], [AT.HWCAP, request.hwcap], [AT.PAGESZ, PAGE], [AT.CLKTCK, CLOCK_TICKS],
    [AT.PHDR, headers], [AT.PHENT, PROGRAM_HEADER_SIZE], [AT.PHNUM, image.programHeaderCount], [AT.BASE, base],
    [AT.FLAGS, 0], [AT.ENTRY, program.entry], [AT.UID, creds.uid], [AT.EUID, creds.euid], [AT.GID, creds.gid],
    [AT.EGID, creds.egid], [AT.SECURE, request.secure ? 1 : 0], [AT.HWCAP2, request.hwcap2],
    [AT.RSEQ_FEATURE_SIZE, RSEQ_FEATURES], [AT.RSEQ_ALIGN, RSEQ.size],
  ];
  if (vdso > 0) auxv.unshift([AT.SYSINFO_EHDR, vdso]);
  const { envp, execfn, random } = request;
  const contents = { argv, envp, execfn, platform: PLATFORM, random, auxv };
  const stackPointer = buildStack(space, contents, image.executableStack);
  if (stackPointer < 0) return failed(stackPointer);
  file.ref();
  return { entry, stackPointer, executable: file };
}
