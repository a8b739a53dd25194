/**
 * The CPU time of tasks, to the nanosecond, and how much of it is user time: the ends of time slices are the samples
 * that tell (Linux has its tick for that). So a call costs nothing, and what is short is split as all has been so far.
 */
import { native } from '../host/native.js';
import type { Task } from './task.js';

export class CpuTime {
  private readonly ticks = new Uint32Array(native.timesliceTicks());
  private systemBefore = 0;
  private userBefore = 0;
  /** Samples that met a task. */
  private system = 0;
  private user = 0;

  /** From here on samples count: the kernel did not idle. */
  begin(): void {
    this.systemBefore = this.ticks[0]!;
    this.userBefore = this.ticks[1]!;
  }

  /** `task` has had the CPU for `ns` since the last charge or `begin`. */
  charge(task: Task, ns: number): void {
    const system = this.ticks[0]!, user = this.ticks[1]!;
    task.unsplitTime += ns;
    if (system !== this.systemBefore || user !== this.userBefore) this.split(task, system, user);
  }

  private split(task: Task, system: number, user: number): void {
    const inKernel = (system - this.systemBefore) >>> 0, inGuest = (user - this.userBefore) >>> 0;
    this.systemBefore = system;
    this.userBefore = user;
    this.system += inKernel;
    this.user += inGuest;
    divide(task, inGuest / (inKernel + inGuest));
  }

  /** All of the task's time is split now. */
  settle(task: Task): void {
    if (task.unsplitTime > 0) divide(task, this.user + this.system === 0 ? 1 : this.user / (this.user + this.system));
  }
}

function divide(task: Task, userShare: number): void {
  const user = task.unsplitTime * userShare;
  task.userTime += user;
  task.systemTime += task.unsplitTime - user;
  task.unsplitTime = 0;
}
