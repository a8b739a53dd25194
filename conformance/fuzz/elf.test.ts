import t from 'tap';
import { fuzz } from './elf.js';

t.test('300 programs with damaged headers end as programs do', async (t) => {
  const { counts, failures } = fuzz(20261122, 0, 300);
  t.same(failures, []);
  t.equal([...counts.values()].reduce((sum, n) => sum + n, 0), 300);
  t.ok(counts.get('exited with status 0')! > 0, 'some run as if nothing had happened');
  t.ok(counts.size > 10, 'and there are many ways to fail');
});
