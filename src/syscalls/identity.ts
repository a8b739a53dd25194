/** Who a task is: ids of users and groups, capabilities (credentials(7), capabilities(7)). */
import { E } from '../abi/errno.js';
import { CAP_SETGID, CAP_SETPCAP, CAP_SETUID, type Credentials } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import { call, int, ptr, uint, type Row } from './types.js';

/** (uid_t)-1: leave it as it is. */
const KEEP = 0xffff_ffff;
const NGROUPS_MAX = 65536;
const CAP_VERSION = { V1: 0x1998_0330, V2: 0x2007_1026, V3: 0x2008_0522 } as const;

export const identityRows: readonly Row[] = [
  call('getuid', 102, 199, [], (task) => task.cred.uid),
  call('getgid', 104, 200, [], (task) => task.cred.gid),
  call('geteuid', 107, 201, [], (task) => task.cred.euid),
  call('getegid', 108, 202, [], (task) => task.cred.egid),
  call('setuid', 105, 213, [uint], setuid),
  call('setgid', 106, 214, [uint], setgid),
  call('setreuid', 113, 203, [uint, uint], setreuid),
  call('setregid', 114, 204, [uint, uint], setregid),
  call('setresuid', 117, 208, [uint, uint, uint], setresuid),
  call('setresgid', 119, 210, [uint, uint, uint], setresgid),
  call('getresuid', 118, 209, [ptr, ptr, ptr], getresuid),
  call('getresgid', 120, 211, [ptr, ptr, ptr], getresgid),
  call('setfsuid', 122, 215, [uint], setfsuid),
  call('setfsgid', 123, 216, [uint], setfsgid),
  call('getgroups', 115, 205, [int, ptr], getgroups),
  call('setgroups', 116, 206, [int, ptr], setgroups),
  call('capget', 125, 184, [ptr, ptr], capget),
  call('capset', 126, 185, [ptr, ptr], capset),
];

/** Carries out a change of uids and what follows from it for capabilities. */
function changeUids(task: Task, uid: number, euid: number, suid: number): number {
  const { cred } = task;
  const before = cred.copy();
  cred.uid = uid;
  cred.euid = euid;
  cred.suid = suid;
  cred.uidsChanged(before.uid, before.euid, before.suid);
  return changed(task, before);
}

function changeGids(task: Task, gid: number, egid: number, sgid: number): number {
  const { cred } = task;
  const before = cred.copy();
  cred.gid = gid;
  cred.egid = cred.fsgid = egid;
  cred.sgid = sgid;
  return changed(task, before);
}

/** Another user must not look into the process, nor its parent's death signal it. */
function changed(task: Task, before: Credentials): number {
  if (task.cred.isWithin(before)) return 0;
  task.process.dumpable = 0;
  task.process.parentDeathSignal = 0;
  return 0;
}

/** setuid(2). */
function setuid(task: Task, uid: number): number {
  const { cred } = task;
  if (uid === KEEP) return -E.INVAL;
  if (cred.has(CAP_SETUID)) return changeUids(task, uid, uid, uid);
  if (uid !== cred.uid && uid !== cred.suid) return -E.PERM;
  return changeUids(task, cred.uid, uid, cred.suid);
}

/** setgid(2). */
function setgid(task: Task, gid: number): number {
  const { cred } = task;
  if (gid === KEEP) return -E.INVAL;
  if (cred.has(CAP_SETGID)) return changeGids(task, gid, gid, gid);
  if (gid !== cred.gid && gid !== cred.sgid) return -E.PERM;
  return changeGids(task, cred.gid, gid, cred.sgid);
}

/** setreuid(2). */
function setreuid(task: Task, ruid: number, euid: number): number {
  const { cred } = task;
  const privileged = cred.has(CAP_SETUID);
  if (ruid !== KEEP && !privileged && ruid !== cred.uid && ruid !== cred.euid) return -E.PERM;
  if (euid !== KEEP && !privileged && euid !== cred.uid && euid !== cred.euid && euid !== cred.suid) return -E.PERM;
  const uid = ruid === KEEP ? cred.uid : ruid;
  const effective = euid === KEEP ? cred.euid : euid;
  const saved = ruid !== KEEP || (euid !== KEEP && euid !== cred.uid) ? effective : cred.suid;
  return changeUids(task, uid, effective, saved);
}

