import type { HttpBindings } from '@hono/node-server';
import type { Socket } from 'node:net';

/** One listener per connection: a client may send dozens of requests on one before it reads the first answer. */
const waitingForEnd = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back once when the response has ended in any way: it was sent, the client left, or the connection broke while
 * the response still waited for those before it. (Node does not report the last case to the response.)
 */
export function onResponseEnd({ incoming, outgoing }: HttpBindings, ended: () => void): void {
  const { socket } = incoming;
  if (outgoing.destroyed || socket.destroyed) {
    ended();
    return;
  }
  const waiting = waitingOn(socket);
  const end = (): void => {
    if (waiting.delete(end)) ended();
  };
  waiting.add(end);
  outgoing.once('close', end);
}

function waitingOn(socket: Socket): Set<() => void> {
  const known = waitingForEnd.get(socket);
  if (known !== undefined) return known;
  const waiting = new Set<() => void>();
  waitingForEnd.set(socket, waiting);
  socket.once('close', () => {
    for (const end of waiting) end();
  });
  return waiting;
}
