import t from 'tap';
import { SCHED } from '../abi/process.js';
import { RunQueue } from './run_queue.js';
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
