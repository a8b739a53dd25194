/**
 * Collections of what comes and goes all the time. A Map or a Set would do, but V8 chains each old table of one to the
 * next: when the collector has moved one to the old space, all later ones, and the dead processes that they name, stay
 * until a full collection. 100 000 forks would cost 30 MB.
 */

const EMPTY = -1;

/** Values by number (0 to 2^31 - 1): open addressing, linear probing. */
export class IdTable<T> {
  size = 0;
  private ids = new Int32Array(16).fill(EMPTY);
  private slots: (T | undefined)[] = new Array<T | undefined>(16).fill(undefined);

  get(id: number): T | undefined {
    return this.slots[this.slotOf(id)];
  }

  has(id: number): boolean {
    return id !== EMPTY && this.ids[this.slotOf(id)] === id;
  }

  set(id: number, value: T): void {
    let slot = this.slotOf(id);
    if (this.ids[slot] === EMPTY) {
      if ((this.size + 1) * 2 > this.ids.length) {
        this.grow();
        slot = this.slotOf(id);
      }
      this.ids[slot] = id;
      this.size++;
    }
    this.slots[slot] = value;
  }

  /** @returns whether it was there */
  delete(id: number): boolean {
    const { ids, slots } = this;
    const mask = ids.length - 1;
    let hole = this.slotOf(id);
    if (ids[hole] === EMPTY) return false;
    // Those behind the hole that would not be found across it move into it.
    for (let at = (hole + 1) & mask; ids[at] !== EMPTY; at = (at + 1) & mask) {
      if (((at - (ids[at]! & mask)) & mask) < ((at - hole) & mask)) continue;
      ids[hole] = ids[at]!;
      slots[hole] = slots[at];
      hole = at;
    }
    ids[hole] = EMPTY;
    slots[hole] = undefined;
    this.size--;
    return true;
  }

  /** Those that are there now, in no particular order; what comes and goes meanwhile makes no difference. */
  values(): T[] {
    const found: T[] = [];
    const { ids, slots } = this;
    for (let slot = 0; slot < ids.length; slot++) if (ids[slot] !== EMPTY) found.push(slots[slot]!);
    return found;
  }

  /** Where `id` is, or the empty place where its search ends. */
  private slotOf(id: number): number {
    const { ids } = this;
    const mask = ids.length - 1;
    let slot = id & mask;
    while (ids[slot] !== id && ids[slot] !== EMPTY) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const { ids, slots } = this;
    this.ids = new Int32Array(ids.length * 2).fill(EMPTY);
    this.slots = new Array<T | undefined>(ids.length * 2).fill(undefined);
    for (let slot = 0; slot < ids.length; slot++) {
      if (ids[slot] === EMPTY) continue;
      const to = this.slotOf(ids[slot]!);
      this.ids[to] = ids[slot]!;
      this.slots[to] = slots[slot];
    }
  }
}

/** Things in the order in which they came; each at most once. */
export class Roll<T> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** `item` must not be there yet. */
  add(item: T): void {
    this.items.push(item);
  }

  delete(item: T): void {
    const at = this.items.indexOf(item);
    if (at >= 0) this.items.splice(at, 1);
  }

  clear(): void {
    this.items.length = 0;
  }

  /** Goes over those that are there now: what comes and goes meanwhile makes no difference. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.items.slice()[Symbol.iterator]();
  }
}
