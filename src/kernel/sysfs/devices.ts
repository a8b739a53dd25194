/** The devices that /sys shows: the loopback interface, disks and their partitions, the memory devices. */
import { E } from '../../abi/errno.js';
import { DevicePart, type Disk } from '../../vfs/block_device.js';
import { devMajor, devMinor } from '../../vfs/inode.js';
import type { Kernel } from '../kernel.js';
import { attribute, attributes, fixed, link, refused, text, type Entries } from './nodes.js';

const SECTOR = 512;
const MEMORY: readonly (readonly [string, number])[] = [
  ['null', 3], ['zero', 5], ['full', 7], ['random', 8], ['urandom', 9],
];
const COUNTERS = [
  'collisions', 'multicast', 'rx_bytes', 'rx_compressed', 'rx_crc_errors', 'rx_dropped', 'rx_errors', 'rx_fifo_errors',
  'rx_frame_errors', 'rx_length_errors', 'rx_missed_errors', 'rx_nohandler', 'rx_over_errors', 'rx_packets',
  'tx_aborted_errors', 'tx_bytes', 'tx_carrier_errors', 'tx_compressed', 'tx_dropped', 'tx_errors', 'tx_fifo_errors',
  'tx_heartbeat_errors', 'tx_packets', 'tx_window_errors',
];

function loopback(): Entries {
  return {
    ...attributes({
      addr_assign_type: 0, addr_len: 6, address: '00:00:00:00:00:00', broadcast: '00:00:00:00:00:00', carrier: 1,
      carrier_changes: 0, carrier_down_count: 0, carrier_up_count: 0, dev_id: '0x0', dev_port: 0, dormant: 0,
      flags: '0x9', gro_flush_timeout: 0, ifalias: '', ifindex: 1, iflink: 1, link_mode: 0, mtu: 65536, netdev_group: 0,
      operstate: 'unknown',
      proto_down: 0, testing: 0, tx_queue_len: 1000, type: 772,
    }),
    duplex: refused(E.INVAL), name_assign_type: refused(E.INVAL), speed: refused(E.INVAL),
    statistics: fixed(Object.fromEntries(COUNTERS.map((name) => [name, attribute(0)]))),
    subsystem: link('../../../../class/net'),
    uevent: text('INTERFACE=lo\nIFINDEX=1\n'),
  };
}

/** A disk with its partitions, whose devices are parts of its own. */
function block(disk: Disk, parts: readonly Disk[], depth: string): Entries {
  const { name, rdev, device } = disk;
  const number = `${devMajor(rdev)}:${devMinor(rdev)}`;
  const kind = device instanceof DevicePart ? 'partition' : 'disk';
  const entries: Entries = {
    dev: attribute(number), ro: attribute(() => (disk.device?.readOnly ? 1 : 0)),
    size: attribute(() => Math.floor((disk.device?.size ?? 0) / SECTOR)),
    stat: text(`${' '.repeat(7)}0`.repeat(17) + '\n'), subsystem: link(`${depth}class/block`),
    uevent: text(`MAJOR=${devMajor(rdev)}\nMINOR=${devMinor(rdev)}\nDEVNAME=${name}\nDEVTYPE=${kind}\n`),
  };
  if (device instanceof DevicePart) {
    return { ...entries, partition: attribute(Number(/\d+$/.exec(name))), start: attribute(device.start / SECTOR) };
  }
  Object.assign(entries, attributes({ removable: 0, range: 16, ext_range: 16, alignment_offset: 0, hidden: 0 }), {
    queue: fixed(attributes({
      logical_block_size: SECTOR, physical_block_size: SECTOR, hw_sector_size: SECTOR, minimum_io_size: SECTOR,
      optimal_io_size: 0, rotational: 0, discard_granularity: 0, discard_max_bytes: 0, max_sectors_kb: 1280,
      scheduler: '[none]',
    })),
    holders: fixed({}), slaves: fixed({}),
  });
  for (const part of parts) entries[part.name] = fixed(block(part, [], `../${depth}`));
  return entries;
}

/** Directories of devices/virtual, and the links of class, block and dev that lead there. */
export function devices(kernel: Kernel): { virtual: Entries; classes: Entries; blocks: Entries; numbers: Entries } {
  const all = [...kernel.vfs.disks.values()];
  const whole = all.filter(({ device }) => device !== null && !(device instanceof DevicePart));
  const virtualBlocks: Entries = {}, classBlocks: Entries = {}, blocks: Entries = {}, numbers: Entries = {};
  for (const disk of whole) {
    const parts = all.filter(({ name, device }) => device instanceof DevicePart && name.startsWith(disk.name));
    virtualBlocks[disk.name] = fixed(block(disk, parts, '../../../../'));
    blocks[disk.name] = link(`../devices/virtual/block/${disk.name}`);
    for (const each of [disk, ...parts]) {
      const path = each === disk ? disk.name : `${disk.name}/${each.name}`;
      classBlocks[each.name] = link(`../../devices/virtual/block/${path}`);
      numbers[`${devMajor(each.rdev)}:${devMinor(each.rdev)}`] = link(`../../devices/virtual/block/${path}`);
    }
  }
  const memory = Object.fromEntries(MEMORY.map(([name, minor]) => [name, fixed({
    dev: attribute(`1:${minor}`), subsystem: link('../../../../class/mem'),
    uevent: text(`MAJOR=1\nMINOR=${minor}\nDEVNAME=${name}\nDEVMODE=0666\n`),
  })]));
  return {
    virtual: { block: fixed(virtualBlocks), mem: fixed(memory), net: fixed({ lo: fixed(loopback()) }) },
    classes: {
      block: fixed(classBlocks),
      mem: fixed(Object.fromEntries(MEMORY.map(([name]) => [name, link(`../../devices/virtual/mem/${name}`)]))),
      net: fixed({ lo: link('../../devices/virtual/net/lo') }),
    },
    blocks,
    numbers,
  };
}
