/**
 * Runnable tasks in the order in which they get the CPU (sched(7)): those with a real-time priority first, the highest
 * before all others, then the rest in turns.
 */
import { SCHED, SCHED_RESET_ON_FORK } from '../abi/process.js';
import { TaskState, type Task } from './task.js';

/** Of so many turns one goes to an ordinary task, whatever real-time tasks want (sched_rt_runtime_us). */
const FAIR_TURNS = 20;

export class RunQueue {
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
      const task = this.ordinary.shift();
      if (!task) return realtime.length > 0 ? this.take() : undefined;
      if (task.state === TaskState.Runnable) return task;
    }
  }
}
