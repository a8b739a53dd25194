/** Requests that only FAT knows (<linux/msdos_fs.h>): the DOS attributes of a file, and the volume's number. */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import type { UserMemory } from '../../open_file.js';
import type { FatInode } from './inode.js';
import { ATTRIBUTE } from './listing.js';

const FAT_IOCTL = { GET_ATTRIBUTES: 0x80047210, SET_ATTRIBUTES: 0x40047211, GET_VOLUME_ID: 0x80047213 } as const;

export function fatIoctl(inode: FatInode, request: number, arg: number, memory: UserMemory): number {
  const { fs } = inode;
  switch (request >>> 0) {
    case FAT_IOCTL.GET_ATTRIBUTES:
      return put(memory, arg, inode.storedAttributes());
    case FAT_IOCTL.GET_VOLUME_ID:
      return put(memory, arg, fs.geometry.volumeId);
    case FAT_IOCTL.SET_ATTRIBUTES: {
      if (!memory.readable(arg, 4)) return -E.FAULT;
      if (fs.readOnly) return -E.ROFS;
      const fixed = ATTRIBUTE.VOLUME | ATTRIBUTE.DIRECTORY;
      const directory = inode.type === S.IFDIR ? ATTRIBUTE.DIRECTORY : 0;
      const asked = memory.window.view.getUint32(arg, true) & 0xff & ~fixed;
      // The root has no entry to keep them.
      if (inode.dir === null && asked !== 0) return -E.INVAL;
      inode.setAttributes(asked | (inode.attributes & ATTRIBUTE.VOLUME) | directory);
      return inode.flush();
    }
    default:
      return -E.NOTTY;
  }
}

function put(memory: UserMemory, addr: number, value: number): number {
  if (!memory.writable(addr, 4)) return -E.FAULT;
  memory.window.view.setUint32(addr, value, true);
  return 0;
}
