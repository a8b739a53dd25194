/**
 * Runnable tasks in the order in which they get the CPU (sched(7)): those with a real-time priority first, the highest
 * before all others, then the rest in turns; once there are nice values, he who has had least for his weight.
 */
import { SCHED, SCHED_RESET_ON_FORK } from '../abi/process.js';
import { TaskState, type Task } from './task.js';

/** Of so many turns one goes to an ordinary task, whatever real-time tasks want (sched_rt_runtime_us). */
const FAIR_TURNS = 20;

/** sched_prio_to_weight: what a task gets with nice values from -20 to 19. Each step is some 10 % of the CPU. */
const WEIGHTS = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991,
  1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
];
const IDLE_WEIGHT = 3;
/** Who wakes up gets no more credit for the time that it slept than so many nanoseconds. */
const SLEEPER_CREDIT = 3e6;

/** How fast a task's virtual time passes. */
export function weightFactor(task: Task): number {
  const idle = (task.policy & ~SCHED_RESET_ON_FORK) === SCHED.IDLE;
  return 1024 / (idle ? IDLE_WEIGHT : WEIGHTS[task.nice + 20]!);
}

export class RunQueue {
  /** Some task has, or had, another weight than the rest: until then turns are fair without accounts. */
  weighted = false;
  /** The virtual time of who had the CPU last. */
  private virtualNow = 0;
  private ordinary: Task[] = [];
  /** By falling priority, and by time of arrival. */
  private readonly realtime: Task[] = [];
  private turns = 0;

  /** Somebody waits for the CPU. */
  get waiting(): boolean {
    return this.ordinary.length > 0 || this.realtime.length > 0;
  }

  /** Puts a runnable task behind those of its priority. */
  add(task: Task): void {
    if (task.realtimePriority === 0) this.ordinary.push(task);
    else this.insert(task, task.realtimePriority - 1);
  }

  /** A task's time slice is over. SCHED_FIFO knows no slices: it stays first of its priority. */
  addPreempted(task: Task): void {
    const fifo = (task.policy & ~SCHED_RESET_ON_FORK) === SCHED.FIFO;
    if (fifo) this.insert(task, task.realtimePriority);
    else this.add(task);
  }

  /** Puts the task before the first whose priority is not above `above`. */
  private insert(task: Task, above: number): void {
    const at = this.realtime.findIndex((other) => other.realtimePriority <= above);
    this.realtime.splice(at < 0 ? this.realtime.length : at, 0, task);
  }

  /** Whether a task of a higher priority waits than that of `task`, which runs. */
  outranks(task: Task): boolean {
    return this.realtime.length > 0 && this.realtime[0]!.realtimePriority > task.realtimePriority;
  }

  /** Takes the next task; undefined when nobody is runnable. */
  take(): Task | undefined {
    const { realtime } = this;
    while (realtime.length > 0 && (this.ordinary.length === 0 || ++this.turns % FAIR_TURNS !== 0)) {
      const task = realtime.shift()!;
      if (task.state === TaskState.Runnable) return task;
    }
    for (;;) {
      const task = this.weighted ? this.takeWeighted() : this.ordinary.shift();
      if (!task) return realtime.length > 0 ? this.take() : undefined;
      if (task.state === TaskState.Runnable) return task;
    }
  }

  private takeWeighted(): Task | undefined {
    const { ordinary } = this;
    let least = 0;
    for (let at = 0; at < ordinary.length; at++) {
      const task = ordinary[at]!;
      if (task.virtualTime < this.virtualNow - SLEEPER_CREDIT) task.virtualTime = this.virtualNow - SLEEPER_CREDIT;
      if (task.virtualTime < ordinary[least]!.virtualTime) least = at;
    }
    const task = ordinary.splice(least, 1)[0];
    if (task && task.virtualTime > this.virtualNow) this.virtualNow = task.virtualTime;
    return task;
  }
}
