/** /proc/PID/mounts and mountinfo (proc(5)): the mounts of a task's tree that its root can see. */
import { devMajor, devMinor } from '../../vfs/inode.js';
import { Location, type Mount, MS } from '../../vfs/mount.js';
import { pathOf } from '../../vfs/path_walk.js';
import type { Task } from '../task.js';

const SHOWN: readonly (readonly [number, string])[] = [
  [MS.NOSUID, ',nosuid'], [MS.NODEV, ',nodev'], [MS.NOEXEC, ',noexec'], [MS.NOATIME, ',noatime'],
  [MS.NODIRATIME, ',nodiratime'], [MS.RELATIME, ',relatime'], [MS.NOSYMFOLLOW, ',nosymfollow'],
];

function flagsText(mount: Mount): string {
  return SHOWN.map(([flag, text]) => (mount.flags & flag ? text : '')).join('');
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
function rootOf(mount: Mount): string {
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
    const options = (mount.readOnly ? 'ro' : 'rw') + flagsText(mount) + (fs.showOptions?.() ?? '');
    return `${escape(fs.source)} ${escape(path)} ${fs.type} ${options} 0 0\n`;
  }).join('');
}

export function mountinfoText(task: Task): string {
  return visible(task).map(({ mount, path }) => {
    const { fs, group, master } = mount;
    const optional = (group === null ? '' : ` shared:${group.id}`) + (master === null ? '' : ` master:${master.id}`) +
      (mount.unbindable ? ' unbindable' : '');
    const own = (mount.flags & MS.RDONLY ? 'ro' : 'rw') + flagsText(mount);
    const common = (fs.readOnly ? 'ro' : 'rw') + (fs.showOptions?.() ?? '');
    return `${mount.id} ${mount.on?.mount.id ?? 0} ${devMajor(fs.dev)}:${devMinor(fs.dev)} ${escape(rootOf(mount))} ` +
      `${escape(path)} ${own}${optional} - ${fs.type} ${escape(fs.source)} ${common}\n`;
  }).join('');
}

/** What a network file system would tell more of stands here for none. */
export function mountstatsText(task: Task): string {
  return visible(task).map(({ mount, path }) =>
    `device ${escape(mount.fs.source)} mounted on ${escape(path)} with fstype ${mount.fs.type}\n`).join('');
}
