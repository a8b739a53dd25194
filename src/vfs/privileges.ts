/** Set-user-ID and set-group-ID bits, which a file loses when it is changed (chown(2), write(2)). */
import { S } from '../abi/fcntl.js';
import { CAP, capable, inGroup, type FileCredentials } from './credentials.js';
import { ATTR, change, type Inode } from './inode.js';

/** The bits that a change by `cred` takes from a file. */
export function lostPrivileges(cred: FileCredentials, inode: Inode): number {
  const { mode } = inode;
  let lost = mode & S.ISUID;
  if (mode & S.ISGID) {
    const kept = !(mode & 0o010) && (inGroup(cred, inode.gid) || capable(cred, CAP.FSETID));
    if (!kept) lost |= S.ISGID;
  }
  return lost;
}

/** A regular file was written to by somebody who may not make it privileged: it is not, any more. */
export function dropPrivileges(cred: FileCredentials, inode: Inode): void {
  if (inode.type !== S.IFREG || capable(cred, CAP.FSETID)) return;
  const lost = lostPrivileges(cred, inode);
  if (lost === 0) return;
  const changes = change(ATTR.MODE);
  changes.mode = inode.mode & 0o7777 & ~lost;
  inode.setattr(changes);
}
