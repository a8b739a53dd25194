/** Trees of mounts: attach, detach, copy, and propagation between them (mount_namespaces(7), "SHARED SUBTREES"). */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import type { FileSystem, Inode } from './inode.js';
import { Location, Mount } from './mount.js';
import { notifyUnmounted } from './notify.js';
import { forgetWays } from './walked.js';

let lastGroup = 0;
let lastNamespace = 0;

/** Shared mounts that show the same mounts below them; slaves follow without being followed. */
export class PeerGroup {
  readonly id = ++lastGroup;
  readonly members = new Set<Mount>();
  readonly slaves = new Set<Mount>();
}

/** Who waits for changes of a tree: open files of /proc/PID/mounts. */
export interface TreeWatcher {
  changed(): void;
}

/** The tree of mounts that a process sees, or one that is nowhere yet and only a descriptor holds (`detached`). */
export class MountNamespace {
  readonly id = ++lastNamespace;
  /** How many mounts it has. */
  count = 0;
  /** Counts changes: mounts that come, go or get other flags. */
  event = 0;
  readonly watchers = new Set<TreeWatcher>();
  /** Descriptors that keep the tree though nobody sees it (setns(2)). */
  holders = 0;

  constructor(public root: Mount, readonly detached = false) {
    root.namespace = this;
  }

  /** Something has changed: poll(2) on /proc/PID/mounts tells. */
  touch(): void {
    this.event++;
    for (const watcher of this.watchers) watcher.changed();
  }

  /** All mounts in the order in which they were made. */
  mounts(): Mount[] {
    return subtree(this.root).sort((a, b) => a.id - b.id);
  }
}

/** A mount and all below it, parents first. */
export function subtree(top: Mount): Mount[] {
  const all = [top];
  for (let i = 0; i < all.length; i++) {
    const { children } = all[i]!;
    if (children !== null) for (const child of children.values()) all.push(child);
  }
  return all;
}

/** The mounts below a place of one mount, parents first. */
export function mountsBelow(place: Location): Mount[] {
  const found: Mount[] = [];
  for (const child of place.mount.children?.values() ?? []) {
    if (isAtOrBelow(child.on!, place.inode)) for (const mount of subtree(child)) found.push(mount);
  }
  return found;
}

function isAtOrBelow(place: Location, top: Inode): boolean {
  if (place.inode === top) return true;
  for (let at = place.dir ?? place.inode; ; at = at.parent) {
    if (at === top) return true;
    if (at.parent === null) return false;
  }
}

/** Is `place` at or below `top`, over mounts, too? */
export function isReachable(place: Location, top: Location): boolean {
  for (let at = place; ; at = at.mount.on) {
    if (at.mount === top.mount) return isAtOrBelow(at, top.inode);
    if (at.mount.on === null) return false;
  }
}

/** The root of the uppermost of the mounts stacked at a place, or the place itself. */
export function topmost(place: Location): Location {
  let at = place;
  for (let on = at.mount.children?.get(at.inode); on !== undefined; on = at.mount.children?.get(at.inode)) {
    at = new Location(on, on.root);
  }
  return at;
}

/** How often file systems are mounted: those that are nowhere any more are told. */
const uses = new WeakMap<FileSystem, number>();

function used(fs: FileSystem, by: number): number {
  const count = (uses.get(fs) ?? 0) + by;
  uses.set(fs, count);
  return count;
}

/** Is this file system mounted anywhere? */
export function isMounted(fs: FileSystem): boolean {
  return (uses.get(fs) ?? 0) > 0;
}

/** Puts one mount on a place; what is mounted there already comes to lie upon its root. */
function attachOne(mount: Mount, on: Location): void {
  forgetWays();
  const parent = on.mount;
  parent.children ??= new Map();
  const above = parent.children.get(on.inode);
  parent.children.set(on.inode, mount);
  on.inode.covered++;
  if (on.dir !== null && on.inode.type !== S.IFDIR) (on.dir.pinned ??= new Map()).set(on.name, on.inode);
  mount.on = on;
  if (above === undefined) return;
  const root = new Location(mount, mount.root);
  mount.children ??= new Map();
  mount.children.set(mount.root, above);
  on.inode.covered--;
  mount.root.covered++;
  above.on = root;
}

