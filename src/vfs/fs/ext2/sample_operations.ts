/** Random operations on two trees, whose results and contents must agree: a file system and a model of it. */
import { errnoName } from '../../../abi/errno.js';
import { O, S } from '../../../abi/fcntl.js';
import { native } from '../../../host/native.js';
import { chmod, chown, truncate, utimens } from '../../attributes.js';
import { getxattr, listxattr, removexattr, setxattr } from '../../xattr.js';
import { DirectoryFile } from '../../directory_file.js';
import { RENAME, Stat, type DirSink } from '../../inode.js';
import { link, mkdir, mknod, rename, rmdir, symlink, unlink } from '../../names.js';
import type { OpenFile } from '../../open_file.js';
import { lookup, open, readlink, stat, type PathContext } from '../../vfs.js';

const told = (result: number): string => (result < 0 ? String(errnoName(-result)) : String(result));

/** An operation, drawn once and carried out on each tree. */
export type Operation = (side: Side) => string;

/** A tree, and the files of it that are open. */
export class Side {
  readonly files = new Map<number, OpenFile>();
  constructor(public ctx: PathContext) {}

  place(path: string, use: (place: Exclude<ReturnType<typeof lookup>, number>) => number): string {
    const found = lookup(this.ctx, this.ctx.cwd, path, false);
    return told(typeof found === 'number' ? found : use(found));
  }
  closeAll(): void {
    for (const file of this.files.values()) file.unref();
    this.files.clear();
  }
}

/** Draws names from a small set, so that operations meet; some long, some in directories. */
function drawName(random: (below: number) => number): string {
  const plain = `n${random(12)}`;
  return random(20) === 0 ? plain + 'x'.repeat(random(240)) : plain;
}
function drawPath(random: (below: number) => number): string {
  let path = '';
  for (let depth = random(3); depth > 0; depth--) path += `/d${random(5)}`;
  return `${path}/${random(4) === 0 ? `d${random(5)}` : drawName(random)}`;
}

function bytesFrom(random: (below: number) => number, length: number): Buffer {
  const bytes = Buffer.alloc(length, random(256));
  for (let i = 0; i < length; i += 97) bytes[i] = random(256);
  return bytes;
}

/** The next operation. Sizes are up to some hundred KiB; positions now and then far behind the end. */
export function drawOperation(random: (below: number) => number): { text: string; run: Operation } {
  const path = drawPath(random), other = drawPath(random), number = random(1 << 20);
  const kind = random(30);
  const at = (side: Side) => [side.ctx, side.ctx.cwd] as const;
  switch (kind) {
    case 0: case 1: case 2: case 3: {
      const length = random(8) === 0 ? random(300_000) : random(9000);
      const position = random(12) === 0 ? random(40_000_000) : random(50_000);
      const bytes = bytesFrom(random, length);
      const flags = O.RDWR | O.CREAT | (random(4) === 0 ? O.APPEND : 0) | (random(6) === 0 ? O.TRUNC : 0);
      return { text: `write ${path} ${length} at ${position} flags ${flags}`, run: (side) => {
        const file = open(...at(side), path, flags, 0o644);
        if (typeof file === 'number') return told(file);
        const wrote = file.pwrite(bytes, 0, length, position);
        file.unref();
        return told(wrote);
      } };
    }
    case 4: case 5:
      return { text: `truncate ${path} ${number}`, run: (side) =>
        side.place(path, (place) => truncate(side.ctx, place, number % 3 === 0 ? number : number % 20_000)) };
    case 6: case 7: case 8:
      return { text: `mkdir ${path}`, run: (side) => told(mkdir(...at(side), path, 0o755)) };
    case 9:
      return { text: `rmdir ${path}`, run: (side) => told(rmdir(...at(side), path)) };
    case 10: case 11: case 12:
      return { text: `unlink ${path}`, run: (side) => told(unlink(...at(side), path)) };
    case 13: case 14: case 15: {
      const flags = [0, 0, 0, RENAME.NOREPLACE, RENAME.EXCHANGE, RENAME.WHITEOUT][random(6)]!;
      return { text: `rename ${path} ${other} ${flags}`, run: (side) =>
        told(rename(...at(side), path, side.ctx.cwd, other, flags)) };
    }
    case 16: case 17:
      return { text: `link ${path} ${other}`, run: (side) =>
        side.place(path, (place) => link(side.ctx, place, side.ctx.cwd, other)) };
    case 18: {
      const target = 't'.repeat(1 + random(random(2) === 0 ? 59 : 700));
      return { text: `symlink ${target.length} ${path}`, run: (side) =>
        told(symlink(side.ctx, target, side.ctx.cwd, path)) };
    }
    case 19: {
      const mode = [S.IFIFO, S.IFCHR, S.IFBLK, S.IFSOCK][random(4)]!;
      return { text: `mknod ${path}`, run: (side) => told(mknod(...at(side), path, mode | 0o600, number)) };
    }
    case 20:
      return { text: `chmod ${path}`, run: (side) =>
        side.place(path, (place) => chmod(side.ctx, place, number & 0o7777)) };
    case 21:
      return { text: `chown ${path}`, run: (side) =>
        side.place(path, (place) => chown(side.ctx, place, number, number >> 2)) };
    case 22:
      return { text: `utimens ${path}`, run: (side) =>
        side.place(path, (place) => utimens(side.ctx, place, number * 3000, number, number * 2000, 7)) };
    case 23: case 24: {
      const name = `${['user', 'trusted', 'security'][random(3)]}.${'a'.repeat(1 + random(20))}`;
      const value = bytesFrom(random, random(120));
      return { text: `setxattr ${path} ${name}`, run: (side) =>
        side.place(path, (place) => Math.min(0, setxattr(side.ctx, place, name, value, number & 1))) };
    }
    case 25: {
      const name = `user.${'a'.repeat(1 + random(20))}`;
      return { text: `removexattr ${path} ${name}`, run: (side) =>
        side.place(path, (place) => removexattr(side.ctx, place, name)) };
    }
    case 26: {
      const slot = random(6), unnamed = random(4) === 0;
      return { text: `hold ${path} ${slot} ${unnamed}`, run: (side) => {
        if (side.files.has(slot)) return 'taken';
        const directory = path.substring(0, path.lastIndexOf('/')) || '/';
        const file = open(...at(side), unnamed ? directory : path, O.RDWR | (unnamed ? O.TMPFILE : 0), 0o600);
        if (typeof file === 'number') return told(file);
        side.files.set(slot, file);
        return 'held';
      } };
    }
    case 27: {
      const slot = random(6), bytes = bytesFrom(random, random(5000)), position = random(30_000);
      const mapped = random(2) === 0;
      return { text: `use ${slot} mapped ${mapped}`, run: (side) => {
        const file = side.files.get(slot);
        if (file === undefined || file.location!.inode.type !== S.IFREG) return 'none';
        if (!mapped) return told(file.pwrite(bytes, 0, bytes.length, position));
        // As a program's stores through a shared mapping do, which cannot make the file longer.
        const found = new Stat();
        file.stat(found);
        const length = Math.max(0, Math.min(bytes.length, found.size - position));
        const fd = file.mapFd(true);
        if (fd < 0) return told(fd);
        return length === 0 ? '0' : told(native.pwrite(fd, bytes, 0, length, position));
      } };
    }
    case 28: {
      const slot = random(6);
      return { text: `release ${slot}`, run: (side) => {
        const file = side.files.get(slot);
        side.files.delete(slot);
        return file === undefined ? 'none' : told(file.unref());
      } };
    }
    default: {
      const slot = random(6);
      return { text: `fsync ${slot}`, run: (side) => {
        const file = side.files.get(slot);
        return file === undefined ? 'none' : told(file.sync(false));
      } };
    }
  }
}