/** setregid(2). */
function setregid(task: Task, rgid: number, egid: number): number {
  const { cred } = task;
  const privileged = cred.has(CAP_SETGID);
  if (rgid !== KEEP && !privileged && rgid !== cred.gid && rgid !== cred.egid) return -E.PERM;
  if (egid !== KEEP && !privileged && egid !== cred.gid && egid !== cred.egid && egid !== cred.sgid) return -E.PERM;
  const gid = rgid === KEEP ? cred.gid : rgid;
  const effective = egid === KEEP ? cred.egid : egid;
  const saved = rgid !== KEEP || (egid !== KEEP && egid !== cred.gid) ? effective : cred.sgid;
  return changeGids(task, gid, effective, saved);
}

/** setresuid(2). */
function setresuid(task: Task, ruid: number, euid: number, suid: number): number {
  const { cred } = task;
  if (!cred.has(CAP_SETUID)) {
    for (const id of [ruid, euid, suid]) {
      if (id !== KEEP && id !== cred.uid && id !== cred.euid && id !== cred.suid) return -E.PERM;
    }
  }
  return changeUids(task, kept(ruid, cred.uid), kept(euid, cred.euid), kept(suid, cred.suid));
}

/** setresgid(2). */
function setresgid(task: Task, rgid: number, egid: number, sgid: number): number {
  const { cred } = task;
  if (!cred.has(CAP_SETGID)) {
    for (const id of [rgid, egid, sgid]) {
      if (id !== KEEP && id !== cred.gid && id !== cred.egid && id !== cred.sgid) return -E.PERM;
    }
  }
  return changeGids(task, kept(rgid, cred.gid), kept(egid, cred.egid), kept(sgid, cred.sgid));
}

function kept(id: number, old: number): number {
  return id === KEEP ? old : id;
}

/** getresuid(2). */
function getresuid(task: Task, ruid: number, euid: number, suid: number): number {
  const { cred, mm } = task;
  return mm.putU32(ruid, cred.uid) && mm.putU32(euid, cred.euid) && mm.putU32(suid, cred.suid) ? 0 : -E.FAULT;
}

/** getresgid(2). */
function getresgid(task: Task, rgid: number, egid: number, sgid: number): number {
  const { cred, mm } = task;
  return mm.putU32(rgid, cred.gid) && mm.putU32(egid, cred.egid) && mm.putU32(sgid, cred.sgid) ? 0 : -E.FAULT;
}

/** setfsuid(2): gives the old id, whether it worked or not. */
function setfsuid(task: Task, uid: number): number {
  const { cred } = task;
  const old = cred.fsuid;
  if (uid === KEEP || uid === old || !(cred.has(CAP_SETUID) || isOwnUid(cred, uid))) return old;
  const before = cred.copy();
  cred.fsuid = uid;
  cred.fsuidChanged(old);
  changed(task, before);
  return old;
}

/** setfsgid(2). */
function setfsgid(task: Task, gid: number): number {
  const { cred } = task;
  const old = cred.fsgid;
  const own = gid === cred.gid || gid === cred.egid || gid === cred.sgid || gid === cred.fsgid;
  if (gid === KEEP || gid === old || !(cred.has(CAP_SETGID) || own)) return old;
  const before = cred.copy();
  cred.fsgid = gid;
  changed(task, before);
  return old;
}

function isOwnUid(cred: Credentials, uid: number): boolean {
  return uid === cred.uid || uid === cred.euid || uid === cred.suid || uid === cred.fsuid;
}

/** getgroups(2). */
function getgroups(task: Task, size: number, list: number): number {
  const { groups } = task.cred;
  if (size < 0) return -E.INVAL;
  if (size === 0) return groups.length;
  if (size < groups.length) return -E.INVAL;
  if (!task.mm.writable(list, 4 * groups.length)) return -E.FAULT;
  groups.forEach((gid, at) => task.mm.window.view.setUint32(list + 4 * at, gid, true));
  return groups.length;
}

