/**
 * ELF headers (elf(5)): parsed by elfy from a prefix of the file, every number checked here. Nothing in this file
 * throws for what a file contains.
 */
import elfy, { type Header, type Program } from 'elfy';
import { E } from '../abi/errno.js';
import { PROT } from '../abi/mman.js';
import { MAX_ADDRESS, MIN_ADDRESS, PAGE } from '../mm/layout.js';
import { LoadFailure } from './failure.js';

/** A file whose bytes can be read at a position, as OpenFile can. */
export interface ReadableFile {
  pread(u8: Uint8Array, start: number, length: number, position: number): number;
}

/** A PT_LOAD entry. All numbers are exact; addresses are before the load bias. */
export interface Segment {
  readonly address: number;
  readonly memorySize: number;
  readonly offset: number;
  readonly fileSize: number;
  /** PROT bits. */
  readonly prot: number;
}

export interface ElfImage {
  /** ET_DYN: it may be put anywhere. */
  readonly relocatable: boolean;
  readonly entry: number;
  readonly segments: readonly Segment[];
  /** First and last (exclusive) page address of the segments. */
  readonly start: number;
  readonly end: number;
  /** Largest alignment of a segment, a power of two, at least a page. */
  readonly alignment: number;
  /** Address of the program headers in the image; 0 when no segment has them. */
  readonly programHeaders: number;
  readonly programHeaderCount: number;
  /** PT_GNU_STACK asks for an executable stack. */
  readonly executableStack: boolean;
  /** Path of the PT_INTERP entry as a byte string. */
  readonly interpreter: string | undefined;
}

const HEADER_SIZE = 64;
export const PROGRAM_HEADER_SIZE = 56;
/** Linux reads at most this much of program headers. */
const MAX_HEADERS = 65536;
const PATH_MAX = 4096;
/** elfy names machines after its own taste; these are the common ones. */
const MACHINES: Readonly<Record<string, string>> = {
  386: 'i386', 486: 'i486', arm: 'ARM', sparc: 'SPARC', sparcv9: 'SPARC V9', mips: 'MIPS', ia_64: 'Itanium',
  s370: 'S/390', '68k': 'm68k', alpha: 'Alpha', sh: 'SuperH',
};
/** Numbers that elfy does not know. */
const OTHER_MACHINES: Readonly<Record<number, string>> = {
  20: 'PowerPC', 21: 'PowerPC64', 22: 'S/390', 243: 'RISC-V', 247: 'BPF', 258: 'LoongArch',
};

/** Whether the first bytes of a file are those of an ELF file. */
export function isElf(prefix: Uint8Array, length: number): boolean {
  return length >= 4 && prefix[0] === 0x7f && prefix[1] === 0x45 && prefix[2] === 0x4c && prefix[3] === 0x46;
}

function invalid(reason: string): LoadFailure {
  return new LoadFailure(-E.NOEXEC, reason);
}

/**
 * Reads and checks the headers of an x86-64 program or shared object.
 * @param prefix the first bytes of the file, of which `length` count
 */
export function parseElf(file: ReadableFile, prefix: Buffer, length: number): ElfImage | LoadFailure {
  if (!isElf(prefix, length)) return invalid('not an ELF file');
  if (length < HEADER_SIZE) return invalid('truncated ELF header');
  const parser = new elfy.Parser();
  let header;
  try {
    header = parser.parseHeader(prefix.subarray(0, HEADER_SIZE));
  } catch {
    return invalid('ELF header of no known class or byte order');
  }
  const foreign = foreignProgram(header, prefix);
  if (foreign !== undefined) return invalid(foreign);
  if (header.type !== 'exec' && header.type !== 'dyn') {
    const types: Record<string, string> = { rel: 'a relocatable object (.o)', core: 'a core dump' };
    return invalid(`ELF file is ${types[header.type ?? ''] ?? 'of unknown type'}, not a program`);
  }
  if (header.phnum === 0) return invalid('no program headers');
  if (header.phentsize !== PROGRAM_HEADER_SIZE) return invalid(`program headers of ${header.phentsize} bytes, not 56`);
  const tableSize = header.phnum * PROGRAM_HEADER_SIZE;
  if (tableSize > MAX_HEADERS) return invalid(`${header.phnum} program headers are too many`);
  if (!(header.phoff <= Number.MAX_SAFE_INTEGER)) return invalid('program headers lie outside of the file');

  const table = Buffer.allocUnsafe(HEADER_SIZE + tableSize);
  const got = file.pread(table, HEADER_SIZE, tableSize, header.phoff);
  if (got < 0) return new LoadFailure(got, 'the program headers cannot be read');
  if (got < tableSize) return invalid('truncated program headers');
  let programs;
  try {
    programs = parser.parsePrograms(table, { ...header, phoff: HEADER_SIZE });
  } catch {
    return invalid('program headers that cannot be parsed');
  }
  return check(file, header, programs);
}

