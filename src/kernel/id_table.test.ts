import t from 'tap';
import { IdTable, Roll } from './id_table.js';

t.test('an IdTable agrees with a Map', (t) => {
  const table = new IdTable<string>();
  const map = new Map<number, string>();
  let state = 12345;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let i = 0; i < 20_000; i++) {
    // Ids that collide, in tables that grow.
    const id = below(2) ? below(300) : below(20) * 1024 + 7;
    if (below(2)) {
      table.set(id, `${id} ${i}`);
      map.set(id, `${id} ${i}`);
    } else if (table.delete(id) !== map.delete(id)) t.fail(`delete ${id}, seed 12345, step ${i}`);
    const other = below(300);
    if (table.get(other) !== map.get(other) || table.has(other) !== map.has(other)) t.fail(`get ${other}, step ${i}`);
  }
  t.equal(table.size, map.size);
  t.same(table.values().sort(), [...map.values()].sort());
  t.end();
});

t.test('a Roll keeps the order, and may change while it is gone over', (t) => {
  const roll = new Roll<number>();
  for (const n of [3, 1, 2]) roll.add(n);
  const seen: number[] = [];
  for (const n of roll) {
    seen.push(n);
    roll.delete(n);
    roll.add(n + 10);
  }
  t.same(seen, [3, 1, 2]);
  t.same([...roll], [13, 11, 12]);
  roll.clear();
  t.equal(roll.size, 0);
  t.end();
});
