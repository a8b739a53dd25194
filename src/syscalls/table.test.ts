import t from 'tap';
import { Abi } from '../abi/abi.js';
import { native } from '../host/native.js';
import { Cpu } from '../host/cpu_block.js';
import { dispatch, decodeArguments } from './dispatch.js';
import { allRows, rowOf } from './table.js';
import { call, fd, int, off, ptr, size, splitOff, uint } from './types.js';
import type { Task } from '../kernel/task.js';

t.test('every number of Linux x86-64 has one row', (t) => {
  for (const abi of [Abi.X64, Abi.I386] as const) {
    const seen = new Map<number, string>();
    for (const row of allRows()) {
      const number = abi === Abi.X64 ? row.x64 : row.i386;
      if (number < 0) continue;
      t.notOk(seen.has(number), `number ${number} is ${seen.get(number)} and ${row.name}`);
      seen.set(number, row.name);
    }
    if (abi === Abi.X64) {
      for (let number = 0; number <= 334; number++) t.ok(seen.has(number), `number ${number}`);
      for (let number = 424; number <= 462; number++) t.ok(seen.has(number), `number ${number}`);
    }
  }
  const names = allRows().map((row) => row.name);
  t.equal(new Set(names).size, names.length, 'one row a name');
  t.end();
});

t.test('rows say what they can do', (t) => {
  for (const row of allRows()) {
    t.equal(row.handler === undefined, row.level === 'none', row.name);
    if (row.level === 'partial') t.not(row.note, '', `${row.name} says what is missing`);
    t.ok(row.args.length <= 6, row.name);
  }
  t.equal(rowOf(20, Abi.I386)?.name, 'getpid');
  t.equal(rowOf(41, Abi.X64)?.name, 'socket');
  t.equal(rowOf(39, Abi.X64)?.name, 'getpid');
  t.equal(rowOf(5000, Abi.X64), undefined);
  t.end();
});

t.test('registers become numbers by the types of both ABIs', (t) => {
  const cpu = new Cpu(0, new ArrayBuffer(0x500));
  const warnings: string[] = [];
  const task = { cpu, name: 'prog', kernel: { warn: (line: string) => warnings.push(line) } } as unknown as Task;
  const row = call('probe', 1000, 1000, [fd, ptr, size, off], () => 0);
  cpu.set(7, -1);
  cpu.set(6, 0x7fff_1234_5678);
  cpu.set(2, 0xffff_ffff);
  cpu.set(10, -5);
  t.same(decodeArguments(task, row, Abi.X64), [-1, 0x7fff_1234_5678, 0xffff_ffff, -5]);

  // i386: ebx ecx edx esi edi ebp, 64-bit values as (low, high).
  [[3, -1], [1, 0x9000_0000], [2, 7], [6, 0xffff_fffb],
    [7, 0xffff_ffff]].forEach(([register, value]) => cpu.set(register!, value!));
  t.same(decodeArguments(task, row, Abi.I386), [-1, 0x9000_0000, 7, -5]);
  const vector = call('probe2', 1001, 1001, [int, uint, splitOff, int], () => 0);
  cpu.set(7, 1);
  cpu.set(6, 0x1_8000_0000);
  cpu.set(2, 0x1_0000_0000);
  cpu.set(10, 77);
  cpu.set(8, 9);
  t.same(decodeArguments(task, vector, Abi.X64), [1, 0x8000_0000, 0x1_0000_0000, 9],
    'the second word of a split offset is skipped');

  t.equal(dispatch(task, 250, Abi.X64), -38);
  t.equal(dispatch(task, 250, Abi.X64), -38);
  t.equal(dispatch(task, 9999, Abi.X64), -38);
  t.equal(dispatch(task, -7, Abi.X64), -38);
  t.same(warnings.length, 3, 'one line for each number');
  t.match(warnings[0], /prog: system call 250 \(keyctl\) is not implemented/);
  t.ok(native.cpuCount() >= 1);
  t.end();
});
