import { connect } from 'node:net';
import { once } from 'node:events';
import { LOOPBACK } from '../../src/dev/processes/ports.ts';

/** A probe must tell of a frozen process soon. */
const PROBE_TIMEOUT_MS = 2_000;

/** Null when the address answers 200, else what was wrong. */
export async function probeHttp(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok ? null : `${url} answered ${response.status}`;
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  }
}

/** Null when the port of 127.0.0.1 takes connections, else what was wrong. */
export async function probePort(port: number): Promise<string | null> {
  const socket = connect(port, LOOPBACK);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return null;
  } catch (error) {
    return String(error);
  } finally {
    socket.destroy();
  }
}
