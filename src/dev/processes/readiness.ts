import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOPBACK } from './ports.ts';

/** Connections, worker and first readiness check take 2-3 s; the limit leaves time for a busy machine. */
const READY_TIMEOUT_MS = 60_000;

const POLL_MS = 100;

/** Limit of one request; a process that has just begun to listen may answer late. */
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Resolves when the address answers 200.
 * @throws {Error} with the last answer after 60 s, and the signal's reason when it is aborted.
 */
export async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask(url);
    if (answer === null) return;
    if (Date.now() > deadline) {
      throw new Error(`${url} is not ready after ${READY_TIMEOUT_MS / 1000} s; last answer: ${answer}`);
    }
    await sleep(POLL_MS);
  }
}

/**
 * Resolves when the port of the host accepts connections.
 * @throws the signal's reason when it is aborted.
 */
export async function untilListening(port: number, signal: AbortSignal, host = LOOPBACK): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await accepts(host, port))) {
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${READY_TIMEOUT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** `null` when ready, else what was wrong. */
async function ask(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const body = await response.text();
    return response.status === 200 ? null : `${response.status} ${body.slice(0, 500)}`;
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  }
}