function foreignProgram(header: Header, prefix: Buffer): string | undefined {
  const little = header.endian === 'lsb';
  const number = little ? prefix.readUInt16LE(18) : prefix.readUInt16BE(18);
  const machine = header.machine;
  if (machine !== 'amd64' && machine !== '386' && machine !== '486') {
    const name = OTHER_MACHINES[number] ?? MACHINES[machine ?? ''] ?? machine ?? `number ${number}`;
    return `foreign machine (${name})`;
  }
  if (!little) return 'foreign byte order (big-endian)';
  if (header.class === '32') {
    return machine === 'amd64' ? 'x32 programs are not supported' : '32-bit (i386) programs are not supported yet';
  }
  return machine === 'amd64' ? undefined : 'a 64-bit file for i386';
}

function check(file: ReadableFile, header: Header, programs: Program[]): ElfImage | LoadFailure {
  const segments: Segment[] = [];
  let alignment = PAGE;
  let programHeaders = 0;
  let executableStack = false;
  let interpreter: string | undefined;
  let start = Infinity;
  let end = 0;
  for (const [index, program] of programs.entries()) {
    if (program.type === 'interp' && interpreter === undefined) {
      const path = interpreterPath(file, program);
      if (typeof path !== 'string') return path;
      interpreter = path;
    } else if (program.type === 'gnu_stack') {
      executableStack = program.flags.x === true;
    } else if (program.type === 'load') {
      const wrong = checkSegment(program, index, header.type === 'dyn');
      if (wrong !== undefined) return wrong;
      if (program.memsz === 0) continue;
      const { vaddr, memsz, offset, filesz, flags } = program;
      const prot = (flags.r ? PROT.READ : 0) | (flags.w ? PROT.WRITE : 0) | (flags.x ? PROT.EXEC : 0);
      segments.push({ address: vaddr, memorySize: memsz, offset, fileSize: filesz, prot });
      start = Math.min(start, vaddr - (vaddr % PAGE));
      end = Math.max(end, Math.ceil((vaddr + memsz) / PAGE) * PAGE);
      if (Number.isInteger(Math.log2(program.align))) alignment = Math.max(alignment, program.align);
      if (programHeaders === 0 && offset <= header.phoff && header.phoff < offset + filesz) {
        programHeaders = header.phoff - offset + vaddr;
      }
    }
  }
  if (segments.length === 0) return invalid('no loadable segments');
  if (header.type === 'exec' && !(header.entry < MAX_ADDRESS)) {
    return invalid('entry point outside of the address space');
  }
  return {
    relocatable: header.type === 'dyn', entry: header.entry, segments, start, end,
    alignment: Math.min(alignment, 0x20_0000), programHeaders, programHeaderCount: header.phnum,
    executableStack, interpreter,
  };
}

/** What is wrong with a PT_LOAD entry. Numbers of 2^53 and more are inexact, but far above every bound. */
function checkSegment(program: Program, index: number, relocatable: boolean): LoadFailure | undefined {
  const { vaddr, memsz, offset, filesz } = program;
  const which = `segment ${index}`;
  if (filesz > memsz) return invalid(`${which} has more bytes in the file than in memory`);
  if (!(vaddr + memsz <= MAX_ADDRESS)) {
    return new LoadFailure(-E.NOMEM, `${which} does not fit in the 4 GiB that a program has (0x${vaddr.toString(16)})`);
  }
  if (!relocatable && memsz > 0 && vaddr < MIN_ADDRESS) {
    return new LoadFailure(-E.PERM, `${which} is below the lowest address that may be mapped (64 KiB)`);
  }
  if (filesz > 0 && !(offset + filesz <= Number.MAX_SAFE_INTEGER)) return invalid(`${which} lies outside of the file`);
  if (filesz > 0 && (offset - vaddr) % PAGE !== 0) return invalid(`${which} is not aligned with its place in the file`);
  return undefined;
}

function interpreterPath(file: ReadableFile, program: Program): string | LoadFailure {
  const { offset, filesz } = program;
  if (!(filesz >= 2 && filesz <= PATH_MAX && offset <= Number.MAX_SAFE_INTEGER)) return invalid('bad interpreter path');
  const bytes = Buffer.alloc(filesz);
  if (file.pread(bytes, 0, filesz, offset) < filesz) return invalid('truncated interpreter path');
  if (bytes[filesz - 1] !== 0) return invalid('interpreter path without end');
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}