/** Takes one mount from its place. Its children stay with it. */
function detachOne(mount: Mount): void {
  const { on } = mount;
  if (on === null) return;
  forgetWays();
  const siblings = on.mount.children!;
  siblings.delete(on.inode);
  if (siblings.size === 0) on.mount.children = null;
  if (--on.inode.covered === 0) unpin(on.dir, on.name);
  mount.on = null;
}

/** A name means what its directory says, again. */
export function unpin(dir: Inode | null, name: string): void {
  if (dir === null || dir.pinned === null) return;
  dir.pinned.delete(name);
  if (dir.pinned.size === 0) dir.pinned = null;
}

function join(namespace: MountNamespace | null, tree: Mount): void {
  for (const mount of subtree(tree)) {
    mount.namespace = namespace;
    if (namespace !== null) namespace.count++;
    used(mount.fs, 1);
  }
  namespace?.touch();
}

/** A tree of its own for a mount that is nowhere, with all below it. */
export function detachedTree(top: Mount): MountNamespace {
  const namespace = new MountNamespace(top, true);
  join(namespace, top);
  return namespace;
}

/**
 * Mounts a tree that is nowhere yet on a place, and copies of it wherever mounts of that place propagate to.
 * -ENOTDIR: one is a directory and the other is not; -ENOENT: the place was removed; -ENOSPC: there are too many.
 */
export function attach(tree: Mount, on: Location): number {
  if ((tree.root.type === S.IFDIR) !== (on.inode.type === S.IFDIR)) return -E.NOTDIR;
  if (on.inode.removed || on.inode.ephemeral) return -E.NOENT;
  if (!hasRoom(tree, on)) return -E.NOSPC;
  place(tree, on);
  join(on.mount.namespace, tree);
  return 0;
}

/** Most mounts of a tree (/proc/sys/fs/mount-max). */
const MOUNT_MAX = 100_000;

/** Is there room for a tree and for its copies where mounts of that place propagate to? */
export function hasRoom(tree: Mount, on: Location): boolean {
  const { namespace, group } = on.mount;
  const mounts = subtree(tree).length;
  const count = tree.namespace === namespace ? 0 : namespace?.count ?? 0;
  return count + mounts * (group === null ? 1 : receivers(group, new Set())) <= MOUNT_MAX;
}

/** The mounts that hear of what is mounted in one of a group. */
function receivers(group: PeerGroup, seen: Set<PeerGroup>): number {
  if (seen.has(group)) return 0;
  seen.add(group);
  let count = group.members.size;
  for (const slave of group.slaves) count += slave.group === null ? 1 : receivers(slave.group, seen);
  return count;
}

/** Attaches and propagates; the tree's members belong to the namespace already, or will. */
function place(tree: Mount, on: Location): void {
  const { group } = on.mount;
  if (group !== null) {
    for (const mount of subtree(tree)) makeShared(mount);
    propagate(group, on, tree);
  }
  attachOne(tree, on);
}

const enum Copy { Peer, Slave, SharedSlave, Private }

/** A copy that propagation has made, and where it goes. */
interface Propagated {
  readonly copy: Mount;
  readonly on: Location;
}

/**
 * Gives every mount that hears from `group` a copy of `tree`; on.mount itself gets none, nor do mounts that are just
 * being made.
 */
function propagate(group: PeerGroup, on: Location, tree: Mount): void {
  const made: Propagated[] = [];
  for (const peer of [...group.members]) if (peer !== on.mount) propagateTo(peer, on, tree, Copy.Peer, made);
  propagateToSlaves(group, on, tree, new Set([group]), made);
  for (const { copy, on } of made) {
    attachOne(copy, on);
    join(on.mount.namespace, copy);
  }
}

