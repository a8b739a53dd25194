/** File handles (open_by_handle_at(2)): numbers that lead to a file without its name, for as long as this run lasts. */
import { E } from '../abi/errno.js';
import { Stat, type FileSystem } from './inode.js';
import { Location, type Mount } from './mount.js';

/** Handles that are remembered for a file system; the oldest goes stale first. */
const KEPT = 65536;
/** File systems whose files are made up when somebody looks. */
const WITHOUT = new Set(['proc', 'sysfs', 'devpts', 'anon_inodefs']);

const known = new WeakMap<FileSystem, Map<number, Location>>();
const stat = new Stat();

/** The inode number that a handle for this place holds, or -EOPNOTSUPP. */
export function remember(place: Location): number {
  const { fs } = place.inode;
  if (WITHOUT.has(fs.type)) return -E.OPNOTSUPP;
  const failed = place.inode.stat(stat);
  if (failed < 0) return failed;
  let places = known.get(fs);
  if (places === undefined) known.set(fs, places = new Map());
  // What was asked for last goes last.
  places.delete(stat.ino);
  places.set(stat.ino, place);
  if (places.size > KEPT) places.delete(places.keys().next().value!);
  return stat.ino;
}

/** The file with that number as seen through `mount`, or -ESTALE when it is gone. */
export function recall(mount: Mount, ino: number): Location | number {
  for (const fs of [mount.root.fs, mount.fs]) {
    const place = known.get(fs)?.get(ino);
    if (place === undefined) continue;
    const gone = place.inode.removed || place.inode.stat(stat) < 0 || stat.ino !== ino || stat.nlink === 0;
    return gone ? -E.STALE : place.movedTo(mount);
  }
  return -E.STALE;
}
