import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { junit } from '../conformance/junit.mjs';
import { difference } from '../conformance/execute.mjs';
import { root } from './steps.mjs';
import { countTap } from './tap_count.mjs';

t.test('only leaves of TAP are counted', async (t) => {
  const text = `TAP version 14
# Subtest: outer
    ok 1 - a
    # Subtest: inner
        ok 1 - b
        not ok 2 - c
          ---
          at: somewhere
          ...
        1..2
    not ok 2 - inner # time=3ms
    ok 3 - d # SKIP not here
    1..3
not ok 1 - outer # time=4ms

ok 2 - e
not ok 3 - f # TODO later
1..3
`;
  t.same(countTap(text), { passed: 4, failed: 1, skipped: 1, failures: ['c'] });
  t.match(countTap('    ok 1 - x\n    1..2\nnot ok 1 - wrong plan\n1..1\n'), { passed: 1, failed: 1, failures: ['wrong plan'] });
  t.match(countTap(''), { passed: 0, failed: 0 });
});

t.test('JUnit', async (t) => {
  const xml = junit('a & b', [
    { name: 'good', ms: 1500, message: '', skipped: false },
    { name: 'bad', ms: 2, message: 'x < "y"\nmore\x01', skipped: false },
    { name: 'absent', ms: 0, message: '', skipped: true },
  ]);
  t.match(xml, 'tests="3" failures="1" skipped="1" time="1.502"');
  t.match(xml, '<failure message="x &lt; &quot;y&quot;">x &lt; &quot;y&quot;\nmore?</failure>');
  t.match(xml, 'classname="a &amp; b" name="good" time="1.500"/>');
});

t.test('an option that a tool does not know', async (t) => {
  const fuzzers = ['isa/fuzz.js', 'fuzz/elf.js', 'fuzz/image.js', 'stress/persist.js'];
  for (const file of ['conformance/run.mjs', 'conformance/stress/run.mjs', 'conformance/fuzz/syscalls.mjs', 'bench/run.mjs',
    'tools/stress.mjs', ...fuzzers.map((name) => `build/conformance/${name}`)]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, file), '--nonsense'], { encoding: 'utf8' });
    t.same({ status, stdout }, { status: 2, stdout: '' }, file);
    t.match(stderr, /^.*--nonsense.*\n$/, file);
  }
  const file = join(root, 'build/conformance/fuzz/image.js');
  const { status, stdout } = spawnSync(process.execPath, [file, '--help'], { encoding: 'utf8' });
  t.equal(status, 0);
  t.match(stdout, /^usage: npm run fuzz:image -- \[options\]\n[^]*--seed N/);
  t.match(spawnSync(process.execPath, [file, '--count', 'many'], { encoding: 'utf8' }).stderr, /--count needs a whole number/);
});

t.test('what differs between two runs', async (t) => {
  const outcome = (status, stdout, stderr = '', timedOut = false) =>
    ({ status, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr), timedOut, ms: 2000 });
  t.equal(difference(outcome(0, 'a\n'), outcome(0, 'a\n')), '');
  t.match(difference(outcome(0, 'a\nb\n'), outcome(0, 'a\nc\n')), /stdout, line 2:\nhost {3}"b"\nposixx "c"/);
  t.match(difference(outcome(0, 'a'), outcome(139, 'a', 'why\n')), /status: host 0, posixx 139\nposixx stderr: why/);
  t.match(difference(outcome(0, 'a', 'x'), outcome(0, 'a', 'y')), /stderr, line 1/);
  t.equal(difference(outcome(0, 'a', 'x'), outcome(0, 'a', 'y'), { ignoreStderr: true }), '');
  t.match(difference(outcome(0, ''), outcome(137, '', '', true)), /no end after 2 s/);
});
