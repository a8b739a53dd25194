/** --user UID[:GID]: who the guest's first process is; names are those of the guest's /etc/passwd and /etc/group. */
import { userInfo } from 'node:os';
import { O } from '../abi/fcntl.js';
import { Credentials } from '../kernel/credentials.js';
import { open, type PathContext } from '../vfs/vfs.js';

/** Larger databases than this are not read. */
const MAX_DATABASE = 1 << 22;
const MAX_ID = 0xffff_fffe;

/** The user cannot be had; for people. */
export class UserError extends Error {}

/** Who called posixx, on the host. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Does --user name the caller himself, by number or by the name that the host has for him? */
export function isCaller(wanted: string | undefined, caller: Caller): boolean {
  const user = wanted?.split(':')[0];
  return user !== undefined && (user === String(caller.uid) || (!/^\d+$/.test(user) && user === userInfo().username));
}

/**
 * The credentials of the first process. Without a `wanted` user it is root, whose power ends at the walls of the
 * sandbox; a caller who is root keeps his groups.
 * @param wanted NAME or number, and after a colon a group's; undefined: root
 * @throws UserError for a name that the guest does not know
 */
export function guestUser(fs: PathContext, wanted: string | undefined, caller: Caller): Credentials {
  if (wanted === undefined && caller.uid === 0) return Credentials.of(0, caller.gid, caller.groups);
  if (wanted === undefined) return Credentials.of(0, 0, []);
  const [user = '', group] = wanted.split(':');
  const entry = readLines(fs, '/etc/passwd').find(([name, , uid]) => name === user || uid === user);
  const uid = entry === undefined ? numeric(user, 'user') : Number(entry[2]);
  if (group !== undefined) {
    const found = readLines(fs, '/etc/group').find(([name, , gid]) => name === group || gid === group);
    return Credentials.of(uid, found === undefined ? numeric(group, 'group') : Number(found[2]), []);
  }
  if (entry === undefined) return Credentials.of(uid, 0, []);
  const groups = readLines(fs, '/etc/group')
    .filter(([, , , members = '']) => members.split(',').includes(entry[0]!))
    .map(([, , gid]) => Number(gid));
  return Credentials.of(uid, Number(entry[3]), groups.sort((a, b) => a - b));
}

function numeric(text: string, kind: string): number {
  const id = /^\d+$/.test(text) ? Number(text) : -1;
  if (id >= 0 && id <= MAX_ID) return id;
  throw new UserError(`--user: the guest has no ${kind} "${text}"`);
}

/** The fields of each line; nothing when the file cannot be read. */
function readLines(fs: PathContext, path: string): string[][] {
  const file = open(fs, fs.root, path, O.RDONLY, 0);
  if (typeof file === 'number') return [];
  const bytes = Buffer.alloc(MAX_DATABASE);
  let length = 0;
  for (let got; (got = file.read(bytes, length, bytes.length - length)) > 0;) length += got;
  file.unref();
  return bytes.toString('latin1', 0, length).split('\n').filter((line) => line !== '').map((line) => line.split(':'));
}
