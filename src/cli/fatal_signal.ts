/** What a shell prints for a program that a signal ended (strsignal(3)). */

const TEXT: Record<number, string> = {
  1: 'Hangup', 3: 'Quit', 4: 'Illegal instruction', 5: 'Trace/breakpoint trap', 6: 'Aborted', 7: 'Bus error',
  8: 'Floating point exception', 9: 'Killed', 10: 'User defined signal 1', 11: 'Segmentation fault',
  12: 'User defined signal 2', 14: 'Alarm clock', 15: 'Terminated', 16: 'Stack fault', 24: 'CPU time limit exceeded',
  25: 'File size limit exceeded', 26: 'Virtual timer expired', 27: 'Profiling timer expired', 29: 'I/O possible',
  30: 'Power failure', 31: 'Bad system call',
};
const SIGINT = 2;
const SIGPIPE = 13;

/** '' for the two that shells are silent about. */
export function fatalSignalText(signal: number): string {
  if (signal === SIGINT || signal === SIGPIPE) return '';
  return TEXT[signal] ?? (signal >= 34 ? `Real-time signal ${signal - 34}` : `Unknown signal ${signal}`);
}
