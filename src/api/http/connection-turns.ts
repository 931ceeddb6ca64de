import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Requests of one connection that wait for the answers before theirs. Clients that send ahead send some; a client that
 * sends more than this reads nothing, and is cut before its requests fill the memory.
 */
const WAITING_MAX = 256;

interface Turn {
  readonly request: IncomingMessage;
  readonly start: () => void;
}

interface Line {
  current: IncomingMessage | null;
  readonly waiting: Turn[];
  /** Writes the last answer, when the answers to all whole requests are given. */
  lastWord: (() => void) | null;
}

/** The order of the requests on each connection. */
export interface ConnectionTurns {
  /** Starts a request when the client has taken the answer before it, or its connection is gone. */
  readonly take: (request: IncomingMessage, response: ServerResponse, start: () => void) => void;
  /** Writes the last answer of a connection after the answers to all requests that have arrived whole. */
  readonly end: (socket: Duplex, lastWord: () => void) => void;
}

/**
 * Handles one request of a connection at a time. Several at once would only wait for each other's answers, which must
 * leave in order; and if a client sends hundreds and reads no answer, the answers would fill the memory.
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
      // The last request may be cut off in its body; then the last answer is its answer.
      const isLastWhole = line.waiting.at(-1)?.request.complete ?? true;
      if (!isLastWhole) line.waiting.pop();
      const isCurrentWhole = line.current?.complete === true;
      if (isCurrentWhole || line.waiting.length > 0) line.lastWord = lastWord;
      else lastWord();
    },
  };
}
