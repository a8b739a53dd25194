/** For tests: what a file system is to do, as plain objects; each kind of file system with its own rules. */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { RENAME } from '../inode.js';

export interface Rules {
  /** Names that differ only in case are one name, and dots at the end do not count. */
  readonly dos: boolean;
  /** Hard and symbolic links are there. */
  readonly links: boolean;
}

export class Node {
  nlink = 1;
  data = Buffer.alloc(0);
  target = '';
  readonly children = new Map<string, { name: string; node: Node }>();
  parent: Node | null = null;
  constructor(readonly type: number) {}
}

interface Found {
  dir: Node;
  name: string;
  node: Node | null;
}

/** Results are 0 or -errno. Paths are absolute, of plain names. */
export class Model {
  readonly root = new Node(S.IFDIR);
  constructor(readonly rules: Rules) {}

  key(name: string): string {
    return this.rules.dos ? name.replace(/\.+$/, '').toLowerCase() : name;
  }
  private shown(name: string): string {
    return this.rules.dos ? name.replace(/\.+$/, '') : name;
  }

  /** Where a path leads; a missing last name is no error. `follow`: a link at the end. */
  walk(path: string, follow: boolean, from: Node = this.root, depth = 0): Found | number {
    let dir = path.startsWith('/') ? this.root : from;
    const names = path.split('/').filter((name) => name !== '');
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!, last = i === names.length - 1;
      if (dir.type !== S.IFDIR) return -E.NOTDIR;
      const node: Node | null = dir.children.get(this.key(name))?.node ?? null;
      if (node !== null && node.type === S.IFLNK && (!last || follow)) {
        if (depth >= 40) return -E.LOOP;
        const found = this.walk(node.target, true, dir, depth + 1);
        if (typeof found === 'number' || last) return found;
        if (found.node === null) return -E.NOENT;
        dir = found.node;
        continue;
      }
      if (last) return { dir, name, node };
      if (node === null) return -E.NOENT;
      dir = node;
    }
    return { dir, name: '', node: dir };
  }

  private add(dir: Node, name: string, node: Node): void {
    const there = dir.children.get(this.key(name));
    dir.children.set(this.key(name), { name: there === undefined ? this.shown(name) : there.name, node });
    if (node.type === S.IFDIR) node.parent = dir;
  }

  /** The file, made when it is missing. */
  create(path: string, exclusive: boolean): Node | number {
    const found = this.walk(path, !exclusive);
    if (typeof found === 'number') return found;
    if (found.node !== null) return exclusive ? -E.EXIST : found.node.type === S.IFDIR ? -E.ISDIR : found.node;
    const made = new Node(S.IFREG);
    this.add(found.dir, found.name, made);
    return made;
  }
  file(path: string): Node | number {
    const found = this.walk(path, true);
    if (typeof found === 'number') return found;
    if (found.node === null) return -E.NOENT;
    return found.node.type === S.IFDIR ? -E.ISDIR : found.node;
  }
  mkdir(path: string): number {
    const found = this.walk(path, false);
    if (typeof found === 'number') return found;
    if (found.node !== null) return -E.EXIST;
    this.add(found.dir, found.name, new Node(S.IFDIR));
    return 0;
  }
  symlink(target: string, path: string): number {
    const found = this.walk(path, false);
    if (typeof found === 'number') return found;
    if (found.node !== null) return -E.EXIST;
    if (!this.rules.links) return -E.PERM;
    const made = new Node(S.IFLNK);
    made.target = target;
    this.add(found.dir, found.name, made);
    return 0;
  }
  link(from: string, path: string): number {
    const source = this.walk(from, false);
    if (typeof source === 'number') return source;
    if (source.node === null) return -E.NOENT;
    const found = this.walk(path, false);
    if (typeof found === 'number') return found;
    if (found.node !== null) return -E.EXIST;
    if (source.node.type === S.IFDIR || !this.rules.links) return -E.PERM;
    source.node.nlink++;
    this.add(found.dir, found.name, source.node);
    return 0;
  }
  unlink(path: string): number {
    const found = this.walk(path, false);
    if (typeof found === 'number') return found;
    if (found.node === null) return -E.NOENT;
    if (found.node.type === S.IFDIR) return -E.ISDIR;
    found.node.nlink--;
    found.dir.children.delete(this.key(found.name));
    return 0;
  }
  rmdir(path: string): number {
    const found = this.walk(path, false);
    if (typeof found === 'number') return found;
    if (found.node === null) return -E.NOENT;
    if (found.node.type !== S.IFDIR) return -E.NOTDIR;
    if (found.node.children.size > 0) return -E.NOTEMPTY;
    found.dir.children.delete(this.key(found.name));
    return 0;
  }

  rename(from: string, to: string, flags: number): number {
    const source = this.walk(from, false);
    if (typeof source === 'number') return source;
    const target = this.walk(to, false);
    if (typeof target === 'number') return target;
    const { node } = source, there = target.node;
    const exchange = (flags & RENAME.EXCHANGE) !== 0;
    if (node === null) return -E.NOENT;
    if (there !== null && flags & RENAME.NOREPLACE) return -E.EXIST;
    if (there === null && exchange) return -E.NOENT;
    if (node.type === S.IFDIR && isBeneath(target.dir, node)) return -E.INVAL;
    if (there !== null && there.type === S.IFDIR && isBeneath(source.dir, there)) {
      return exchange ? -E.INVAL : -E.NOTEMPTY;
    }
    if (there === node) return 0;
    if (exchange) {
      this.add(source.dir, source.name, there!);
      this.add(target.dir, target.name, node);
      return 0;
    }
    if (there !== null) {
      if (node.type === S.IFDIR && there.type !== S.IFDIR) return -E.NOTDIR;
      if (node.type !== S.IFDIR && there.type === S.IFDIR) return -E.ISDIR;
      if (there.children.size > 0) return -E.NOTEMPTY;
      there.nlink--;
    }
    source.dir.children.delete(this.key(source.name));
    this.add(target.dir, target.name, node);
    return 0;
  }
}

function isBeneath(node: Node, top: Node): boolean {
  for (let at: Node | null = node; at !== null; at = at.parent) if (at === top) return true;
  return false;
}

export function writeTo(node: Node, bytes: Uint8Array, position: number): void {
  resizeTo(node, Math.max(node.data.length, position + bytes.length));
  node.data.set(bytes, position);
}
export function resizeTo(node: Node, size: number): void {
  const data = Buffer.alloc(size);
  data.set(node.data.subarray(0, size));
  node.data = data;
}
