import t from 'tap';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Abi } from './abi.js';
import { E, errnoName } from './errno.js';
import { CLONE_ARGS } from './process.js';
import { RUSAGE, SYSINFO } from './resource.js';
import { SIGACTION, SIGCONTEXT64, signalName, STACK_T, UCONTEXT64 } from './signal.js';
import { struct, type Struct } from './struct.js';
import { TIMESPEC, TMS } from './time.js';

t.test('offsets follow the two psABIs', (t) => {
  const probe = struct({ a: 'u8', b: 'long', c: 'u16', d: 'u64', e: ['u8', 3], f: 'ptr' });
  t.same({ ...probe.of(Abi.X64) }, { a: 0, b: 8, c: 16, d: 24, e: 32, f: 40, size: 48 });
  t.same({ ...probe.of(Abi.I386) }, { a: 0, b: 4, c: 8, d: 12, e: 20, f: 24, size: 28 });
  t.end();
});

/** C type, header, and our member -> C member. */
const PROBES: readonly (readonly [string, string, Struct<string>, Readonly<Record<string, string>>])[] = [
  ['struct timespec', 'time.h', TIMESPEC, { sec: 'tv_sec', nsec: 'tv_nsec' }],
  ['struct tms', 'sys/times.h', TMS, { utime: 'tms_utime', stime: 'tms_stime', cutime: 'tms_cutime',
    cstime: 'tms_cstime' }],
  ['struct rusage', 'sys/resource.h', RUSAGE,
    { utimeSec: 'ru_utime', stimeSec: 'ru_stime', maxrss: 'ru_maxrss', nivcsw: 'ru_nivcsw' }],
  ['struct sysinfo', 'sys/sysinfo.h', SYSINFO,
    { loads: 'loads', totalram: 'totalram', procs: 'procs', totalhigh: 'totalhigh', unit: 'mem_unit' }],
  ['stack_t', 'signal.h', STACK_T, { sp: 'ss_sp', flags: 'ss_flags', bytes: 'ss_size' }],
  ['struct sigcontext', 'asm/sigcontext.h', SIGCONTEXT64,
    { r8: 'r8', rax: 'rax', rsp: 'rsp', eflags: 'eflags', cs: 'cs', err: 'err', cr2: 'cr2', fpstate: 'fpstate' }],
  ['struct clone_args', 'linux/sched.h', CLONE_ARGS,
    { pidfd: 'pidfd', stack: 'stack', tls: 'tls', setTid: 'set_tid', cgroup: 'cgroup' }],
];

t.test('the C compiler agrees', (t) => {
  const lines: string[] = [];
  const expected: number[] = [];
  const asked: string[] = [];
  for (const [type, , layout, members] of PROBES) {
    lines.push(`printf("%zu\\n", sizeof(${type}));`);
    expected.push(layout.lp64.size);
    asked.push(`sizeof ${type}`);
    for (const [ours, theirs] of Object.entries(members)) {
      lines.push(`printf("%zu\\n", offsetof(${type}, ${theirs}));`);
      expected.push(layout.lp64[ours]!);
      asked.push(`${type}.${theirs}`);
    }
  }
  lines.push('printf("%zu\\n", offsetof(ucontext_t, uc_mcontext));',
    'printf("%zu\\n", offsetof(ucontext_t, uc_sigmask));');
  expected.push(UCONTEXT64.mcontext, UCONTEXT64.sigmask);
  asked.push('ucontext_t.uc_mcontext', 'ucontext_t.uc_sigmask');
  const source = ['#define _GNU_SOURCE', '#include <stdio.h>', '#include <stddef.h>', '#include <sched.h>',
    '#include <ucontext.h>',
    ...PROBES.map(([, header]) => `#include <${header}>`).filter((line) => !line.includes('asm/sigcontext')),
    'int main(void) {', ...lines, '}'].join('\n');
  const directory = mkdtempSync(join(tmpdir(), 'posixx-probe-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'probe.c'), source);
  try {
    execFileSync('gcc', ['--version']);
  } catch {
    t.pass('no C compiler here', { skip: 'gcc is not installed' });
    return t.end();
  }
  execFileSync('gcc', ['-o', join(directory, 'probe'), join(directory, 'probe.c')]);
  const got = execFileSync(join(directory, 'probe'), { encoding: 'utf8' }).trim().split('\n').map(Number);
  asked.forEach((what, at) => t.equal(expected[at], got[at], what));
  t.same({ ...SIGACTION.lp64 }, { handler: 0, flags: 8, restorer: 16, mask: 24, size: 32 },
    'the kernel\'s own sigaction');
  t.end();
});

t.test('names', (t) => {
  t.equal(errnoName(E.NOENT), 'ENOENT');
  t.equal(errnoName(7), 'E2BIG');
  t.equal(errnoName(9999), undefined);
  t.equal(signalName(2), 'SIGINT');
  t.equal(signalName(34), 'SIGRT_2');
  t.equal(signalName(99), '99');
  t.end();
});
