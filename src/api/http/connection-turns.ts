import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Requests of one connection that wait for the answers before theirs. Clients that send ahead send some; one that sends
 * more than this reads nothing, and is cut before its requests fill the memory.
 */
const WAITING_MAX = 256;

interface Turn {
  readonly request: IncomingMessage;
  readonly start: () => void;
}

interface Line {
  current: IncomingMessage | null;
  readonly waiting: Turn[];
  /** What is said last, when the answers to whole requests are given. */
  lastWord: (() => void) | null;
}

/** The order of the requests on each connection. */
export interface ConnectionTurns {
  /** Starts a request when the answer before it has been taken by the client, or its connection is gone. */
  readonly take: (request: IncomingMessage, response: ServerResponse, start: () => void) => void;
  /** Says the last word on a connection behind the answers to all requests that have arrived whole. */
  readonly end: (socket: Duplex, lastWord: () => void) => void;
}

/**
 * A connection has one request in progress at a time. Many at once would only wait for each other's answers, which
 * must leave in order; a client that sends hundreds and reads none would make each answer fill the memory.
 */
export function createConnectionTurns(): ConnectionTurns {
  const lines = new WeakMap<Duplex, Line>();
  const lineOf = (socket: Duplex): Line => {
    const known = lines.get(socket);
    if (known !== undefined) return known;
    const line: Line = { current: null, waiting: [], lastWord: null };
    lines.set(socket, line);
    return line;
  };
  const goOn = (socket: Duplex, line: Line): void => {
    line.current = null;
    if (socket.destroyed || socket.writableEnded) return;
    const next = line.waiting.shift();
    if (next !== undefined) next.start();
    else line.lastWord?.();
  };
  return {
    take: (request, response, start) => {
      const { socket } = request;
      const line = lineOf(socket);
      if (line.waiting.length >= WAITING_MAX) {
        socket.destroy();
        return;
      }
      const begin = (): void => {
        line.current = request;
        response.once('close', () => goOn(socket, line));
        start();
      };
      if (line.current === null && line.waiting.length === 0) begin();
      else line.waiting.push({ request, start: begin });
    },
    end: (socket, lastWord) => {
      const line = lineOf(socket);
      // The last one may be cut off in its body: it gets the last word for an answer.
      const isLastWhole = line.waiting.at(-1)?.request.complete ?? true;
      if (!isLastWhole) line.waiting.pop();
      const isCurrentWhole = line.current?.complete === true;
      if (isCurrentWhole || line.waiting.length > 0) line.lastWord = lastWord;
      else lastWord();
    },
  };
}
