/** /proc/PID/mounts and mountinfo (proc(5)): the mounts of a task's tree that its root can see. */
import { POLL } from '../../abi/fcntl.js';
import { MS, SUPER } from '../../abi/mount.js';
import { devMajor, devMinor, type FileSystem, type Inode } from '../../vfs/inode.js';
import { Location, type Mount } from '../../vfs/mount.js';
import type { MountNamespace, TreeWatcher } from '../../vfs/mount_tree.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { pathOf } from '../../vfs/path_walk.js';
import type { Task } from '../task.js';
import { ProcFile, ProcText, type MakeNode, type Owner } from './nodes.js';

const SHOWN: readonly (readonly [number, string])[] = [
  [MS.NOSUID, ',nosuid'], [MS.NODEV, ',nodev'], [MS.NOEXEC, ',noexec'], [MS.NOATIME, ',noatime'],
  [MS.NODIRATIME, ',nodiratime'], [MS.RELATIME, ',relatime'], [MS.NOSYMFOLLOW, ',nosymfollow'],
];
const OF_SUPER: readonly (readonly [number, string])[] = [
  [SUPER.SYNCHRONOUS, ',sync'], [SUPER.DIRSYNC, ',dirsync'], [SUPER.MANDLOCK, ',mand'], [SUPER.LAZYTIME, ',lazytime'],
];

function flagsText(mount: Mount): string {
  return textOf(SHOWN, mount.flags);
}

function superText(fs: FileSystem): string {
  return fs.superFlags === undefined ? '' : textOf(OF_SUPER, fs.superFlags);
}

function textOf(names: readonly (readonly [number, string])[], flags: number): string {
  return names.map(([flag, text]) => (flags & flag ? text : '')).join('');
}

/** Options of a file system's own, each behind a comma. */
export function fileSystemOptions(fs: FileSystem): string {
  return fs.showOptions?.() ?? '';
}

function escape(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (char) => '\\' + char.charCodeAt(0).toString(8).padStart(3, '0'));
}

/** The visible mounts, each with the path of its root. */
function visible(task: Task): { mount: Mount; path: string }[] {
  return task.fs.namespace.mounts()
    .map((mount) => ({ mount, path: pathOf(task.fs.root, new Location(mount, mount.root)) }))
    .filter(({ path }) => path.startsWith('/'));
}

/** The path in its file system of what a mount shows. */
export function rootOf(mount: Mount): string {
  const { rootPlace, root, fs } = mount;
  let path = '';
  let at = root;
  if (rootPlace !== null && rootPlace.dir !== null && root !== fs.root) {
    path = '/' + rootPlace.name;
    at = rootPlace.dir;
  }
  for (; at !== fs.root && at.parent !== null; at = at.parent) path = '/' + at.name + path;
  return (path === '' ? '/' : path) + (root.removed ? '//deleted' : '');
}

export function mountsText(task: Task): string {
  return visible(task).map(({ mount, path }) => {
    const { fs } = mount;
    const options = (mount.readOnly ? 'ro' : 'rw') + superText(fs) + flagsText(mount) + fileSystemOptions(fs);
    return `${escape(fs.source)} ${escape(path)} ${fs.type} ${options} 0 0\n`;
  }).join('');
}

export function mountinfoText(task: Task): string {
  return visible(task).map(({ mount, path }) => {
    const { fs, group, master } = mount;
    const optional = (group === null ? '' : ` shared:${group.id}`) + (master === null ? '' : ` master:${master.id}`) +
      (mount.unbindable ? ' unbindable' : '');
    const own = (mount.flags & MS.RDONLY ? 'ro' : 'rw') + flagsText(mount);
    const common = (fs.readOnly ? 'ro' : 'rw') + superText(fs) + fileSystemOptions(fs);
    return `${mount.id} ${mount.on?.mount.id ?? 0} ${devMajor(fs.dev)}:${devMinor(fs.dev)} ${escape(rootOf(mount))} ` +
      `${escape(path)} ${own}${optional} - ${fs.type} ${escape(fs.source)} ${common}\n`;
  }).join('');
}

/** What a network file system would tell more of stands here for none. */
export function mountstatsText(task: Task): string {
  return visible(task).map(({ mount, path }) =>
    `device ${escape(mount.fs.source)} mounted on ${escape(path)} with fstype ${mount.fs.type}\n`).join('');
}

/** /proc/PID/mounts and mountinfo: poll(2) tells of changes since the file was opened or last polled. */
export function mountFile(task: Task, text: () => string | number, owner: Owner): MakeNode {
  return (fs): Inode => new MountFile(fs, text, task, owner);
}

class MountFile extends ProcFile {
  constructor(fs: FileSystem, text: () => string | number, private readonly task: Task, owner: Owner) {
    super(fs, text, owner);
  }

  protected override opened(flags: number, location: Location, text: string): OpenFile {
    return new MountText(flags, location, text, this.text, this.task.fs.namespace);
  }
}

class MountText extends ProcText implements TreeWatcher {
  private seen: number;

  constructor(
    flags: number, location: Location, text: string, now: () => string | number, private readonly tree: MountNamespace,
  ) {
    super(flags, location, text, now, undefined);
    this.seen = tree.event;
    tree.watchers.add(this);
  }

  changed(): void {
    this.waiters?.wake();
  }
  override get pollable(): boolean {
    return true;
  }
  override poll(): number {
    const changed = this.seen !== this.tree.event;
    this.seen = this.tree.event;
    return POLL.IN | POLL.RDNORM | (changed ? POLL.ERR | POLL.PRI : 0);
  }
  protected override closed(): number {
    this.tree.watchers.delete(this);
    return super.closed();
  }
}
