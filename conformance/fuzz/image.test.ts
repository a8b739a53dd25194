import t from 'tap';
import { hasTool } from '../../vfs/fs/sample_disk.js';
import { fuzzImages } from './image.js';

for (const [type, tool] of [['vfat', 'mkfs.fat'], ['ext2', 'mke2fs'], ['ext4', 'mke2fs']] as const) {
  const skip = hasTool(tool) ? false : `${tool} is not installed`;
  t.test(`150 images of ${type} with damaged metadata are refused or used`, { skip }, async (t) => {
    const { counts, failures } = await fuzzImages(20261122, 0, 150, type);
    t.same(failures, []);
    t.equal([...counts.values()].reduce((sum, n) => sum + n, 0), 150);
    t.ok(counts.get('mounted')! > 50 && counts.size > 1, [...counts].join(' '));
  });
}
