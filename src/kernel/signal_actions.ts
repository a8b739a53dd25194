/** What a process does with each signal (sigaction(2)); threads share one, as do CLONE_SIGHAND tasks. */
import { SA, SIG, SIG_DFL, SIG_IGN } from '../abi/signal.js';

export interface Action {
  /** SIG_DFL, SIG_IGN, or the handler's address. */
  handler: number;
  flags: number;
  restorer: number;
  /** Blocked while the handler runs. */
  maskLow: number;
  maskHigh: number;
}

export const enum Default { Terminate, Core, Ignore, Stop, Continue }

export function defaultAction(signal: number): Default {
  switch (signal) {
    case SIG.CHLD: case SIG.URG: case SIG.WINCH:
      return Default.Ignore;
    case SIG.CONT:
      return Default.Continue;
    case SIG.STOP: case SIG.TSTP: case SIG.TTIN: case SIG.TTOU:
      return Default.Stop;
    case SIG.QUIT: case SIG.ILL: case SIG.TRAP: case SIG.ABRT: case SIG.BUS: case SIG.FPE: case SIG.SEGV: case SIG.XCPU:
    case SIG.XFSZ: case SIG.SYS:
      return Default.Core;
    default:
      return Default.Terminate;
  }
}

const DEFAULT: Action = { handler: SIG_DFL, flags: 0, restorer: 0, maskLow: 0, maskHigh: 0 };

export class SignalActions {
  private readonly actions: (Action | undefined)[] = [];
  users = 1;

  get(signal: number): Action {
    return this.actions[signal] ?? DEFAULT;
  }

  set(signal: number, action: Action): void {
    this.actions[signal] = action;
  }

  /** Sent to nobody who listens: SIG_IGN, or SIG_DFL of a signal that is ignored by default. */
  ignores(signal: number): boolean {
    const { handler } = this.get(signal);
    return handler === SIG_IGN ||
      (handler === SIG_DFL && (defaultAction(signal) === Default.Ignore || defaultAction(signal) === Default.Continue));
  }

  /** Children that end leave no zombie: SIGCHLD is SIG_IGN or has SA_NOCLDWAIT. */
  get reapsChildren(): boolean {
    const action = this.get(SIG.CHLD);
    return action.handler === SIG_IGN || (action.flags & SA.NOCLDWAIT) !== 0;
  }

  copy(): SignalActions {
    const copy = new SignalActions();
    this.actions.forEach((action, signal) => {
      if (action) copy.actions[signal] = { ...action };
    });
    return copy;
  }

  /** execve (and CLONE_CLEAR_SIGHAND): handlers go back to the default, ignored signals stay ignored. */
  reset(): void {
    this.actions.forEach((action, signal) => {
      if (action && action.handler !== SIG_IGN) this.actions[signal] = undefined;
    });
  }
}
