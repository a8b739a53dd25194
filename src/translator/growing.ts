/** A Uint32Array that grows at its end. */
import { native } from '../host/native.js';

export class Growing {
  length = 0;
  private words = new Uint32Array(4096);

  push(value: number): void {
    if (this.length === this.words.length) this.reserve(1);
    this.words[this.length++] = value;
  }

  at(index: number): number {
    return this.words[index]!;
  }

  set(index: number, value: number): void {
    this.words[index] = value;
  }

  /** Appends `from`, each word plus `delta`, modulo 2^32. */
  append(from: Uint32Array, delta: number): void {
    this.reserve(from.length);
    this.words.set(from, this.length);
    native.addToWords(this.words, this.length, this.length + from.length, delta);
    this.length += from.length;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.words.length) return;
    const next = new Uint32Array(Math.max(this.words.length * 2, this.length + count));
    next.set(this.words);
    this.words = next;
  }
}