/** Everything that can be seen of a tree, a line a file. Times of directories are left out with `times` false. */
export function describe(ctx: PathContext, path = '/', lines: string[] = []): string[] {
  const found = new Stat();
  const failed = stat(ctx, ctx.cwd, path, false, found);
  if (failed < 0) {
    lines.push(`${path} ${told(failed)}`);
    return lines;
  }
  const type = found.mode & S.IFMT;
  let line = `${path} ${found.mode.toString(8)} ${found.uid}:${found.gid} links ${found.nlink}`;
  if (type === S.IFREG) line += ` size ${found.size} ${contents(ctx, path)}`;
  if (type === S.IFLNK) line += ` -> ${readlink(ctx, ctx.cwd, path)}`;
  if (type === S.IFCHR || type === S.IFBLK) line += ` dev ${found.rdev}`;
  const place = lookup(ctx, ctx.cwd, path, false);
  if (typeof place !== 'number') {
    const names = listxattr(ctx, place);
    if (typeof names !== 'number') {
      for (const name of names.sort()) {
        const value = getxattr(ctx, place, name);
        line += ` ${name}=${typeof value === 'number' ? told(value) : Buffer.from(value).toString('hex')}`;
      }
    }
    lines.push(line);
    if (type === S.IFDIR) {
      const names = namesIn(ctx, path);
      for (const name of names) describe(ctx, path === '/' ? `/${name}` : `${path}/${name}`, lines);
    }
  }
  return lines;
}

/** A checksum of the bytes, or an error. */
function contents(ctx: PathContext, path: string): string {
  const file = open(ctx, ctx.cwd, path, O.RDONLY | O.NOATIME, 0);
  if (typeof file === 'number') return told(file);
  const bytes = Buffer.alloc(1 << 18);
  let sum = 0;
  for (let at = 0; ;) {
    const got = file.pread(bytes, 0, bytes.length, at);
    if (got <= 0) {
      if (got < 0) sum = got;
      break;
    }
    // Zeros leave the sum alone, so that holes cost little.
    for (let i = 0; i < got; i++) {
      const byte = bytes[i]!;
      if (byte !== 0) sum = (Math.imul(sum, 31) + byte + Math.imul(at + i, 2654435761)) | 0;
    }
    at += got;
  }
  file.unref();
  return (sum >>> 0).toString(16);
}

export function namesIn(ctx: PathContext, path: string): string[] {
  const file = open(ctx, ctx.cwd, path, O.RDONLY | O.DIRECTORY, 0);
  if (typeof file === 'number' || !(file instanceof DirectoryFile)) return [];
  const names: string[] = [];
  const sink: DirSink = { entry: (name) => names.push(name) > 0 };
  file.readdir(sink);
  file.unref();
  return names.filter((name) => name !== '.' && name !== '..' && name !== 'lost+found').sort();
}
