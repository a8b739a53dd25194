/** The options of `posixx run`, once: the parser, the help, the completion and the README's table come from here. */

export interface Option {
  /** Long name, without the dashes. */
  readonly name: string;
  /** One-letter name. */
  readonly alias?: string;
  /** Environment variable that gives the value when the option is not there; lists are separated by `;`. */
  readonly env?: string;
  /** `optional`: a value may follow after `=` only. `list`: may be repeated. */
  readonly kind: 'flag' | 'value' | 'list' | 'optional';
  /** What the value is called in help. */
  readonly value?: string;
  readonly help: string;
}

export const OPTIONS: readonly Option[] = [
  {
    name: 'env', alias: 'E', env: 'POSIXX_ENV', kind: 'list', value: 'NAME[=VALUE]',
    help: 'Set a variable of the guest; NAME alone passes the caller\'s value, NAME= sets it empty. ' +
      'The guest starts with the caller\'s environment',
  },
  {
    name: 'clear-env', env: 'POSIXX_CLEAR_ENV', kind: 'flag',
    help: 'Start with an empty environment instead of the caller\'s',
  },
  {
    name: 'cwd', env: 'POSIXX_CWD', kind: 'value', value: 'DIR',
    help: 'Working directory of the guest (a guest path). Default: the caller\'s, or / where that is not visible',
  },
  {
    name: 'user', alias: 'u', env: 'POSIXX_USER', kind: 'value', value: 'UID[:GID]',
    help: 'User and group of the guest, numbers or names that it knows. Default: root, who has no power outside',
  },
  {
    name: 'volume', alias: 'v', env: 'POSIXX_VOLUME', kind: 'list', value: 'HOST:GUEST[:ro|rw]',
    help: 'Mount a host directory or file in the guest; rw lets the guest change it. Default: ro',
  },
  {
    name: 'disk', env: 'POSIXX_DISK', kind: 'list', value: 'FILE[:ro|rw]',
    help: 'Give the guest this image file of the host as a disk, /dev/vda for the first. Default: rw, the guest writes to the file',
  },
  {
    name: 'rootfs', env: 'POSIXX_ROOTFS', kind: 'value', value: 'DIR|TAR|IMAGE',
    help: 'Use this directory, archive (.tar, .tar.gz, .tar.zst) or image (ext2, ext4, FAT) of the host as the guest\'s ' +
      'root, read-only, under an in-memory layer. Default: /',
  },
  {
    name: 'sysroot', alias: 'L', env: 'POSIXX_SYSROOT', kind: 'value', value: 'DIR',
    help: 'Look in this host directory first: for the interpreter and the libraries of a program of another system',
  },
  {
    name: 'empty-root', env: 'POSIXX_EMPTY_ROOT', kind: 'flag',
    help: 'Start from an empty root: only volumes, /dev, /proc and /tmp. The program itself is mounted read-only',
  },
  {
    name: 'persist', env: 'POSIXX_PERSIST', kind: 'value', value: 'DIR|IMAGE',
    help: 'Keep what the guest writes to its root in this host directory (made when it is missing) or ext2 image, for the ' +
      'next runs. Default: in memory, until the end of the run',
  },
  {
    name: 'strace', env: 'POSIXX_STRACE', kind: 'optional', value: 'FILE',
    help: 'Print each system call with its arguments and result, to stderr or to FILE',
  },
  {
    name: 'trace', alias: 'e', env: 'POSIXX_TRACE', kind: 'value', value: 'SET',
    help: 'Which calls to print: names separated by commas, %file %process %memory %signal %network %desc, ' +
      '!SET for all others; trace=SET is accepted too. Implies --strace',
  },
  {
    name: 'cpu', env: 'POSIXX_CPU', kind: 'value', value: 'MODEL',
    help: 'CPU that the guest sees: x86-64, x86-64-v2 or x86-64-v3. Default: x86-64-v3',
  },
  {
    name: 'no-aslr', env: 'POSIXX_NO_ASLR', kind: 'flag',
    help: 'Same addresses in every run',
  },
  {
    name: 'no-code-cache', env: 'POSIXX_NO_CODE_CACHE', kind: 'flag',
    help: 'Translate everything anew: neither use code that earlier runs kept nor keep any',
  },
  {
    name: 'memory', env: 'POSIXX_MEMORY', kind: 'value', value: 'SIZE',
    help: 'Most memory that the guest may map: bytes, or with K, M or G. Default and maximum: 4G',
  },
  {
    name: 'max-processes', env: 'POSIXX_MAX_PROCESSES', kind: 'value', value: 'N',
    help: 'Most processes and threads that may live at once; fork then fails with EAGAIN. Default: 32768',
  },
  {
    name: 'timeout', env: 'POSIXX_TIMEOUT', kind: 'value', value: 'SECONDS',
    help: 'Kill the guest after that time; the exit status is then 124',
  },
  {
    name: 'kill-after', env: 'POSIXX_KILL_AFTER', kind: 'value', value: 'SECONDS',
    help: 'Kill the guest when it is still there that time after Ctrl-C, SIGTERM or SIGHUP, or at once at a second Ctrl-C. ' +
      'Without it, a second Ctrl-C within 2 s kills only what ignores or blocks SIGINT',
  },
  {
    name: 'quiet', alias: 'q', env: 'POSIXX_QUIET', kind: 'flag',
    help: 'No messages about system calls that are not implemented, nor about a fatal signal',
  },
  {
    name: 'stats', env: 'POSIXX_STATS', kind: 'flag',
    help: 'Print translated blocks, traps and times to stderr at the end',
  },
];

/** Commands of `posixx`, for help and completion. */
export const COMMANDS: readonly { name: string; usage: string; help: string }[] = [
  { name: 'run', usage: 'run [options] [--] program [args...]', help: 'Run a Linux program' },
  { name: 'syscalls', usage: 'syscalls [--json]', help: 'Print the system-call table with support levels' },
  { name: 'completion', usage: 'completion bash|zsh|fish', help: 'Print a shell completion script' },
];
