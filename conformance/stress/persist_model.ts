/**
 * What the files that persist.c changes should be like, and what a change that was cut off may leave of itself.
 */

/** What a write brings to its file at once: blocks of the ext2 image, or (of the directory) parts of pages. */
export const BLOCK = 1024;

export interface Node {
  kind: 'file' | 'directory' | 'link';
  mode: number;
  data: Buffer;
  xattr: string;
  target: string;
}

/** Bytes are never changed in place, so a buffer has one hash. */
const hashes = new WeakMap<Buffer, number>();

function hashOf(data: Buffer): number {
  let hash = hashes.get(data);
  if (hash === undefined) {
    hash = 2166136261;
    for (const byte of data) hash = Math.imul(hash ^ byte, 16777619);
    hashes.set(data, hash >>>= 0);
  }
  return hash;
}

/** A line of persist.c's input. */
export type Operation = readonly (string | number)[];

/** What there should be: paths, and what they mean; names of one file share a node. */
export class Model {
  nodes = new Map<string, Node>();

  file(path: string, data: Buffer): Node {
    const node: Node = { kind: 'file', mode: 0o644, data, xattr: '', target: '' };
    this.nodes.set(path, node);
    return node;
  }
  directory(path: string): void {
    this.nodes.set(path, { kind: 'directory', mode: 0o755, data: Buffer.alloc(0), xattr: '', target: '' });
  }

  copy(): Model {
    const model = new Model(), copies = new Map<Node, Node>();
    for (const [path, node] of this.nodes) {
      const copy = copies.get(node) ?? { ...node };
      copies.set(node, copy);
      model.nodes.set(path, copy);
    }
    return model;
  }

  /** As the guest's dump, sorted. */
  lines(): string[] {
    const links = new Map<Node, number>();
    for (const node of this.nodes.values()) links.set(node, (links.get(node) ?? 0) + 1);
    return [...this.nodes].map(([path, node]) => {
      const mode = node.mode.toString(8);
      if (node.kind === 'directory') return `${path} directory ${mode}`;
      if (node.kind === 'link') return `${path} link ${node.target}`;
      return `${path} file ${mode} ${node.data.length} ${links.get(node)} ${hashOf(node.data)} ${node.xattr}`;
    }).sort();
  }

  private below(path: string): string[] {
    return [...this.nodes.keys()].filter((other) => other.startsWith(`${path}/`));
  }
  private parentThere(path: string): boolean {
    const slash = path.lastIndexOf('/');
    return slash < 0 || this.nodes.get(path.substring(0, slash))?.kind === 'directory';
  }

  /** Carries an operation out; false: it would fail, and nothing is changed. */
  apply(operation: Operation): boolean {
    const [kind, one, two] = operation as [string, string, string];
    const node = this.nodes.get(one), other = this.nodes.get(two);
    switch (kind) {
      case 'write':
      case 'append': {
        if (node !== undefined ? node.kind !== 'file' : !this.parentThere(one)) return false;
        const target = node ?? this.file(one, Buffer.alloc(0));
        const [offset, length, byte] = (kind === 'append'
          ? [target.data.length, operation[2], operation[3]] : operation.slice(2)) as number[];
        const data = Buffer.alloc(Math.max(target.data.length, offset! + length!));
        target.data.copy(data);
        data.fill(byte!, offset!, offset! + length!);
        target.data = data;
        return true;
      }
      case 'truncate': {
        if (node?.kind !== 'file') return false;
        const data = Buffer.alloc(operation[2] as number);
        node.data.copy(data);
        node.data = data;
        return true;
      }
      case 'unlink':
        return node !== undefined && node.kind !== 'directory' && this.nodes.delete(one);
      case 'rmdir':
        return node?.kind === 'directory' && this.below(one).length === 0 && this.nodes.delete(one);
      case 'mkdir':
        if (node !== undefined || !this.parentThere(one)) return false;
        this.directory(one);
        return true;
      case 'symlink': {
        if (other !== undefined || !this.parentThere(two)) return false;
        this.nodes.set(two, { kind: 'link', mode: 0o777, data: Buffer.alloc(0), xattr: '', target: one });
        return true;
      }
      case 'link':
        if (node?.kind !== 'file' || other !== undefined || !this.parentThere(two)) return false;
        this.nodes.set(two, node);
        return true;
      case 'rename': {
        if (node === undefined || !this.parentThere(two) || one === two || two.startsWith(`${one}/`)) return false;
        if (other === node) return false;
        if (other !== undefined && (other.kind === 'directory') !== (node.kind === 'directory')) return false;
        if (this.below(two).length > 0) return false;
        for (const path of this.below(one)) {
          this.nodes.set(two + path.substring(one.length), this.nodes.get(path)!);
          this.nodes.delete(path);
        }
        this.nodes.delete(one);
        this.nodes.set(two, node);
        return true;
      }
      case 'chmod':
        if (node === undefined || node.kind === 'link') return false;
        node.mode = Number.parseInt(two, 8);
        return true;
      case 'xattr':
        if (node?.kind !== 'file') return false;
        node.xattr = two;
        return true;
      default:
        throw new Error(kind);
    }
  }
}