/** setgroups(2). */
function setgroups(task: Task, size: number, list: number): number {
  if (!task.cred.has(CAP_SETGID)) return -E.PERM;
  if (size < 0 || size > NGROUPS_MAX) return -E.INVAL;
  if (!task.mm.readable(list, 4 * size)) return -E.FAULT;
  const groups: number[] = [];
  for (let at = 0; at < size; at++) groups.push(task.mm.window.view.getUint32(list + 4 * at, true));
  task.cred.groups = groups.sort((a, b) => a - b);
  return 0;
}

/** Words of capabilities that a header's version has; 0 for an unknown one, whose header then gets version 3. */
function capWords(task: Task, header: number): number {
  const version = task.mm.getU32(header);
  if (version === CAP_VERSION.V1) return 1;
  if (version === CAP_VERSION.V2 || version === CAP_VERSION.V3) return 2;
  return task.mm.putU32(header, CAP_VERSION.V3) ? 0 : -E.FAULT;
}

/** capget(2). */
function capget(task: Task, header: number, data: number): number {
  const { mm } = task;
  if (!mm.readable(header, 8)) return -E.FAULT;
  const words = capWords(task, header);
  if (words <= 0) return words < 0 ? words : data === 0 ? 0 : -E.INVAL;
  const pid = mm.getU32(header + 4) | 0;
  if (pid < 0) return -E.INVAL;
  const target = pid === 0 ? task : task.kernel.taskOf(pid);
  if (!target) return -E.SRCH;
  if (data === 0) return 0;
  if (!mm.writable(data, 12 * words)) return -E.FAULT;
  const { cred } = target;
  const values = [
    cred.capabilities, cred.permittedLow, cred.inheritableLow, cred.effectiveHigh, cred.permittedHigh,
    cred.inheritableHigh,
  ];
  for (let at = 0; at < 3 * words; at++) mm.window.view.setUint32(data + 4 * at, values[at]!, true);
  return 0;
}

/** capset(2). */
function capset(task: Task, header: number, data: number): number {
  const { mm, cred } = task;
  if (!mm.readable(header, 8)) return -E.FAULT;
  const words = capWords(task, header);
  if (words <= 0) return words < 0 ? words : -E.INVAL;
  const pid = mm.getU32(header + 4) | 0;
  if (pid !== 0 && pid !== task.tid) return -E.PERM;
  if (!mm.readable(data, 12 * words)) return -E.FAULT;
  const word = (at: number): number => (at < 3 * words ? mm.window.view.getUint32(data + 4 * at, true) : 0);
  const [effective, permitted, inheritable, effectiveHigh, permittedHigh, inheritableHigh] =
    [word(0), word(1), word(2), word(3) & 0x1ff, word(4) & 0x1ff, word(5) & 0x1ff];
  if (!cred.has(CAP_SETPCAP)) {
    if (inheritable & ~(cred.inheritableLow | cred.permittedLow)) return -E.PERM;
    if (inheritableHigh & ~(cred.inheritableHigh | cred.permittedHigh)) return -E.PERM;
  }
  if (inheritable & ~(cred.inheritableLow | cred.boundingLow)) return -E.PERM;
  if (inheritableHigh & ~(cred.inheritableHigh | cred.boundingHigh)) return -E.PERM;
  // Nothing can be added to the permitted set, nor be effective without being permitted.
  if (permitted & ~cred.permittedLow || permittedHigh & ~cred.permittedHigh) return -E.PERM;
  if (effective & ~permitted || effectiveHigh & ~permittedHigh) return -E.PERM;
  cred.capabilities = effective;
  cred.effectiveHigh = effectiveHigh;
  cred.permittedLow = permitted;
  cred.permittedHigh = permittedHigh;
  cred.inheritableLow = inheritable;
  cred.inheritableHigh = inheritableHigh;
  cred.limitAmbient();
  return 0;
}
