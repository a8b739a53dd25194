/** The benchmark programs: what they stand for, and how many rounds take about a second natively. */

/**
 * `busybox`: a script for busybox-static's sh instead of a C program. Programs that start programs start them by way of
 * the variable LAUNCHER: below qemu-user they would run natively otherwise.
 * @type {{ name: string, group: 'integer' | 'floating point' | 'system calls' | 'processes', rounds: number,
 *   busybox?: boolean }[]}
 */
export const PROGRAMS = [
  { name: 'fib', group: 'integer', rounds: 1400 },
  { name: 'indirect', group: 'integer', rounds: 60 },
  { name: 'interpreter', group: 'integer', rounds: 90 },
  { name: 'hash', group: 'integer', rounds: 110 },
  { name: 'sha256', group: 'integer', rounds: 90 },
  { name: 'sort', group: 'integer', rounds: 28 },
  { name: 'strings', group: 'integer', rounds: 290 },
  { name: 'sieve', group: 'integer', rounds: 140 },
  { name: 'intmatrix', group: 'integer', rounds: 380 },
  { name: 'list', group: 'integer', rounds: 160 },
  { name: 'crc', group: 'integer', rounds: 250 },
  { name: 'lz', group: 'integer', rounds: 160 },
  { name: 'nbody', group: 'floating point', rounds: 100 },
  { name: 'mandelbrot', group: 'floating point', rounds: 100 },
  { name: 'matmul', group: 'floating point', rounds: 280 },
  { name: 'spectral', group: 'floating point', rounds: 380 },
  { name: 'fft', group: 'floating point', rounds: 220 },
  { name: 'getppid', group: 'system calls', rounds: 350 },
  { name: 'read64k', group: 'system calls', rounds: 1600 },
  { name: 'openstat', group: 'system calls', rounds: 250 },
  { name: 'forkwait', group: 'processes', rounds: 100 },
  { name: 'forkexec', group: 'processes', rounds: 80 },
  { name: 'pingpong', group: 'processes', rounds: 80 },
  { name: 'mutex', group: 'processes', rounds: 60 },
  { name: 'shell', group: 'processes', rounds: 50, busybox: true },
  { name: 'sed', group: 'processes', rounds: 100, busybox: true },
];

/**
 * What `programs/files.c` measures inside itself, in nanoseconds an operation. `size`: files or megabytes of the whole
 * form, a fifth of it with --quick.
 * @type {{ name: string, rounds: number, size?: number }[]}
 */
export const FILE_WORKS = [
  { name: 'open-stat', rounds: 5 },
  { name: 'stat', rounds: 5 },
  { name: 'stat-missing', rounds: 5 },
  { name: 'open-deep', rounds: 5 },
  { name: 'find', rounds: 5 },
  { name: 'list-host', rounds: 3 },
  { name: 'list-tmpfs', rounds: 3, size: 100_000 },
  { name: 'read-64k', rounds: 5 },
  { name: 'read-4k', rounds: 5 },
  { name: 'read-1', rounds: 5 },
  { name: 'write-tmpfs', rounds: 2, size: 1024 },
  { name: 'read-tmpfs', rounds: 2, size: 1024 },
  { name: 'random-tmpfs', rounds: 3, size: 1024 },
  { name: 'churn-tmpfs', rounds: 2, size: 100_000 },
];
