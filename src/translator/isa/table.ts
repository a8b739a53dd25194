/** The instruction table, indexed by opcode. An opcode's rows are parsed when it is met first. */
import { CodeMode, FormRow, ILLEGAL, parseForm, parsePlace } from './form.js';
import { ONE_BYTE } from './one_byte.js';
import { TWO_BYTE } from './two_byte.js';
import { X87 } from './x87.js';
import { MMX } from './mmx.js';
import { SSE } from './sse.js';
import { SSE4 } from './sse4.js';
import { AVX } from './avx.js';
import { AVX2 } from './avx2.js';
import { BMI } from './bmi.js';

const SOURCES = [ONE_BYTE, TWO_BYTE, X87, MMX, SSE, SSE4, AVX, AVX2, BMI];

/** Index of an opcode: map as in Insn.map, 4 more for VEX. */
export function opcodeIndex(vex: boolean, map: number, opcode: number): number {
  return ((vex ? 4 : 0) + map) << 8 | opcode;
}

/**
 * All forms of one opcode. Which of them holds is found by summing a stride for each dimension that
 * some row of the opcode looks at; a dimension that none looks at has stride 0.
 */
export class Opcode {
  hasModrm = false;
  pp = 0;
  /** Added when ModRM.mod is 3. */
  mod = 0;
  reg = 0;
  rm = 0;
  w = 0;
  l = 0;
  b = 0;
  operand16 = 0;
  forms: FormRow[] = [];

  constructor(rows: readonly string[], vex: boolean) {
    const places = rows.map((row) => parsePlace(row.slice(0, row.indexOf(' '))));
    const samples = rows.map((row) => parseForm(row, 0, false));
    const narrow = rows.map((row) => parseForm(row, 0, true));
    let size = 1;
    const dimension = (used: boolean, values: number): number => {
      if (!used) return 0;
      const stride = size;
      size *= values;
      return stride;
    };
    this.hasModrm = samples.some((form) => form.hasModrm) || places.some((place) => place.mod !== 3);
    this.pp = dimension(places.some((place) => place.pp !== 0), 4);
    this.mod = dimension(places.some((place) => place.mod !== 3), 2);
    this.reg = dimension(places.some((place) => place.reg !== 255), 8);
    this.rm = dimension(places.some((place) => place.rm !== 255), 8);
    this.w = dimension(places.some((place) => place.w !== 3), 2);
    this.l = dimension(places.some((place) => place.l !== 3) || rows.some((row) => row.includes('|')), 2);
    this.b = dimension(places.some((place) => place.b !== 3), 2);
    this.operand16 = dimension(!vex && samples.some((form, i) => differs(form, narrow[i]!)), 2);
    this.forms = new Array<FormRow>(size).fill(ILLEGAL);
    // Rows that name a mandatory prefix go before rows that do not care; rows that name ModRM.rm before others.
    const rank = (i: number): number => (places[i]!.pp ? 1 : 0) + (places[i]!.rm !== 255 ? 2 : 0);
    const order = rows.map((_, i) => i).sort((a, b) => rank(a) - rank(b));
    for (const i of order) {
      for (let l = 0; l < (this.l ? 2 : 1); l++) {
        for (let o = 0; o < (this.operand16 ? 2 : 1); o++) this.place(places[i]!, parseForm(rows[i]!, l, o === 1), l, o);
      }
    }
  }

  private place(at: ReturnType<typeof parsePlace>, form: FormRow, l: number, operand16: number): void {
    if (this.l && !(at.l >> l & 1)) return;
    for (let pp = 0; pp < (this.pp ? 4 : 1); pp++) {
      if (at.pp && !(at.pp >> pp & 1)) continue;
      for (let mod = 0; mod < (this.mod ? 2 : 1); mod++) {
        if (this.mod && !(at.mod >> mod & 1)) continue;
        for (let reg = 0; reg < (this.reg ? 8 : 1); reg++) {
          if (this.reg && !(at.reg >> reg & 1)) continue;
          for (let rm = 0; rm < (this.rm ? 8 : 1); rm++) {
            if (this.rm && !(at.rm >> rm & 1)) continue;
            for (let wb = 0; wb < 4; wb++) {
              if (!(at.w >> (wb & 1) & 1) || !(at.b >> (wb >> 1) & 1)) continue;
              const cell = pp * this.pp + mod * this.mod + reg * this.reg + rm * this.rm + (wb & 1) * this.w +
                (wb >> 1) * this.b + l * this.l + operand16 * this.operand16;
              this.forms[cell] = form;
            }
          }
        }
      }
    }
  }
}

function differs(a: FormRow, b: FormRow): boolean {
  return a.regAccess !== b.regAccess || a.rmAccess !== b.rmAccess || a.opcodeReg !== b.opcodeReg ||
    a.implicitRead !== b.implicitRead;
}

/** An opcode that has no row. */
const NONE = new Opcode([], false);

export class OpcodeTable {
  private readonly rows: (string[] | undefined)[] = new Array<string[] | undefined>(8 << 8).fill(undefined);
  private readonly opcodes: (Opcode | undefined)[] = new Array<Opcode | undefined>(8 << 8).fill(undefined);

  constructor(readonly mode: CodeMode) {
    for (const source of SOURCES) for (const row of source) this.index(row);
  }

  private index(row: string): void {
    const vex = row.charCodeAt(0) === 0x76;
    let at = vex ? 1 : 0;
    let map = 0;
    if (row.startsWith('0f', at)) {
      at += 2;
      map = 1;
      if (row.startsWith('38', at)) map = 2;
      else if (row.startsWith('3a', at)) map = 3;
      if (map !== 1) at += 2;
    }
    const opcode = parseInt(row.slice(at, at + 2), 16);
    const count = row.startsWith('+r', at + 2) ? 8 : 1;
    for (let i = 0; i < count; i++) {
      const index = opcodeIndex(vex, map, opcode + i);
      const list = this.rows[index];
      if (list) list.push(row);
      else this.rows[index] = [row];
    }
  }

  /** Never fails: an opcode without rows has only illegal forms. */
  find(index: number): Opcode {
    return this.opcodes[index] ?? this.build(index);
  }

  private build(index: number): Opcode {
    const rows = this.rows[index];
    const opcode = rows ? new Opcode(rows, index >= 4 << 8) : NONE;
    this.opcodes[index] = opcode;
    return opcode;
  }
}

let long: OpcodeTable | undefined;

/** The table of a mode, made when it is asked for first. */
export function opcodeTable(mode: CodeMode): OpcodeTable {
  if (mode !== CodeMode.Long) throw new Error('instruction table: only 64-bit mode');
  return long ??= new OpcodeTable(mode);
}

export interface TableRow {
  readonly row: string;
  readonly vex: boolean;
  readonly map: number;
  readonly opcode: number;
  readonly place: ReturnType<typeof parsePlace>;
  readonly form: FormRow;
}

/** Every row of the table, parsed: for tests, fuzzing and documentation. */
export function allForms(): TableRow[] {
  const out: TableRow[] = [];
  for (const source of SOURCES) {
    for (const row of source) {
      const where = row.slice(0, row.indexOf(' '));
      const hex = /^v?((?:0f(?:38|3a)?)?)([0-9a-f]{2})/.exec(where)!;
      out.push({
        row,
        vex: where[0] === 'v',
        map: ['', '0f', '0f38', '0f3a'].indexOf(hex[1]!),
        opcode: parseInt(hex[2]!, 16),
        place: parsePlace(where),
        form: parseForm(row, 0, false),
      });
    }
  }
  return out;
}

