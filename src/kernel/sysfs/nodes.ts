/** What /sys is made of (sysfs(5)): directories, attributes of one line, relative links. Nothing can be written. */
import type { Inode, FileSystem, Stat } from '../../vfs/inode.js';
import { ProcDirectory, ProcFile, ProcLink, type MakeNode } from '../procfs/nodes.js';

export type Entries = Record<string, MakeNode>;

const PAGE = 4096;

/** An attribute: its size is a page, whatever it says. */
class Attribute extends ProcFile {
  override stat(out: Stat): number {
    const failed = super.stat(out);
    out.size = out.blksize = PAGE;
    return failed;
  }
}

/** A directory whose entries are found out when somebody first looks. */
export function directory(entries: () => Entries): MakeNode {
  return (fs: FileSystem): Inode => new ProcDirectory(fs, entries());
}
export function fixed(entries: Entries): MakeNode {
  return (fs: FileSystem): Inode => new ProcDirectory(fs, entries);
}
/** One line. */
export function attribute(value: string | number | (() => string | number)): MakeNode {
  return (fs: FileSystem): Inode => new Attribute(fs, () => `${typeof value === 'function' ? value() : value}\n`);
}
/** Text as it is. */
export function text(value: string): MakeNode {
  return (fs: FileSystem): Inode => new Attribute(fs, () => value);
}
/** An attribute that this device cannot tell. */
export function refused(errno: number): MakeNode {
  return (fs: FileSystem): Inode => new Attribute(fs, () => -errno);
}
export function link(target: string): MakeNode {
  return (fs: FileSystem): Inode => new ProcLink(fs, () => target);
}
export function attributes(values: Readonly<Record<string, string | number>>): Entries {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, attribute(value)]));
}
