import t from 'tap';
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { SIG } from '../abi/signal.js';
import { OpenFile } from '../vfs/open_file.js';
import { Credentials } from './credentials.js';
import { EventFile } from './eventfd.js';
import { FdTable } from './fd_table.js';
import { bit, PendingSignals, SigInfo } from './pending_signals.js';
import { createPipe } from './pipe.js';
import { Default, defaultAction, SignalActions } from './signal_actions.js';
import { Timers, type Timer } from './timers.js';
import { EXCLUSIVE, WaitQueue } from './wait_queue.js';

const seed = Number(process.env['SEED'] ?? 20260101);

/** Numerical Recipes' linear congruential generator: the same numbers on every host. */
function generator(state: number): (below: number) => number {
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

t.test('timers fire in order of time, whatever is added and removed', (t) => {
  t.comment(`seed ${seed}`);
  const random = generator(seed);
  const timers = new Timers();
  const live = new Map<Timer, number>();
  const fired: number[] = [];
  let now = 0;
  for (let step = 0; step < 20000; step++) {
    const what = random(10);
    if (what < 5) {
      const time = now + random(1000);
      const timer: Timer = timers.add(time, () => {
        fired.push(time);
        live.delete(timer);
      }, undefined);
      live.set(timer, time);
    } else if (what < 8 && live.size > 0) {
      const [timer] = [...live.keys()].slice(random(live.size));
      timers.remove(timer!);
      timers.remove(timer!);
      live.delete(timer!);
    } else {
      now += random(200);
      fired.length = 0;
      timers.expire(now);
      if (fired.some((time, at) => time > now || (at > 0 && time < fired[at - 1]!))) t.fail('out of order');
    }
    const next = live.size > 0 ? Math.min(...live.values()) : Infinity;
    if (timers.next !== next) t.fail(`next is ${timers.next}, not ${next}`);
  }
  t.pass();
  t.end();
});

t.test('pending signals', (t) => {
  const pending = new PendingSignals();
  t.equal(pending.take(0, 0), undefined);
  t.ok(pending.add(new SigInfo(SIG.USR1, 0)));
  t.notOk(pending.add(new SigInfo(SIG.USR1, 0)), 'a standard signal is pending once');
  for (const value of [1, 2, 3]) {
    const info = new SigInfo(40, -1);
    info.valueLow = value;
    t.ok(pending.add(info), 'real-time signals queue');
  }
  pending.add(new SigInfo(SIG.SEGV, 1));
  pending.add(new SigInfo(SIG.HUP, 0));
  pending.add(new SigInfo(64, 0));
  t.equal(pending.take(0, 0)?.signal, SIG.SEGV, 'faults first');
  t.equal(pending.take(bit(SIG.HUP), 0)?.signal, SIG.USR1, 'a blocked one stays');
  t.equal(pending.take(0, 0)?.signal, SIG.HUP);
  t.same([1, 2, 3].map(() => pending.take(0, 0)?.valueLow), [1, 2, 3], 'in the order of their sending');
  t.notOk(pending.has(40));
  t.equal(pending.take(0, -1), undefined);
  t.equal(pending.take(0, 0)?.signal, 64);
  pending.add(new SigInfo(32, 0));
  t.ok(pending.has(32) && pending.low < 0, 'signal 32 is the top bit of the low word');
  pending.discard(32);
  t.equal(pending.length, 0);
  t.end();
});

t.test('actions', (t) => {
  const actions = new SignalActions();
  t.ok(actions.ignores(SIG.CHLD));
  t.notOk(actions.ignores(SIG.TERM));
  t.equal(defaultAction(SIG.SEGV), Default.Core);
  t.equal(defaultAction(SIG.TSTP), Default.Stop);
  t.equal(defaultAction(50), Default.Terminate);
  actions.set(SIG.INT, { handler: 1, flags: 0, restorer: 0, maskLow: 0, maskHigh: 0 });
  actions.set(SIG.TERM, { handler: 0x1234, flags: 0, restorer: 0, maskLow: 0, maskHigh: 0 });
  const child = actions.copy();
  child.reset();
  t.equal(child.get(SIG.INT).handler, 1, 'ignored signals stay ignored');
  t.equal(child.get(SIG.TERM).handler, 0);
  t.equal(actions.get(SIG.TERM).handler, 0x1234);
  t.end();
});

class Plain extends OpenFile {
  closes = 0;
  protected override closed(): number {
    this.closes++;
    return 0;
  }
}

t.test('descriptor tables', (t) => {
  const table = new FdTable(8);
  const file = new Plain(O.RDWR, null);
  t.equal(table.install(file), 0);
  for (let fd = 1; fd < 8; fd++) {
    file.ref();
    t.equal(table.install(file, fd % 2 === 1), fd);
  }
  t.equal(table.install(file), -E.MFILE);
  t.equal(table.close(3), 0);
  t.equal(table.close(3), -E.BADF);
  t.equal(table.close(-1), -E.BADF);
  t.equal(table.close(5), 0);
  const other = new Plain(O.RDONLY, null);
  t.equal(table.install(other, false, 4), 5, 'the lowest from a minimum');
  t.equal(table.get(5), other);
  const copy = table.copy();
  copy.closeOnExec();
  t.same([0, 1, 2, 3, 4, 5, 6, 7].filter((fd) => copy.get(fd)), [0, 2, 4, 5, 6]);
  other.ref();
  t.equal(copy.installAt(0, other, true), 0);
  t.ok(copy.getCloexec(0));
  t.equal(copy.installAt(8, other, false), -E.BADF);
  copy.leave();
  table.leave();
  t.equal(file.closes, 1, 'closed once, by the last');
  t.equal(other.closes, 1);
  t.end();
});

t.test('pipes carry any bytes in any pieces', (t) => {
  t.comment(`seed ${seed}`);
  const random = generator(seed + 1);
  const [reader, writer] = createPipe(0, 0, 0);
  const bytes = new Uint8Array(200000).map(() => random(256));
  const out = new Uint8Array(bytes.length);
  let written = 0, read = 0;
  while (read < bytes.length) {
    const length = Math.min(random(3) === 0 ? random(90000) : random(3000), bytes.length - written);
    const put = writer.write(bytes, written, length);
    if (put === -E.AGAIN) {
      if (length <= 4096 && reader.pipe.length + length <= reader.pipe.capacity) {
        t.fail('a write that fits was refused');
      }
    } else {
      if (length <= 4096 && put !== length) t.fail('a small write was cut');
      written += put;
    }
    const got = reader.read(out, read, Math.min(random(20000), out.length - read));
    if (got > 0) read += got;
    if (random(50) === 0) reader.setPipeSize(4096 << random(6));
  }
  t.same(Buffer.compare(Buffer.from(bytes), Buffer.from(out)), 0);
  t.equal(reader.poll(), 0);
  t.equal(writer.poll(), POLL.OUT | POLL.WRNORM);
  writer.unref();
  t.equal(reader.read(out, 0, 10), 0, 'the end');
  t.equal(reader.poll() & POLL.HUP, POLL.HUP);
  reader.unref();
  t.end();
});

t.test('wait queues tell those who wait for the events', (t) => {
  const queue = new WaitQueue();
  const told: string[] = [];
  const waiter = (name: string): { notify: (events: number) => boolean } =>
    ({ notify: (events) => told.push(name + events) > 0 });
  const a = waiter('a'), b = waiter('b');
  queue.watch(a, POLL.IN);
  queue.watch(b, POLL.OUT | POLL.IN);
  t.equal(queue.events, POLL.IN | POLL.OUT);
  queue.wake(POLL.OUT);
  queue.wake(POLL.IN);
  t.same(told, ['b4', 'a1', 'b1']);
  queue.remove(b);
  t.notOk(queue.wakeOne(POLL.OUT));
  t.ok(queue.wakeOne(POLL.IN));
  const c = waiter('c'), d = waiter('d');
  queue.watch(c, POLL.OUT | EXCLUSIVE);
  queue.watch(d, POLL.OUT | EXCLUSIVE);
  queue.watch(b, POLL.OUT);
  told.length = 0;
  queue.wake(POLL.OUT);
  t.same(told, ['b4', 'c4'], 'of exclusive ones the first');
  t.end();
});

t.test('event counters', (t) => {
  const bytes = new Uint8Array(16);
  const event = new EventFile(0, false, true);
  t.equal(event.read(bytes, 0, 8), -E.AGAIN);
  bytes.fill(0xff, 0, 8);
  bytes[0] = 0xfe;
  t.equal(event.write(bytes, 0, 8), 8, 'the largest value');
  t.equal(event.poll(), POLL.IN);
  t.equal(event.read(bytes, 8, 8), 8);
  t.same([...bytes.subarray(8)], [0xfe, 255, 255, 255, 255, 255, 255, 255]);
  t.end();
});

t.test('capabilities come and go with uid 0', (t) => {
  const root = Credentials.of(0, 0, []);
  t.ok(root.has(5) && root.has(40));
  root.euid = 1000;
  root.uidsChanged(0, 0, 0);
  t.notOk(root.has(5));
  t.equal(root.fsuid, 1000);
  root.euid = 0;
  root.uidsChanged(0, 1000, 0);
  t.ok(root.has(5), 'back from the permitted set');
  root.uid = root.euid = root.suid = 1000;
  root.uidsChanged(0, 0, 0);
  t.notOk(root.has(5));
  t.equal(root.permittedLow, 0);
  t.end();
});
