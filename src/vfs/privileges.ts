/** What makes a program privileged: set-ID bits and file capabilities. A file loses them when it is changed (chown(2), write(2)). */
import { S } from '../abi/fcntl.js';
import { CAP, capable, inGroup, type FileCredentials } from './credentials.js';
import { ATTR, change, type Inode } from './inode.js';

/** The attribute with a program's capabilities (capabilities(7), "File capabilities"). */
export const FILE_CAPABILITIES = 'security.capability';

/**
 * `given` counts how often a file got capabilities. A description that found its file to have none at some count
 * (OpenFile.unprivilegedAt) need not look again at that count.
 */
export const privileges = { given: 1 };

/** The mode bits that a change by `cred` takes from a file. */
export function lostPrivileges(cred: FileCredentials, inode: Inode): number {
  const { mode } = inode;
  let lost = mode & S.ISUID;
  if (mode & S.ISGID) {
    const kept = !(mode & 0o010) && (inGroup(cred, inode.gid) || capable(cred, CAP.FSETID));
    if (!kept) lost |= S.ISGID;
  }
  return lost;
}

/**
 * The contents of a regular file changed: it has no capabilities any more, and no set-ID bits either when `cred` is
 * somebody who may not give them.
 */
export function dropPrivileges(cred: FileCredentials, inode: Inode): void {
  if (inode.type !== S.IFREG) return;
  dropCapabilities(inode);
  if (capable(cred, CAP.FSETID)) return;
  const lost = lostPrivileges(cred, inode);
  if (lost === 0) return;
  const changes = change(ATTR.MODE);
  changes.mode = inode.mode & 0o7777 & ~lost;
  inode.setattr(changes);
}

/** Takes a file's capabilities, if it has any. */
export function dropCapabilities(inode: Inode): void {
  if (typeof inode.getxattr(FILE_CAPABILITIES) !== 'number') inode.removexattr(FILE_CAPABILITIES);
}
