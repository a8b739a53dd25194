/** /proc/sysvipc: the System V IPC objects as ipcs(1) reads them (proc(5)). */
import type { IpcObject } from '../ipc/ids.js';
import { attachments } from '../ipc/shm.js';
import type { Kernel } from '../kernel.js';

function cell(value: number, width: number): string {
  return String(value).padStart(width);
}

function mode(object: IpcObject): string {
  return object.mode.toString(8).padStart(5);
}

function owners({ uid, gid, cuid, cgid }: IpcObject): string {
  return [uid, gid, cuid, cgid].map((id) => cell(id, 5)).join(' ');
}

function key(object: IpcObject): string {
  return `${cell(object.key | 0, 10)} ${cell(object.id, 10)}`;
}

export function msgText(kernel: Kernel): string {
  let text = '       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid' +
    '      stime      rtime      ctime\n';
  for (const queue of kernel.ipc?.msg ?? []) {
    text += `${key(queue)} ${mode(queue)} ${cell(queue.bytes, 11)} ${cell(queue.messages.length, 10)} ` +
      `${cell(queue.lspid, 5)} ${cell(queue.lrpid, 5)} ${owners(queue)} ` +
      `${cell(queue.stime, 10)} ${cell(queue.rtime, 10)} ${cell(queue.ctime, 10)}\n`;
  }
  return text;
}

export function semText(kernel: Kernel): string {
  let text = '       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n';
  for (const set of kernel.ipc?.sem ?? []) {
    text += `${key(set)} ${mode(set)} ${cell(set.values.length, 10)} ${owners(set)} ` +
      `${cell(set.otime, 10)} ${cell(set.ctime, 10)}\n`;
  }
  return text;
}

export function shmText(kernel: Kernel): string {
  let text = '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid' +
    '      atime      dtime      ctime                   rss                  swap\n';
  for (const segment of kernel.ipc?.shm ?? []) {
    text += `${key(segment)} ${mode(segment)} ${cell(segment.bytes, 21)} ${cell(segment.cpid, 5)} ` +
      `${cell(segment.lpid, 5)} ${cell(attachments(kernel, segment), 6)} ${owners(segment)} ${cell(segment.atime, 10)} ` +
      `${cell(segment.dtime, 10)} ${cell(segment.ctime, 10)} ${cell(segment.bytes, 21)} ${cell(0, 21)}\n`;
  }
  return text;
}
