import { once } from 'node:events';
import { createServer } from 'node:net';
import { joinAddress } from '../../runtime/local-address.ts';

/** Everything this folder starts listens here, unless a setting names another address. */
export const LOOPBACK = '127.0.0.1';

/** A port that is about to be used, with the variable that moves it. */
export interface PortClaim {
  readonly port: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** The environment variable that chooses another host, if there is one. */
  readonly hostVariable?: string;
  /** Environment variable that chooses another port, for example `POSTGRES_PORT`. */
  readonly variable: string;
  /** The listener's name for the person: `PostgreSQL`. */
  readonly purpose: string;
}

/** A claim whose port cannot be used, with the system's code for the reason: `EADDRINUSE`. */
type Refusal = PortClaim & { readonly code: string };

/** One or more ports cannot be used; the message names each with its reason and its variable. */
export class PortsUnusableError extends Error {
  constructor(refusals: readonly Refusal[]) {
    const lines = refusals.map((refusal) => {
      const { host = LOOPBACK, port, purpose } = refusal;
      return `  ${joinAddress(host, port)} (${purpose}): ${adviceOn(refusal)}`;
    });
    super(`cannot listen on\n${lines.join('\n')}`);
    this.name = 'PortsUnusableError';
  }
}

function adviceOn({ code, variable, hostVariable = variable }: Refusal): string {
  if (code === 'EADDRINUSE') return `already in use, choose another port with ${variable}`;
  if (code === 'EACCES') return `not allowed for this user, choose another port with ${variable}`;
  return `this machine has no such address (${code}), choose one with ${hostVariable}`;
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
  return (await tryListening(LOOPBACK, port)) === null;
}

/** Null when a server could listen there right now, else the system's code for the reason. */
async function tryListening(host: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
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
 * @throws {PortsUnusableError} naming each port that cannot be listened on, why, and its variable.
 * @throws {PortsCollideError} when two claims name one port.
 */
export async function assertPortsUsable(claims: readonly PortClaim[]): Promise<void> {
  const claimed = new Map<number, PortClaim>();
  for (const claim of claims) {
    const other = claimed.get(claim.port);
    if (other !== undefined) throw new PortsCollideError(other, claim);
    claimed.set(claim.port, claim);
  }
  const codes = await Promise.all(claims.map(({ host = LOOPBACK, port }) => tryListening(host, port)));
  const refusals = claims.flatMap((claim, index) => {
    const code = codes[index] ?? null;
    return code === null ? [] : [{ ...claim, code }];
  });
  if (refusals.length > 0) throw new PortsUnusableError(refusals);
}

function closed(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