export function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

export function randomOperation(next: (below: number) => number): Operation {
  const path = (): string => Array.from({ length: 1 + next(3) }, () => 'abcde'[next(5)]).join('/');
  switch (next(14)) {
    case 0:
    case 1:
    case 2: return ['write', path(), next(20_000), 1 + next(10_000), next(256)];
    case 3:
    case 4: return ['append', path(), 1 + next(6000), next(256)];
    case 5: return ['truncate', path(), next(30_000)];
    case 6: return ['unlink', path()];
    case 7: return ['link', path(), path()];
    case 8: return ['mkdir', path()];
    case 9: return ['rmdir', path()];
    case 10: return ['chmod', path(), (0o400 | next(0o1000) & 0o377 | 0o100).toString(8)];
    case 11: return ['xattr', path(), `v${next(1000)}`];
    case 12: return ['symlink', `to${next(100)}`, path()];
    default: return ['rename', path(), path()];
  }
}

/**
 * The states that a change may leave when it is cut off: nothing of it, all, or a part. `bytes`: what the file that it
 * changes holds now, for the parts of a write or of a cut. `image`: on an ext2 image, which writes the new name of a file before
 * it takes the old one away, clears blocks behind a file's new end before the end moves, and takes the directory away
 * that another replaces before that comes.
 */
export function statesAfterCut(model: Model, operation: Operation, image: boolean, bytes: Buffer | null): Model[] {
  const states: Model[] = [model];
  const whole = model.copy();
  if (!whole.apply(operation)) return states;
  states.push(whole);
  const [kind, path, newPath] = operation as [string, string, string];
  const file = model.nodes.get(path)!;
  if (kind === 'write' || kind === 'append') {
    const made = model.copy();
    const node = made.nodes.get(path) ?? made.file(path, Buffer.alloc(0));
    states.push(made);
    if (bytes !== null && isPartOf(node.data, whole.nodes.get(path)!.data, operation, image, bytes)) {
      states.push(withBytes(made, path, bytes));
    }
  } else if (image && kind === 'truncate' && (operation[2] as number) < file.data.length) {
    // The rest of the last block is cleared first: a file that grows again must not show it.
    const cut = Buffer.from(file.data).fill(0, operation[2] as number);
    if (bytes !== null && isPartOf(file.data, cut, operation, image, bytes)) {
      states.push(withBytes(model, path, bytes));
    }
  } else if (image && kind === 'rename' && file.kind !== 'directory') {
    const both = model.copy();
    both.nodes.set(newPath, both.nodes.get(path)!);
    states.push(both);
  } else if (image && kind === 'rename' && model.nodes.has(newPath)) {
    const without = model.copy();
    without.nodes.delete(newPath);
    states.push(without);
  }
  return states;
}

function withBytes(model: Model, path: string, bytes: Buffer): Model {
  const state = model.copy();
  state.nodes.get(path)!.data = bytes;
  return state;
}

/**
 * Can `bytes` be what a change that was cut off has left, when it was to make `after` of `before`? An ext2 image may
 * have any of the blocks, those that fill a hole as the hole, and the old size or the new one. A directory has the
 * first blocks, and ends with the last of them or where it ended before.
 */
function isPartOf(before: Buffer, after: Buffer, operation: Operation, image: boolean, bytes: Buffer): boolean {
  const size = bytes.length;
  const possible = image ? [before.length, after.length].includes(size) : size >= before.length && size <= after.length;
  if (!possible) return false;
  const old = Buffer.alloc(size), fresh = Buffer.alloc(size);
  before.copy(old);
  after.copy(fresh);
  const [kind, , place] = operation;
  const start = kind === 'append' ? before.length : place as number;
  let ended = false;
  for (let at = 0; at < size; at += BLOCK) {
    const here = bytes.subarray(at, at + BLOCK);
    const isNew = here.equals(fresh.subarray(at, at + BLOCK)), isOld = here.equals(old.subarray(at, at + BLOCK));
    if (!isNew && !isOld) return false;
    if (image || at + BLOCK <= start) continue;
    if (!isNew) ended = true;
    else if (ended && !isOld) return false;
  }
  return image || size === before.length || size === after.length || size % BLOCK === 0;
}
