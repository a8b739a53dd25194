/** The lines of /proc/PID/fdinfo/FD that kinds of files have of their own (proc(5)). */
import { InotifyFile } from '../../vfs/inotify.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { EpollFile } from '../epoll.js';
import { EventFile } from '../eventfd.js';
import { PidFile } from '../pidfd.js';
import { ProcessState } from '../process.js';
import { SignalFile } from '../signalfd.js';
import { TimerFile } from '../timerfd.js';

/** Nanoseconds as (seconds, nanoseconds). */
function pair(ns: number): string {
  return `(${Math.floor(ns / 1e9)}, ${Math.floor(ns % 1e9)})`;
}

export function describeFile(file: OpenFile): string {
  if (file instanceof EpollFile) {
    let text = '';
    for (const { fd, events, data } of file.watched()) {
      text += `tfd: ${String(fd).padStart(8)} ` +
        `events: ${(events >>> 0).toString(16).padStart(8)} data: ${data.padStart(16)} \n`;
    }
    return text;
  }
  if (file instanceof EventFile) {
    return `eventfd-count: ${file.value.toString(16).padStart(16)}\neventfd-semaphore: ${file.semaphore ? 1 : 0}\n`;
  }
  if (file instanceof SignalFile) {
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return `sigmask:\t${word(file.high)}${word(file.low)}\n`;
  }
  if (file instanceof TimerFile) {
    const { value, interval } = file.remaining();
    return `clockid: ${file.clock}\nticks: ${file.ticks}\nsettime flags: 00\n` +
      `it_value: ${pair(value)}\nit_interval: ${pair(interval)}\n`;
  }
  if (file instanceof InotifyFile) return file.describe();
  if (file instanceof PidFile) {
    const id = file.process.state === ProcessState.Reaped ? -1 : file.process.pid;
    return `Pid:\t${id}\nNSpid:\t${id}\n`;
  }
  return '';
}
