import t from 'tap';
import { AT, O } from '../abi/fcntl.js';
import { MAP } from '../abi/mman.js';
import { allRows } from '../syscalls/table.js';
import { errnoText } from './errno_text.js';
import { flagNames, pointer, quote } from './format.js';
import { signalSet, waitStatus } from './format_struct.js';
import { parseTraceSet } from './strace.js';

t.test('strings are quoted as strace does', (t) => {
  t.equal(quote('plain'), '"plain"');
  t.equal(quote('a"b\\\n\t'), '"a\\"b\\\\\\n\\t"');
  t.equal(quote('\x00\x011\xff'), '"\\0\\0011\\377"');
  t.end();
});

t.test('flags have names', (t) => {
  t.equal(flagNames('O_', O, O.RDONLY), 'O_RDONLY');
  t.equal(flagNames('O_', O, O.WRONLY | O.CREAT | O.CLOEXEC), 'O_WRONLY|O_CREAT|O_CLOEXEC');
  t.equal(flagNames('O_', O, O.RDONLY | O.DIRECTORY | O.CLOEXEC), 'O_RDONLY|O_DIRECTORY|O_CLOEXEC');
  t.equal(flagNames('O_', O, O.SYNC | O.RDWR), 'O_RDWR|O_SYNC');
  t.equal(flagNames('MAP_', MAP, MAP.PRIVATE | MAP.ANONYMOUS | 0x4000_0000), 'MAP_PRIVATE|MAP_ANONYMOUS|0x40000000');
  t.equal(flagNames('AT_', AT, 0), '0');
  t.equal(pointer(0), 'NULL');
  t.equal(pointer(0x7fff_0000), '0x7fff0000');
  t.end();
});

t.test('signals and statuses', (t) => {
  t.equal(signalSet(0b11, 0), '[HUP INT]');
  t.equal(signalSet(~0 & ~1, ~0), '~[HUP]');
  t.equal(waitStatus(0x2100), '{WIFEXITED(s) && WEXITSTATUS(s) == 33}');
  t.equal(waitStatus(11), '{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV}');
  t.equal(waitStatus(0x137f), '{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}');
  t.equal(errnoText(2), 'No such file or directory');
  t.end();
});

t.test('sets of calls', (t) => {
  const names = (set: string): string[] => allRows().filter(parseTraceSet(set)).map((row) => row.name);
  t.same(names('open,close').sort(), ['close', 'open']);
  t.ok(names('%file').includes('openat') && !names('%file').includes('read'));
  t.ok(names('trace=%desc').includes('read'));
  t.notOk(names('!open').includes('open'));
  t.equal(names('').length, allRows().length);
  t.throws(() => parseTraceSet('opne'), /no system call .* named opne/);
  t.end();
});
