/** struct ipc64_perm at the head of the *id_ds structs. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { seconds, type IpcObject } from '../kernel/ipc/ids.js';
import type { Task } from '../kernel/task.js';

interface PermissionOffsets {
  readonly key: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
  readonly mode: number;
  readonly seq: number;
  readonly size: number;
}

/**
 * Clears the struct at `buf` (checked by the caller) and writes who may; gives a function that writes one of its words.
 */
export function writePermissions(
  task: Task, buf: number, at: PermissionOffsets, object: IpcObject, mode = object.mode,
): (offset: number, value: number) => void {
  const { mm } = task;
  mm.window.u8.fill(0, buf, buf + at.size);
  const members = [
    [at.key, object.key], [at.uid, object.uid], [at.gid, object.gid], [at.cuid, object.cuid], [at.cgid, object.cgid],
    [at.mode, mode],
  ] as const;
  for (const [offset, value] of members) mm.window.view.setInt32(buf + offset, value | 0, true);
  mm.window.view.setUint16(buf + at.seq, object.seq, true);
  return (offset, value) => {
    if (task.abi === Abi.X64) mm.putU64(buf + offset, value);
    else mm.putU32(buf + offset, value);
  };
}

/** IPC_SET: owner and mode from the struct. */
export function readPermissions(task: Task, buf: number, at: PermissionOffsets, object: IpcObject): number {
  if (!task.mm.readable(buf, at.size)) return -E.FAULT;
  if (!object.ownedBy(task.cred)) return -E.PERM;
  const { view } = task.mm.window;
  object.uid = view.getUint32(buf + at.uid, true);
  object.gid = view.getUint32(buf + at.gid, true);
  object.mode = view.getUint32(buf + at.mode, true) & 0o777;
  object.ctime = seconds();
  return 0;
}
