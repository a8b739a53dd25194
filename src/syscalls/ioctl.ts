/** ioctl(2): what all files know. The rest is the file's own. */
import { createRequire } from 'node:module';
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { FS_IOC, SEEK } from '../abi/file.js';
import { asyncOwner, canSignal, getAsyncOwner, setAsyncOwner } from '../kernel/async_io.js';
import { Socket } from '../kernel/net/socket.js';
import type { Task } from '../kernel/task.js';
import { Stat } from '../vfs/inode.js';
import type { OpenFile } from '../vfs/open_file.js';
import { call, fd, ptr, uint, type Row } from './types.js';

const require = createRequire(import.meta.url);
type FileModule = typeof import('./file_ioctl.js');

const FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIONBIO = 0x5421, FIOASYNC = 0x5452, FIONREAD = 0x541b;
const FIOSETOWN = 0x8901, SIOCSPGRP = 0x8902, FIOGETOWN = 0x8903, SIOCGPGRP = 0x8904;

/** Is a request, by its type byte, one of those about files in general? Few programs make them. */
function aboutFiles(request: number): boolean {
  const type = (request >>> 8) & 0xff;
  return type === 0x66 || type === 0x58 || type === 0x94 || request === FS_IOC.FIOQSIZE ||
    request === FS_IOC.FIBMAP || request === FS_IOC.FIGETBSZ;
}

/** ioctl(2). */
function ioctl(task: Task, fd: number, request: number, arg: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  switch (request) {
    case FIOCLEX:
      task.files.setCloexec(fd, true);
      return 0;
    case FIONCLEX:
      task.files.setCloexec(fd, false);
      return 0;
    case FIONBIO:
    case FIOASYNC:
      return setMode(task, file, fd, request, arg);
    case FIOSETOWN:
    case SIOCSPGRP:
      if (!(file instanceof Socket)) break;
      return task.mm.readable(arg, 4) ? setAsyncOwner(task, file, task.mm.getU32(arg)) : -E.FAULT;
    case FIOGETOWN:
    case SIOCGPGRP:
      if (!(file instanceof Socket)) break;
      return task.mm.putU32(arg, getAsyncOwner(file)) ? 0 : -E.FAULT;
    case FIONREAD:
      if (file.inode !== null && file.inode.type === S.IFREG) {
        const stat = new Stat();
        const failed = file.stat(stat);
        if (failed < 0) return failed;
        return task.mm.putU32(arg, stat.size - file.seek(0, SEEK.CUR)) ? 0 : -E.FAULT;
      }
      break;
    default:
      if (aboutFiles(request)) {
        const result = (require('./file_ioctl.js') as FileModule).fileRequest(task, file, request, arg);
        if (result !== -E.NOTTY) return result;
      }
  }
  return file.ioctl(request, arg, task.mm, task.files);
}

/** FIONBIO, FIOASYNC. */
function setMode(task: Task, file: OpenFile, fd: number, request: number, arg: number): number {
  const on = task.mm.getU32(arg);
  if (on < 0) return on;
  if (request === FIONBIO) {
    file.flags = on === 0 ? file.flags & ~O.NONBLOCK : file.flags | O.NONBLOCK;
    file.flagsChanged();
    return 0;
  }
  if (!canSignal(file)) return on === 0 ? 0 : -E.NOTTY;
  asyncOwner(task, file).enable(task, fd, on !== 0);
  return 0;
}

const note = 'what Linux answers for these kinds of files: terminals, sockets, pipes, disks, inode flags, FIEMAP …; ' +
  'clones EOPNOTSUPP, freezing EOPNOTSUPP';

export const ioctlRows: readonly Row[] = [
  call('ioctl', 16, 54, [fd, uint, ptr], ioctl, 'full', note),
];
