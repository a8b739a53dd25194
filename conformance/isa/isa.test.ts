import t from 'tap';
import { fuzz } from './fuzz.js';

t.setTimeout(240_000);

t.test('instructions do what the host CPU does', async (t) => {
  const report = fuzz({ cases: 50_000, seed: 20240917, keep: 20 });
  for (const failure of report.failures) t.fail(failure);
  t.equal(report.failed, 0, `${report.cases} cases over ${report.rows} rows`);
  t.ok(report.faults > 1000, 'faults among them');
});

t.test('short programs do what they do on the host CPU', async (t) => {
  const report = fuzz({ cases: 10_000, seed: 20240918, keep: 20, sequences: true });
  for (const failure of report.failures) t.fail(failure);
  t.equal(report.failed, 0, `${report.cases} programs`);
});

t.test('interrupted programs go on as if nothing was', async (t) => {
  const report = fuzz({ cases: 1000, seed: 20240919, keep: 20, sequences: true, rounds: 100 });
  for (const failure of report.failures) t.fail(failure);
  t.equal(report.failed, 0, `${report.cases} programs, ${report.interruptions} interruptions`);
});
