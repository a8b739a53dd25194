/** The part of elfy (an untyped package) that the loader uses. */
declare module 'elfy' {
  export interface Header {
    class: '32' | '64';
    endian: 'lsb' | 'msb';
    /** undefined: a number that elfy has no name for. */
    type: string | undefined;
    machine: string | undefined;
    entry: number;
    phoff: number;
    phentsize: number;
    phnum: number;
  }
  export interface Program {
    type: string | undefined;
    offset: number;
    vaddr: number;
    filesz: number;
    memsz: number;
    flags: { r?: boolean; w?: boolean; x?: boolean };
    align: number;
  }
  class Parser {
    /** @throws Error on a wrong class or byte order, RangeError on a short buffer */
    parseHeader(bytes: Buffer): Header;
    /** @throws Error when the table does not lie in `bytes` */
    parsePrograms(bytes: Buffer, header: Header): Program[];
  }
  const elfy: { Parser: typeof Parser };
  export default elfy;
}
