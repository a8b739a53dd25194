/** Resource limits of a process (getrlimit(2)); Infinity is RLIM_INFINITY. */
import { RLIMIT, RLIMIT_COUNT } from '../abi/resource.js';
import { native } from '../host/native.js';
import type { MemoryLimits } from '../mm/limits.js';

export class Limits implements MemoryLimits {
  readonly soft = new Float64Array(RLIMIT_COUNT).fill(Infinity);
  readonly hard = new Float64Array(RLIMIT_COUNT).fill(Infinity);

  /** What a login on Linux starts with, and the caller's limit on the size of files. */
  static initial(): Limits {
    const limits = new Limits();
    limits.set(RLIMIT.FSIZE, native.fileSizeLimit.soft, native.fileSizeLimit.hard);
    limits.set(RLIMIT.STACK, 8 << 20, Infinity);
    limits.set(RLIMIT.CORE, 0, Infinity);
    limits.set(RLIMIT.NPROC, 32768, 32768);
    limits.set(RLIMIT.NOFILE, 1024, 1048576);
    limits.set(RLIMIT.MEMLOCK, 8 << 20, 8 << 20);
    limits.set(RLIMIT.SIGPENDING, 32768, 32768);
    limits.set(RLIMIT.MSGQUEUE, 819200, 819200);
    limits.set(RLIMIT.NICE, 0, 0);
    limits.set(RLIMIT.RTPRIO, 0, 0);
    return limits;
  }

  copy(): Limits {
    const limits = new Limits();
    limits.soft.set(this.soft);
    limits.hard.set(this.hard);
    return limits;
  }

  set(resource: number, soft: number, hard: number): void {
    this.soft[resource] = soft;
    this.hard[resource] = hard;
  }

  get as(): number {
    return this.soft[RLIMIT.AS]!;
  }
  get data(): number {
    return this.soft[RLIMIT.DATA]!;
  }
  get stack(): number {
    return this.soft[RLIMIT.STACK]!;
  }
  get memlock(): number {
    return this.soft[RLIMIT.MEMLOCK]!;
  }
}
