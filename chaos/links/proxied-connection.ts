import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { fateOf, holdsBack, isDoubled, type LinkMode, type Side } from './link-mode.ts';

/** Bytes that may wait inside the proxy per direction; beyond them the sender is held back, as by a full window. */
const WAITING_BYTES_MAX = 256 * 1_024;

/** One connection through a link. */
export interface ProxiedConnection {
  /** Resolves when both sides are gone. */
  readonly ended: Promise<void>;
  /** Ends both sides by a reset (RST). */
  reset(): void;
  /** Closes the server's side; the client's side stays open and is not answered. */
  loseServer(): void;
  /** Resets the client if the server was lost. */
  resetIfLost(): void;
  /** Lets bytes move that a mode has held back. */
  modeChanged(): void;
}

interface ConnectionRules {
  readonly mode: () => LinkMode;
  readonly random: Random;
  /** Sends a request to the server once more, over a connection of its own. */
  readonly sendCopy: (request: Buffer) => void;
}

/** Joins two sockets; the mode of the link is asked for every chunk. */
export function createConnection(
  { client, server }: { readonly client: Socket; readonly server: Socket },
  rules: ConnectionRules,
): ProxiedConnection {
  let isLost = false;
  const ended = Promise.withResolvers<void>();
  const reset = (): void => {
    for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy();
  };
  const toServer = createDirection({ from: client, to: server, towards: 'server' }, rules, reset);
  const toClient = createDirection({ from: server, to: client, towards: 'client' }, rules, reset);
  for (const socket of [client, server]) {
    socket.setNoDelay(true);
    socket.on('error', () => {});
  }
  const wake = (): void => {
    toServer.wake();
    toClient.wake();
  };
  client.on('close', () => {
    server.destroy();
    wake();
    ended.resolve();
  });
  // An answer that waits in a slow link still arrives after the server has closed its side in order.
  server.on('close', (hadError) => {
    if (isLost) return;
    if (hadError) reset();
    else void toClient.drained().then(() => client.destroy());
  });
  return {
    ended: ended.promise,
    reset,
    loseServer: () => {
      isLost = true;
      server.destroy();
    },
    resetIfLost: () => {
      if (isLost) reset();
    },
    modeChanged: wake,
  };
}

interface Direction {
  /** Lets bytes move that a mode has held back. */
  wake(): void;
  /** Resolves when nothing waits any more. */
  drained(): Promise<void>;
}

interface Ends {
  readonly from: Socket;
  readonly to: Socket;
  readonly towards: Side;
}

/** Carries the bytes of one direction in their order; the end of the stream is the last of them. */
function createDirection(
  { from, to, towards }: Ends,
  { mode, random, sendCopy }: ConnectionRules,
  reset: () => void,
): Direction {
  let waitingBytes = 0;
  let waiting = 0;
  let tail: Promise<void> = Promise.resolve();
  let gate = Promise.withResolvers<void>();

  const deliver = (bytes: Buffer): void => {
    if (to.destroyed) return;
    const strikes = (share: number): boolean => random.strikes(share);
    if (towards === 'server' && isDoubled(mode(), bytes, strikes)) sendCopy(bytes);
    const { pass, isReset } = fateOf(mode(), { towards, bytes }, strikes);
    const written = pass === 0 || to.write(pass === bytes.length ? bytes : bytes.subarray(0, pass));
    if (isReset) reset();
    else if (!written) holdSender(from, to);
  };
  const wait = async (dueAt: number, bytes: number): Promise<void> => {
    while (holdsBack(mode(), towards) && !to.destroyed) await gate.promise;
    const present = mode();
    if (present.kind !== 'slow') return;
    const lateMs = dueAt - performance.now();
    const rateMs = present.bytesPerSecond === undefined ? 0 : (bytes / present.bytesPerSecond) * 1_000;
    if (lateMs + rateMs > 0) await sleep(Math.max(0, lateMs) + rateMs, undefined, { ref: false });
  };
  const enqueue = (length: number, act: () => void): void => {
    const present = mode();
    const dueAt = performance.now() + (present.kind === 'slow' ? present.latencyMs : 0);
    waiting += 1;
    waitingBytes += length;
    if (waitingBytes > WAITING_BYTES_MAX) from.pause();
    tail = tail.then(async () => {
      await wait(dueAt, length);
      act();
      waiting -= 1;
      waitingBytes -= length;
      if (waitingBytes <= WAITING_BYTES_MAX && !to.writableNeedDrain) from.resume();
    });
  };
  const isOpen = (): boolean => waiting === 0 && mode().kind !== 'slow' && !holdsBack(mode(), towards);
  from.on('data', (bytes: Buffer) => {
    // The usual chunk takes the short way: no promise, no timer.
    if (isOpen()) deliver(bytes);
    else enqueue(bytes.length, () => deliver(bytes));
  });
  from.on('end', () => enqueue(0, () => void to.end()));
  return {
    wake: () => {
      gate.resolve();
      gate = Promise.withResolvers();
    },
    drained: () => tail,
  };
}

function holdSender(from: Socket, to: Socket): void {
  from.pause();
  to.once('drain', () => from.resume());
}