function propagateToSlaves(
  group: PeerGroup, on: Location, tree: Mount, seen: Set<PeerGroup>, made: Propagated[],
): void {
  for (const slave of [...group.slaves]) {
    if (slave.group === null) {
      propagateTo(slave, on, tree, Copy.Slave, made);
    } else if (!seen.has(slave.group)) {
      seen.add(slave.group);
      let first: Mount | null = null;
      for (const peer of [...slave.group.members]) {
        if (first !== null) propagateTo(peer, on, first, Copy.Peer, made);
        else first = propagateTo(peer, on, tree, Copy.SharedSlave, made);
      }
      propagateToSlaves(slave.group, on, first ?? tree, seen, made);
    }
  }
}

function propagateTo(to: Mount, on: Location, tree: Mount, how: Copy, made: Propagated[]): Mount | null {
  if (to.namespace === null || !isAtOrBelow(on, to.root)) return null;
  const copy = copyTree(tree, tree.root, tree.rootPlace, true, how);
  made.push({ copy, on: on.movedTo(to) });
  return copy;
}

/** One mount again, nowhere mounted, from `root` of its file system. */
function copyMount(mount: Mount, root: Inode, rootPlace: Location | null, how: Copy): Mount {
  const copy = new Mount(mount.fs, root, mount.flags, null, rootPlace);
  if (how === Copy.Slave || how === Copy.SharedSlave) {
    setMaster(copy, mount.group);
    if (how === Copy.SharedSlave) makeShared(copy);
  } else if (how === Copy.Peer) {
    if (mount.group !== null) {
      copy.group = mount.group;
      mount.group.members.add(copy);
    }
    setMaster(copy, mount.master);
  }
  return copy;
}

/** A mount seen from `root`; recursive: with all that is mounted below, but unbindable mounts. */
export function copyTree(
  mount: Mount, root: Inode, rootPlace: Location | null, recursive: boolean, how: Copy = Copy.Peer,
  map = new Map<Mount, Mount>(), unbindable = false,
): Mount {
  const copy = copyMount(mount, root, rootPlace, how);
  map.set(mount, copy);
  if (!recursive) return copy;
  for (const below of mountsBelow(new Location(mount, root))) {
    const parent = map.get(below.on!.mount);
    if (parent === undefined || (below.unbindable && !unbindable)) continue;
    const child = copyMount(below, below.root, below.rootPlace, how);
    attachOne(child, below.on!.movedTo(parent));
    map.set(below, child);
  }
  return copy;
}

/** A copy of a whole namespace, and which mount of it stands for which (clone(2), CLONE_NEWNS). */
export function copyNamespace(namespace: MountNamespace): { copy: MountNamespace; map: Map<Mount, Mount> } {
  const map = new Map<Mount, Mount>();
  const { root } = namespace;
  const top = copyTree(root, root.root, root.rootPlace, true, Copy.Peer, map, true);
  const copy = new MountNamespace(top);
  join(copy, top);
  return { copy, map };
}

/** Takes every mount of a namespace away: nobody is in it any more. */
export function dissolve(namespace: MountNamespace): void {
  for (const mount of subtree(namespace.root).reverse()) drop(mount);
}

/**
 * The mounts that go with `mount` when it is unmounted, where it has been propagated to: those with nothing below
 * them but, perhaps, one mount that covers them, which takes their place.
 */
export function propagated(mount: Mount): Mount[] {
  const found: Mount[] = [];
  const { on } = mount;
  if (on === null || on.mount.group === null) return found;
  const seen = new Set<PeerGroup>();
  const visit = (to: Mount): void => {
    const there = to.children?.get(on.inode);
    if (there === undefined || there === mount) return;
    const { children } = there;
    if (children === null || (children.size === 1 && children.has(there.root))) found.push(there);
  };
  const spread = (group: PeerGroup): void => {
    if (seen.has(group)) return;
    seen.add(group);
    for (const peer of group.members) visit(peer);
    for (const slave of group.slaves) {
      if (slave.group === null) visit(slave);
      else spread(slave.group);
    }
  };
  spread(on.mount.group);
  return found;
}

