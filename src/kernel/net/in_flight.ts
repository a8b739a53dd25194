/**
 * Descriptors in flight (unix(7), SCM_RIGHTS): messages hold references on open files. Sockets whose only references
 * are in messages that nobody can receive any more are found and closed.
 */
import type { OpenFile } from '../../vfs/open_file.js';
import { Socket } from './socket.js';

/** Sockets with at least one reference in flight. */
const flying = new Set<Socket>();
let collecting = false;

/** The files are in a message now, which holds the references. */
export function launch(files: readonly OpenFile[]): void {
  for (const file of files) {
    if (!(file instanceof Socket)) continue;
    file.inFlight++;
    flying.add(file);
  }
}

/** The files are taken out of their message; the references are the caller's. */
export function land(files: readonly OpenFile[]): void {
  for (const file of files) {
    if (file instanceof Socket && --file.inFlight === 0) flying.delete(file);
  }
}

/** Empties the queues of sockets that only each other's messages refer to; for when a socket may have become one. */
export function collectUnreachable(): void {
  if (collecting) return;
  /** References from elsewhere than the candidates' own messages. */
  const outside = new Map<OpenFile, number>();
  for (const socket of flying) if (socket.referenceCount === socket.inFlight) outside.set(socket, socket.inFlight);
  for (const socket of outside.keys()) {
    (socket as Socket).heldFiles((file) => {
      const count = outside.get(file);
      if (count !== undefined) outside.set(file, count - 1);
    });
  }
  const reachable: OpenFile[] = [];
  for (const [socket, count] of outside) if (count > 0) reachable.push(socket);
  for (let socket = reachable.pop(); socket; socket = reachable.pop()) {
    outside.delete(socket);
    (socket as Socket).heldFiles((file) => {
      if (outside.has(file) && !reachable.includes(file)) reachable.push(file);
    });
  }
  collecting = true;
  for (const socket of outside.keys()) (socket as Socket).dropMessages();
  collecting = false;
}
