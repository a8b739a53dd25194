/** Timers of the kernel: a binary heap over CLOCK_MONOTONIC. */

export class Timer {
  /** Place in the heap, -1 when not armed. */
  at = -1;

  constructor(
    /** CLOCK_MONOTONIC, nanoseconds. */
    readonly time: number,
    private readonly expire: (subject: unknown) => void,
    private readonly subject: unknown,
  ) {}

  fire(): void {
    this.expire(this.subject);
  }
}

export class Timers {
  private readonly heap: Timer[] = [];

  /** When the next timer is due (CLOCK_MONOTONIC, ns), Infinity without timers. */
  get next(): number {
    return this.heap.length > 0 ? this.heap[0]!.time : Infinity;
  }

  /** Calls `expire(subject)` once `time` is over. */
  add<T>(time: number, expire: (subject: T) => void, subject: T): Timer {
    const timer = new Timer(time, expire as (subject: unknown) => void, subject);
    this.up(timer, this.heap.length);
    return timer;
  }

  /** Disarms a timer; harmless when it has fired. */
  remove(timer: Timer): void {
    const at = timer.at;
    if (at < 0) return;
    timer.at = -1;
    const last = this.heap.pop()!;
    if (last === timer) return;
    if (at > 0 && this.heap[(at - 1) >> 1]!.time > last.time) this.up(last, at);
    else this.down(last, at);
  }

  /** Fires what is due at `now`. Gives how many. */
  expire(now: number): number {
    let fired = 0;
    while (this.heap.length > 0 && this.heap[0]!.time <= now) {
      const timer = this.heap[0]!;
      this.remove(timer);
      timer.fire();
      fired++;
    }
    return fired;
  }

  private up(timer: Timer, at: number): void {
    const heap = this.heap;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.time <= timer.time) break;
      heap[at] = heap[parent]!;
      heap[at]!.at = at;
      at = parent;
    }
    heap[at] = timer;
    timer.at = at;
  }

  private down(timer: Timer, at: number): void {
    const heap = this.heap;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.time < heap[child]!.time) child++;
      if (heap[child]!.time >= timer.time) break;
      heap[at] = heap[child]!;
      heap[at]!.at = at;
      at = child;
    }
    heap[at] = timer;
    timer.at = at;
  }
}
