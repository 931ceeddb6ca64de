import { once } from 'node:events';
import { createServer } from 'node:net';

/** Everything that this folder starts listens only here. */
export const LOOPBACK = '127.0.0.1';

/** A port that is about to be used, with the variable that moves it. */
export interface PortClaim {
  readonly port: number;
  /** Environment variable that chooses another port, for example `POSTGRES_PORT`. */
  readonly variable: string;
  /** The listener's name for the person: `PostgreSQL`. */
  readonly purpose: string;
}

/** One or more ports are in use by other programs; the message names each with its variable. */
export class PortsTakenError extends Error {
  readonly taken: readonly PortClaim[];

  constructor(taken: readonly PortClaim[]) {
    const lines = taken.map(({ port, variable, purpose }) => `  ${port} (${purpose}): choose another with ${variable}`);
    super(`already in use on ${LOOPBACK}:\n${lines.join('\n')}`);
    this.name = 'PortsTakenError';
    this.taken = taken;
  }
}

/** Two of our own settings have the same port. */
export class PortsCollideError extends Error {
  constructor(first: PortClaim, second: PortClaim) {
    super(`${first.variable} and ${second.variable} are both ${first.port}: give one of them another port`);
    this.name = 'PortsCollideError';
  }
}

/** Whether a server could listen on this port of 127.0.0.1 right now. */
export async function portIsFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: LOOPBACK, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    await closed(server);
  }
}

/** A port that was free a moment ago, for tests and experiments, which must not touch a running system. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen({ port: 0, host: LOOPBACK, exclusive: true });
  await once(server, 'listening');
  const address = server.address();
  await closed(server);
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

/**
 * Checks all ports before anything is started, so that the person sees every conflict at once.
 * @throws {PortsTakenError} naming each taken port and its variable.
 * @throws {PortsCollideError} when two claims name one port.
 */
export async function assertPortsFree(claims: readonly PortClaim[]): Promise<void> {
  const claimed = new Map<number, PortClaim>();
  for (const claim of claims) {
    const other = claimed.get(claim.port);
    if (other !== undefined) throw new PortsCollideError(other, claim);
    claimed.set(claim.port, claim);
  }
  const free = await Promise.all(claims.map(({ port }) => portIsFree(port)));
  const taken = claims.filter((_, index) => free[index] === false);
  if (taken.length > 0) throw new PortsTakenError(taken);
}

function closed(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
