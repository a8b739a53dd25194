import t from 'tap';
import { basename } from 'node:path';
import { native } from '../../host/native.js';
import { allForms, decode } from '../../translator/decode.js';
import { Insn } from '../../translator/insn.js';
import { Random, sampleRow } from '../../translator/isa/sample.js';
import { PROGRAMS } from './programs.js';
import { executableSegments, prove } from './sweep.js';
import { Verifier } from './verifier.js';

t.setTimeout(240_000);

t.test('every row of the instruction table is emitted confined', async (t) => {
  const random = new Random(20240917);
  const insn = new Insn();
  const bytes: number[] = [];
  for (let round = 0; round < 20; round++) {
    for (const row of allForms()) {
      const sample = sampleRow(row, random, { oddPrefixes: 6, lock: 40, illegal: 40 });
      const length = decode(Uint8Array.from([...sample, ...new Array<number>(16).fill(0)]), 0, 16, 0, insn);
      bytes.push(...sample.slice(0, length));
    }
  }
  bytes.push(0xf4);
  const proof = prove([{ address: 0x40_0000, bytes: Uint8Array.from(bytes) }]);
  for (const { host, text, rule } of proof.violations) t.fail(`${host.toString(16)}: ${text}: ${rule}`);
  t.ok(proof.operands > 10_000, `${proof.operands} memory operands`);
});

/** Bytes of a segment that are enough for every change; `npm run stress` proves whole programs (check.ts). */
const SHORT = 1 << 20;

t.test('whatever the bytes are, their code is emitted confined', async (t) => {
  const random = new Random(20240918);
  const bytes = Uint8Array.from({ length: 200_000 }, () => random.below(256));
  const proof = prove([{ address: 0x40_0000, bytes }]);
  for (const { host, text, rule } of proof.violations) t.fail(`${host.toString(16)}: ${text}: ${rule}`);
  t.ok(proof.operands > 10_000, `${proof.operands} memory operands`);
});

for (const program of PROGRAMS) {
  t.test(`${basename(program)} is emitted confined`, async (t) => {
    const proof = prove(executableSegments(program, SHORT));
    for (const { host, text, rule } of proof.violations) t.fail(`${host.toString(16)}: ${text}: ${rule}`);
    t.ok(proof.operands > 100_000, `${proof.operands} memory operands`);
  });
}

t.test('the check finds what is not confined', async (t) => {
  const layout = native.codeLayout();
  const violations = (...bytes: number[]): string[] => {
    const code = new Uint8Array(layout.start + bytes.length + 16).fill(0xc3);
    code.set(bytes, layout.start);
    const verifier = new Verifier(code, layout, new Set([layout.start]));
    verifier.run();
    return verifier.violations.map(({ rule }) => rule);
  };
  const slot = (disp: number): number[] => [0, 8, 16, 24].map((shift) => disp >> shift & 255);
  t.same(violations(0x65, 0x67, 0x48, 0x8b, 0x03), [], 'mov rax, gs:[ebx]');
  t.match(violations(0x48, 0x8b, 0x03), [/without GS/], 'mov rax, [rbx]');
  t.match(violations(0x65, 0x48, 0x8b, 0x03), [/64-bit addresses/], 'mov rax, gs:[rbx]');
  t.match(violations(0x64, 0x48, 0x8b, 0x03), [/with a register/], 'mov rax, fs:[rbx]');
  const load = (disp: number): number[] => [0x64, 0x48, 0x8b, 0x04, 0x25, ...slot(disp)];
  t.same(violations(...load(layout.slots.displaced)), [], 'a slot of the guest');
  const displaced = slot(layout.slots.displaced);
  t.same(violations(0x64, 0x48, 0x01, 0x0c, 0x25, ...displaced), [], 'add the slot of a guest register, rcx');
  t.match(violations(0x64, 0x0f, 0x11, 0x04, 0x25, ...displaced), [/more than a thread slot/], 'movups to it');
  t.match(violations(0x64, 0x0f, 0xae, 0x04, 0x25, ...displaced), [/more than a thread slot/], 'fxsave to it');
  t.match(violations(0x64, 0x48, 0x0f, 0xab, 0x0c, 0x25, ...displaced), [/beyond a thread slot/], 'bts of it, rcx');
  t.match(violations(0x64, 0x48, 0x01, 0x0c, 0x25, ...slot(layout.slots.rip)), [/than mov/], 'add another, rcx');
  t.match(violations(...load(layout.slots.cpu)), [/slot of the host/], 'a slot of the host');
  t.match(violations(0x64, 0x48, 0x89, 4, 0x25, ...slot(layout.slots.window)), [/slot of the host/], 'a store there');
  t.match(violations(...load(layout.slots.window)), [/at a return/], 'the base stays in rax');
  t.match(violations(...load(layout.slots.window), 0x65, 0x67, 0x48, 0x89, 0x03), [/address is used/, /at a return/],
    'the base is stored');
  t.match(violations(0x0f, 0x05), [/forbidden/, /.*/], 'syscall');
  t.match(violations(0xa4), [/out of the window/, /out of the window/], 'movsb');
  t.match(violations(0xff, 0xe0), [/.*/], 'jmp rax');
  t.match(violations(0x48, 0x89, 0xe0), [/rsp is an operand/], 'mov rax, rsp');
  t.match(violations(0x48, 0x8d, 0x04, 0x24), [/rsp is read/], 'lea rax, [rsp]');
  t.match(violations(0x48, 0x83, 0xc4, 0x08), [/rsp is an operand/], 'add rsp, 8');
  t.match(violations(0x9d), [/popf/], 'popf');
  t.match(violations(0xc2, 8, 0), [/another kind/], 'ret 8');
  t.match(violations(0xe9, 0, 0, 0, 0x10), [/out of the translated/], 'jmp far away');
  // The base is known on one way only: jnz over the load of it, then movs.
  t.match(violations(0x75, 9, ...load(layout.slots.window), 0x89, 0xff, 0x48, 0x8d, 0x3c, 0x07, 0xaa),
    [/out of the window/], 'stosb behind a jump');
  t.match(violations(0xeb, 0xff, 0xc0), [/into an instruction/], 'jmp into itself');
  t.match(violations(0x8e, 0xe8), [/segment register/], 'mov gs, eax');
  t.match(violations(0x65, 0x67, 0x0f, 0xae, 0x2b), [/without limit/], 'xrstor');
  t.match(violations(0x65, 0xff, 0x24, 0xcd, ...slot(layout.indirectDisp)), [/64-bit addresses/], 'any table index');
});
