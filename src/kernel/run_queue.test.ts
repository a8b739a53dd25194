import t from 'tap';
import { SCHED } from '../abi/process.js';
import { RunQueue, weightFactor } from './run_queue.js';
import { TaskState, type Task } from './task.js';

/** What the queue looks at of a task. */
function task(realtimePriority: number, policy: number): Task {
  return { realtimePriority, policy, state: TaskState.Runnable } as Task;
}

t.test('who gets the CPU', (t) => {
  const queue = new RunQueue();
  const plain = [task(0, SCHED.OTHER), task(0, SCHED.BATCH), task(0, SCHED.OTHER)];
  const low = task(5, SCHED.RR), high = task(9, SCHED.FIFO), equal = task(9, SCHED.RR);
  t.notOk(queue.waiting);
  for (const one of [plain[0]!, low, plain[1]!, high, equal, plain[2]!]) queue.add(one);
  t.ok(queue.waiting);
  t.ok(queue.outranks(low));
  t.notOk(queue.outranks(high));
  const order = [high, equal, low, ...plain];
  for (const [at, wanted] of order.entries()) t.equal(queue.take(), wanted, `turn ${at}`);
  t.equal(queue.take(), undefined);

  queue.add(equal);
  queue.addPreempted(high);
  t.equal(queue.take(), high, 'SCHED_FIFO stays first of its priority');
  t.equal(queue.take(), equal);
  queue.add(high);
  queue.addPreempted(equal);
  t.equal(queue.take(), high, 'SCHED_RR takes turns');
  t.equal(queue.take(), equal);

  plain[0]!.state = TaskState.Parked;
  queue.add(plain[0]!);
  queue.add(low);
  low.state = TaskState.Zombie;
  t.equal(queue.take(), undefined, 'who is not runnable any more is left out');

  const patient = task(0, SCHED.OTHER);
  queue.add(patient);
  let turns = 0;
  for (let next = high; next === high; turns++) {
    queue.addPreempted(high);
    next = queue.take()!;
  }
  t.ok(turns <= 20, `an ordinary task has its turn among real-time ones: ${turns}`);
  t.end();
});

t.test('nice values weigh', (t) => {
  const queue = new RunQueue();
  queue.weighted = true;
  const sharer = (nice: number, policy: number = SCHED.OTHER): Task =>
    Object.assign(task(0, policy), { nice, virtualTime: 0 });
  const turns = (members: Task[], count: number): number[] => {
    const had = members.map(() => 0);
    for (const member of members) queue.add(member);
    for (let turn = 0; turn < count; turn++) {
      const next = queue.take()!;
      had[members.indexOf(next)]!++;
      next.virtualTime += 4e6 * weightFactor(next);
      queue.addPreempted(next);
    }
    while (queue.take()) { /* Leaves it empty. */ }
    return had;
  };
  t.same(turns([sharer(0), sharer(0)], 100), [50, 50]);
  const [plain, nice] = turns([sharer(0), sharer(10)], 1000) as [number, number];
  t.ok(Math.abs(plain / nice - 1024 / 110) < 1, `${plain} : ${nice}`);
  const [eager, other] = turns([sharer(-5), sharer(0)], 1000) as [number, number];
  t.ok(Math.abs(eager / other - 3121 / 1024) < 0.3, `${eager} : ${other}`);
  const [normal, idle] = turns([sharer(0), sharer(0, SCHED.IDLE)], 1000) as [number, number];
  t.ok(normal > 990 && idle > 0, 'SCHED_IDLE gets little, but not nothing');
  const late = sharer(0), early = sharer(0);
  early.virtualTime = 1e12;
  queue.add(early);
  t.equal(queue.take(), early);
  const order = turns([late, early], 10);
  t.ok(order[1]! >= 4, 'who slept does not keep the CPU for as long as he slept');
  t.end();
});
