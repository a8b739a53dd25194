/** The instruction table, indexed by opcode. An opcode's rows are parsed when it is met first. */
import { CodeMode, type FormRow, ILLEGAL, parseForm, parsePlace, type Place } from './form.js';
import { ONE_BYTE } from './one_byte.js';
import { TWO_BYTE } from './two_byte.js';
import { X87 } from './x87.js';
import { MMX } from './mmx.js';
import { SSE } from './sse.js';
import { SSE4 } from './sse4.js';
import { AVX } from './avx.js';
import { AVX2 } from './avx2.js';
import { BMI } from './bmi.js';

/** The parts of the table and the maps (opcodeIndex >> 8) that each has rows of. */
const SOURCES: readonly (readonly [text: string, maps: readonly number[]])[] = [
  [ONE_BYTE, [0]], [X87, [0]],
  [TWO_BYTE, [1, 2]], [SSE, [1]], [MMX, [1, 2, 3]], [SSE4, [2, 3]],
  [AVX, [5]], [AVX2, [6, 7]], [BMI, [6, 7]],
];

/** What stands in front of an opcode's two digits, by map. */
const ESCAPES = ['', '0f', '0f38', '0f3a', 'v', 'v0f', 'v0f38', 'v0f3a'];

/** Index of an opcode: map as in Insn.map, 4 more for VEX. */
export function opcodeIndex(vex: boolean, map: number, opcode: number): number {
  return ((vex ? 4 : 0) + map) << 8 | opcode;
}

/**
 * All forms of one opcode. Which of them holds is found by summing a stride for each dimension that
 * some row of the opcode looks at; a dimension that none looks at has stride 0.
 */
export class Opcode {
  readonly hasModrm: boolean;
  readonly pp: number = 0;
  /** Added when ModRM.mod is 3. */
  readonly mod: number = 0;
  readonly reg: number = 0;
  readonly rm: number = 0;
  readonly w: number = 0;
  readonly l: number = 0;
  readonly b: number = 0;
  readonly operand16: number = 0;
  /** By sum of strides; undefined: not met yet. */
  readonly forms: (FormRow | undefined)[] = [];
  private readonly places: Place[] = [];
  /** Forms by row, two for VEX.L or operand size. */
  private readonly parsed: (FormRow | undefined)[] = [];

  constructor(private readonly rows: readonly string[], private readonly vex: boolean) {
    let pp = false, mod = false, reg = false, rm = false, w = false, l = false, b = false;
    for (const row of rows) {
      const place = parsePlace(row);
      this.places.push(place);
      pp ||= place.pp !== 0;
      mod ||= place.mod !== 3;
      reg ||= place.reg !== 255;
      rm ||= place.rm !== 255;
      w ||= place.w !== 3;
      l ||= place.l !== 3 || (vex && row.includes('|'));
      b ||= place.b !== 3;
    }
    let size = 1;
    if (pp) { this.pp = size; size *= 4; }
    if (mod) { this.mod = size; size *= 2; }
    if (reg) { this.reg = size; size *= 8; }
    if (rm) { this.rm = size; size *= 8; }
    if (w) { this.w = size; size *= 2; }
    if (l) { this.l = size; size *= 2; }
    if (b) { this.b = size; size *= 2; }
    if (!vex) { this.operand16 = size; size *= 2; }
    for (let i = 0; i < size; i++) this.forms.push(undefined);
    this.hasModrm = rows.length > 0 && (mod || reg || this.parse(0, 0, 0).hasModrm);
  }

  /** The form at `cell` of `forms`, which was not met before. */
  resolve(cell: number): FormRow {
    const at = (stride: number, values: number): number => stride ? Math.floor(cell / stride) % values : -1;
    const pp = at(this.pp, 4);
    const mod = at(this.mod, 2);
    const reg = at(this.reg, 8);
    const rm = at(this.rm, 8);
    const w = at(this.w, 2);
    const l = at(this.l, 2);
    const b = at(this.b, 2);
    let best = -1;
    let bestRank = -1;
    for (let i = 0; i < this.places.length; i++) {
      const place = this.places[i]!;
      if ((place.pp && !(place.pp >> pp & 1)) || (mod >= 0 && !(place.mod >> mod & 1)) ||
        (reg >= 0 && !(place.reg >> reg & 1)) || (rm >= 0 && !(place.rm >> rm & 1)) ||
        (w >= 0 && !(place.w >> w & 1)) || (l >= 0 && !(place.l >> l & 1)) || (b >= 0 && !(place.b >> b & 1))) continue;
      // Rows that name ModRM.rm win over others, then rows that name a prefix.
      const rank = (place.pp ? 1 : 0) + (place.rm !== 255 ? 2 : 0);
      if (rank > bestRank) {
        best = i;
        bestRank = rank;
      }
    }
    const form = best < 0 ? ILLEGAL : this.parse(best, l > 0 ? 1 : 0, at(this.operand16, 2));
    this.forms[cell] = form;
    return form;
  }

  private parse(row: number, l: number, operand16: number): FormRow {
    return this.parsed[row * 2 + (this.vex ? l : operand16)] ??= parseForm(this.rows[row]!, l, operand16 === 1);
  }
}

/** An opcode that has no row. */
const NONE = new Opcode([], false);

function digits(opcode: number): string {
  return (opcode + 256).toString(16).slice(1);
}

/** Adds the lines of `text` that begin with `start` to `rows`. */
function collect(text: string, start: string, rows: string[]): void {
  const needle = '\n' + start;
  let at = text.indexOf(needle);
  while (at >= 0) {
    const end = text.indexOf('\n', at + 1);
    rows.push(text.slice(at + 1, end));
    at = text.indexOf(needle, end);
  }
}

export class OpcodeTable {
  private readonly opcodes: (Opcode | undefined)[] = new Array<Opcode | undefined>(8 << 8).fill(undefined);

  constructor(readonly mode: CodeMode) {}

  /** Never fails: an opcode without rows has only illegal forms. */
  find(index: number): Opcode {
    return this.opcodes[index] ?? this.build(index);
  }

  private build(index: number): Opcode {
    const map = index >> 8;
    const start = ESCAPES[map]! + digits(index & 0xff);
    // Rows with +r: push, pop, mov r,imm, bswap.
    const low = index & 0xf0 | index & 8;
    const named = low === 0x50 || low === 0x58 || low === 0xb0 || low === 0xb8 || low === 0xc8;
    const rows: string[] = [];
    for (const [text, maps] of SOURCES) {
      if (!maps.includes(map)) continue;
      collect(text, start, rows);
      if (named) collect(text, `${ESCAPES[map]}${digits(low)}+r`, rows);
    }
    const opcode = rows.length ? new Opcode(rows, map >= 4) : NONE;
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
  readonly place: Place;
  readonly form: FormRow;
}

/** Every row of the table, parsed: for tests, fuzzing and documentation. */
export function allForms(): TableRow[] {
  const out: TableRow[] = [];
  for (const [text] of SOURCES) {
    for (const row of text.split('\n')) {
      if (row === '' || row[0] === '#') continue;
      const where = row.slice(0, row.indexOf(' '));
      const hex = /^v?((?:0f(?:38|3a)?)?)([0-9a-f]{2})/.exec(where)!;
      out.push({
        row,
        vex: where[0] === 'v',
        map: ['', '0f', '0f38', '0f3a'].indexOf(hex[1]!),
        opcode: parseInt(hex[2]!, 16),
        place: parsePlace(row),
        form: parseForm(row, 0, false),
      });
    }
  }
  return out;
}

