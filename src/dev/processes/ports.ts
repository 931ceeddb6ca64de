import { randomInt } from 'node:crypto';
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

/**
 * The ports that this function hands out lie below the range that systems use for outgoing connections (32768 and up on
 * Linux), so that no connection takes one between the answer and its use.
 */
const LOWEST_PORT = 20_000;
const PORTS_PER_SHARE = 150;
/** Each process hands out ports of one share, so that two test processes seldom choose from the same ones. */
const SHARES = 80;

const firstPortOfShare = LOWEST_PORT + (process.pid % SHARES) * PORTS_PER_SHARE;
let portsHandedOut = randomInt(PORTS_PER_SHARE);

/**
 * A port that is free now and that this process has not handed out lately, for tests and experiments, which must not
 * touch a running system. It stays free until it is used, even when a killed service comes back to it.
 */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < PORTS_PER_SHARE; tries += 1) {
    const port = firstPortOfShare + (portsHandedOut % PORTS_PER_SHARE);
    portsHandedOut += 1;
    if (await portIsFree(port)) return port;
  }
  throw new Error(`no free port from ${firstPortOfShare} to ${firstPortOfShare + PORTS_PER_SHARE - 1}`);
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
