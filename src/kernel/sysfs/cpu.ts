/** /sys/devices/system: processors as /proc/cpuinfo has them (one package, no threads), one memory node, the clock. */
import { native } from '../../host/native.js';
import type { Kernel } from '../kernel.js';
import { attribute, attributes, directory, fixed, text, type Entries } from './nodes.js';

/** Level, type, bytes, ways: caches as the model of /proc/cpuinfo would have them. The last one is shared. */
const CACHES: readonly (readonly [number, string, number, number])[] = [
  [1, 'Data', 32 << 10, 8], [1, 'Instruction', 32 << 10, 8], [2, 'Unified', 256 << 10, 8], [3, 'Unified', 8 << 20, 16],
];
const LINE = 64;

/** `0-3`; the empty list is an empty line. */
function list(first: number, last: number): string {
  return first > last ? '' : first === last ? String(first) : `${first}-${last}`;
}

/** Bits of a set of processors, in words of 32 with commas between, as wide as there are processors. */
function mask(count: number, has: (cpu: number) => boolean): string {
  const words: string[] = [];
  for (let low = 0; low < count; low += 32) {
    const bits = Math.min(32, count - low);
    let word = 0;
    for (let bit = 0; bit < bits; bit++) if (has(low + bit)) word += 2 ** bit;
    words.unshift(word.toString(16).padStart(Math.ceil(bits / 4), '0'));
  }
  return words.join(',');
}

export function systemDevices(kernel: Kernel): Entries {
  const count = native.cpuCount();
  const all = list(0, count - 1);
  const everyOne = mask(count, () => true);

  const topology = (cpu: number): Entries => {
    const alone = { map: mask(count, (other) => other === cpu), list: String(cpu) };
    const together = { map: everyOne, list: all };
    const sets: Record<string, { map: string; list: string }> = {
      thread_siblings: alone, core_cpus: alone, cluster_cpus: alone,
      core_siblings: together, package_cpus: together, die_cpus: together,
    };
    const entries = attributes({ core_id: cpu, cluster_id: 65535, die_id: 0, physical_package_id: 0 });
    for (const [name, { map, list }] of Object.entries(sets)) {
      entries[name] = attribute(map);
      entries[`${name}_list`] = attribute(list);
    }
    return entries;
  };
  const cache = (cpu: number): Entries => Object.fromEntries(CACHES.map(([level, type, size, ways], index) => [
    `index${index}`,
    fixed(attributes({
      coherency_line_size: LINE, id: level === 3 ? 0 : cpu, level, type, size: `${size >> 10}K`,
      ways_of_associativity: ways,
      number_of_sets: size / ways / LINE, physical_line_partition: 1,
      shared_cpu_list: level === 3 ? all : cpu,
      shared_cpu_map: level === 3 ? everyOne : mask(count, (other) => other === cpu),
    })),
  ]));

  const cpus: Entries = {
    ...attributes({ online: all, possible: all, present: all, offline: '', isolated: '', kernel_max: 8191 }),
    smt: fixed(attributes({ active: 0, control: 'notsupported' })),
  };
  for (let cpu = 0; cpu < count; cpu++) {
    cpus[`cpu${cpu}`] = directory(() => ({
      topology: directory(() => topology(cpu)), cache: directory(() => cache(cpu)),
      ...(cpu === 0 ? {} : attributes({ online: 1 })),
    }));
  }
  return {
    cpu: fixed(cpus),
    node: directory(() => ({
      ...attributes({ online: 0, possible: 0, has_cpu: 0, has_memory: 0, has_normal_memory: 0 }),
      node0: fixed({
        ...attributes({ cpulist: all, cpumap: everyOne, distance: 10 }),
        meminfo: (fs) => attribute(() => nodeMemory(kernel))(fs),
      }),
    })),
    clocksource: fixed({
      clocksource0: fixed({ current_clocksource: attribute('tsc'), available_clocksource: text('tsc \n') }),
    }),
  };
}

function nodeMemory(kernel: Kernel): string {
  const { limit, used } = kernel.memory;
  const info = new Float64Array(13);
  native.sysinfo(info);
  const total = Math.floor(Math.min(info[4]! * info[12]!, limit) / 1024);
  const free = Math.min(Math.floor(info[5]! * info[12]! / 1024), total - Math.floor(used / 1024));
  return [['MemTotal', total], ['MemFree', free], ['MemUsed', total - free]]
    .map(([name, kb]) => `Node 0 ${`${name}:`.padEnd(15)}${String(kb).padStart(8)} kB`).join('\n');
}
