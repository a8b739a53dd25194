/** System V message queues (msgsnd(2)). */
import { MSG } from '../../abi/ipc.js';
import type { Credentials } from '../credentials.js';
import { WaitQueue } from '../wait_queue.js';
import { IpcObject, IpcTable } from './ids.js';

export const MSGMNI = 32000;
export const MSGMAX = 8192;
export const MSGMNB = 16384;

export interface Message {
  type: number;
  text: Uint8Array;
}

export class MessageQueue extends IpcObject {
  readonly messages: Message[] = [];
  bytes = 0;
  limit = MSGMNB;
  stime = 0;
  rtime = 0;
  lspid = 0;
  lrpid = 0;
  readonly senders = new WaitQueue();
  readonly receivers = new WaitQueue();

  constructor(key: number, mode: number, cred: Credentials) {
    super(key, mode, cred);
  }

  hasRoom(length: number): boolean {
    return this.bytes + length <= this.limit && this.messages.length < this.limit;
  }

  send(message: Message): void {
    this.messages.push(message);
    this.bytes += message.text.length;
    this.receivers.wake();
  }

  /** Index of the message that msgrcv's `type` asks for, -1 for none. */
  find(type: number, flags: number): number {
    if (type === 0) return this.messages.length > 0 ? 0 : -1;
    if (type > 0) {
      const except = (flags & MSG.EXCEPT) !== 0;
      return this.messages.findIndex((message) => (message.type === type) !== except);
    }
    let best = -1;
    this.messages.forEach((message, at) => {
      if (message.type <= -type && (best < 0 || message.type < this.messages[best]!.type)) best = at;
    });
    return best;
  }

  take(at: number): Message {
    const [message] = this.messages.splice(at, 1);
    this.bytes -= message!.text.length;
    this.senders.wake();
    return message!;
  }
}

export class MessageTable extends IpcTable<MessageQueue> {
  constructor() {
    super(MSGMNI);
  }
}