/**
 * Unmounts a mount with all below it, and its propagated copies. -EINVAL for the root of the tree.
 */
export function detach(mount: Mount): number {
  if (mount.on === null) return -E.INVAL;
  let result = 0;
  for (const below of subtree(mount).reverse()) {
    for (const copy of propagated(below)) {
      const on = copy.on!;
      const above = copy.children?.get(copy.root);
      if (above !== undefined) detachOne(above);
      drop(copy);
      if (above !== undefined) attachOne(above, on);
    }
    const failed = drop(below);
    if (failed < 0) result = failed;
  }
  return result;
}

/** Ends one mount. Gives what writing back gave when it was the last one of its file system. */
function drop(mount: Mount): number {
  detachOne(mount);
  makePrivate(mount);
  if (mount.namespace !== null) {
    mount.namespace.count--;
    mount.namespace.touch();
  }
  mount.namespace = null;
  if (used(mount.fs, -1) > 0) return 0;
  notifyUnmounted(mount.fs);
  const failed = mount.fs.sync();
  mount.fs.unmounted?.();
  return failed;
}

/** Takes a mount to another place, of another tree perhaps. The caller has checked that it may go there. */
export function move(mount: Mount, on: Location): void {
  const from = mount.namespace, to = on.mount.namespace;
  detachOne(mount);
  place(mount, on);
  if (from !== to && from !== null && to !== null) {
    for (const each of subtree(mount)) {
      each.namespace = to;
      from.count--;
      to.count++;
    }
  }
  from?.touch();
  to?.touch();
}

/** Puts `next` where the mount `root` is, and `root` at `old`, a place below `next` (pivot_root(2)). */
export function pivot(root: Mount, next: Mount, old: Location): void {
  const at = root.on;
  detachOne(next);
  detachOne(root);
  if (at === null) root.namespace!.root = next;
  else attachOne(next, at);
  attachOne(root, old);
  next.namespace?.touch();
}

function setMaster(mount: Mount, master: PeerGroup | null): void {
  mount.master?.slaves.delete(mount);
  mount.master = master;
  master?.slaves.add(mount);
}

/** MS_SHARED: a slave stays one, too. */
export function makeShared(mount: Mount): void {
  mount.unbindable = false;
  if (mount.group !== null) return;
  mount.group = new PeerGroup();
  mount.group.members.add(mount);
}

/** MS_SLAVE: what was a peer of others follows them; a mount without peers is private. */
export function makeSlave(mount: Mount): void {
  const { group } = mount;
  mount.unbindable = false;
  if (group === null) return;
  leaveGroup(mount);
  if (group.members.size > 0) setMaster(mount, group);
}

/** MS_PRIVATE. */
export function makePrivate(mount: Mount): void {
  leaveGroup(mount);
  setMaster(mount, null);
  mount.unbindable = false;
}

/** MS_UNBINDABLE. */
export function makeUnbindable(mount: Mount): void {
  makePrivate(mount);
  mount.unbindable = true;
}

/** A private mount becomes a peer of `from`, or a slave of the same master (MOVE_MOUNT_SET_GROUP). */
export function setGroup(mount: Mount, from: Mount): void {
  setMaster(mount, from.master);
  mount.group = from.group;
  from.group?.members.add(mount);
  mount.unbindable = false;
}

/** The slaves of a group that ends follow its last member's master. */
function leaveGroup(mount: Mount): void {
  const { group } = mount;
  if (group === null) return;
  mount.group = null;
  group.members.delete(mount);
  if (group.members.size > 0) return;
  for (const slave of [...group.slaves]) setMaster(slave, mount.master);
}
