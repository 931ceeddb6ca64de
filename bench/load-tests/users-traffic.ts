import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logTail } from '../../src/dev/processes/process-log.ts';
import { describeExit } from '../../src/dev/processes/processes.ts';
import { startNode } from '../environment.ts';
import type { Latency } from '../measure.ts';
import type { TrafficPlace } from './traffic.ts';

/** Users with a connection each, in one process. */
export interface UsersPlan {
  readonly url: string;
  readonly token: string;
  /** Users who order, wait for their order to come to rest, and think. */
  readonly users: number;
  readonly ordersPerSecond: number;
  /** Connections that wait for an order that does not come to rest, one long poll after another. */
  readonly polls: number;
  /** The order, and the token of its tenant: another one, because a tenant has places for 1,000 waits. */
  readonly polled: { readonly orderId: string; readonly token: string } | null;
  /** Connections that are only kept open. */
  readonly idle: number;
  readonly seconds: number;
}

/** What the users saw. */
export interface UsersReport {
  readonly orders: number;
  readonly accept: Latency;
  /** From the post until the user has read the order at rest. */
  readonly endToEnd: Latency;
  /** Long polls that were answered as late as they asked for. */
  readonly pollsHeld: number;
  /** Everything that is not the expected answer, by answer. */
  readonly errors: Readonly<Record<string, number>>;
  /** CPU cores of the process. */
  readonly cores: number;
}

/** The plan of a process of users, and the file for its results. */
export interface UsersSpec {
  readonly plan: UsersPlan;
  readonly resultFile: string;
}

/** Lets users act in a process of their own. */
export async function sendUsers({ folder, cleanup }: TrafficPlace, plan: UsersPlan): Promise<UsersReport> {
  const name = `users-${randomUUID().slice(0, 8)}`;
  const resultFile = join(folder, `${name}.json`);
  const spec: UsersSpec = { plan, resultFile };
  const args = ['bench/load-tests/users-generator.ts'];
  const process = await startNode({ name, args, env: { USERS_SPEC: JSON.stringify(spec) }, folder, cleanup });
  const status = await process.exited;
  if (status.code !== 0) throw new Error(`the users failed (${describeExit(status)}):\n${logTail(process.logFile)}`);
  return JSON.parse(await readFile(resultFile, 'utf8')) as UsersReport;
}
