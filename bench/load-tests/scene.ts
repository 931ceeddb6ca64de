import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type { Database } from '../../db/client.ts';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { signDevToken, TOKEN_AUDIENCE, TOKEN_ISSUER } from '../../src/dev/dev-token.ts';
import { readTaskQueue } from '../../src/temporal/task-queues.ts';
import { createCleanup, type Cleanup } from '../cleanup.ts';
import {
  administer,
  openDatabase,
  setStage,
  type CountedProcess,
  type Environment,
  type Stage,
} from '../environment.ts';
import { cpuMs, difference, pssMiB } from '../measure.ts';
import { sampleEvery, type Sample } from '../sampling.ts';
import { createPrograms, type Program } from '../systems/programs.ts';
import { judge } from '../verdict.ts';
import { sendTraffic, type TrafficPlan, type TrafficReport } from './traffic.ts';

/** The service under load: API and worker in one process, on a stage of its own. */
export interface Scene {
  readonly environment: Environment;
  readonly stage: Stage;
  readonly app: Database;
  readonly server: Program & { readonly url: string };
  readonly cleanup: Cleanup;
  readonly log: (line: string) => void;
  /** Sends from a process of its own. */
  send(plan: Omit<TrafficPlan, 'url' | 'token'> & { readonly tenant?: string }): Promise<TrafficReport>;
  /** Resolves when all work has ended and what was written is on the disk. */
  settle(): Promise<void>;
}

/** The tenant that owns the seeded catalog. */
const TENANT = 'demo';

/** How a scene is set. */
export interface SceneOptions {
  readonly name: string;
  /** Variables of the service beside its addresses. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
}

/** Sets a scene, plays it, and removes it again. */
export async function withScene<Result>(
  environment: Environment,
  { outer, ...options }: SceneOptions & { readonly outer: Cleanup },
  play: (scene: Scene) => Promise<Result>,
): Promise<Result> {
  const cleanup = createCleanup();
  await outer.add(() => cleanup.run());
  try {
    return await play(await setScene(environment, options, cleanup));
  } finally {
    await cleanup.run();
  }
}

async function setScene(environment: Environment, { name, env, log }: SceneOptions, cleanup: Cleanup): Promise<Scene> {
  const stage = await setStage(environment, { name }, cleanup);
  const app = openDatabase(stage.databaseUrl);
  await cleanup.add(() => app.close());
  const options = { env: { WORKFLOW_SANDBOX: 'lean', ...env }, profileFolder: null };
  let accepted = 0;
  // The client has no interceptors, because one of them would repeat a call after the connection was closed.
  const connection = await Connection.connect({ address: stage.temporalAddress, interceptors: [] });
  await cleanup.add(() => connection.close());
  const readWaiting = async (): Promise<number> =>
    (await readTaskQueue(connection, stage.namespace, { taskQueue: 'orders' })).tasks;
  const server = await createPrograms(stage, options, cleanup).startCombined();
  return {
    environment,
    stage,
    app,
    server,
    cleanup,
    log,
    send: async ({ tenant = TENANT, ...plan }) => {
      const token = await tokenOf(stage, tenant);
      const report = await sendTraffic({ folder: stage.folder, cleanup }, { ...plan, url: server.url, token });
      if (plan.what !== 'events') accepted += report.segments.reduce((sum, segment) => sum + segment.accepted, 0);
      return report;
    },
    settle: async () => {
      await untilAtRest({ app, readWaiting }, accepted);
      await administer(environment.admin, 'CHECKPOINT');
    },
  };
}

/** A token of a tenant with all scopes. */
export function tokenOf({ jwtSecret }: Stage, tenant: string): Promise<string> {
  return signDevToken({
    secret: jwtSecret,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    tenant,
    scopes: SCOPES,
    ttlSeconds: 24 * 3_600,
  });
}

/** Orders that are not at rest, messages that are not sent, and events that are not processed. */
interface InFlight {
  readonly orders: number;
  readonly messages: number;
  readonly events: number;
}

/** Work that is under way, and the orders that have come to rest. */
interface Progress extends InFlight {
  readonly ended: number;
}

/** Reads how much work is under way. */
async function readProgress(app: Database): Promise<Progress> {
  const { rows } = await app.pool.query<Progress>(IN_FLIGHT);
  return rows[0] ?? { orders: 0, messages: 0, events: 0, ended: 0 };
}

const IN_FLIGHT = `
SELECT (SELECT count(*)::integer FROM orders.orders WHERE status IN ('PENDING', 'CANCELLING', 'REFUNDING')) AS orders,
  (SELECT count(*)::integer FROM orders.orders WHERE status IN ('CONFIRMED', 'REJECTED')) AS ended,
  (SELECT count(*)::integer FROM notifications.messages WHERE state <> 'SENT') AS messages,
  ((SELECT coalesce(sum(next_sequence - 1), 0)::bigint FROM events.partitions)
    - (SELECT coalesce(sum(sequence), 0)::bigint FROM events.cursors WHERE consumer = 'analytics'))::integer AS events`;

/** One look costs the database a millisecond. */
const REST_POLL_MS = 200;

/** After this time something has stopped. */
const REST_LIMIT_MS = 180_000;

/** How long nothing may be under way until everything counts as ended: an order's messages follow it. */
const REST_MS = 1_500;

/** An order has no row until a worker begins it. It may have been accepted although its post got no answer. */
async function untilAtRest(
  { app, readWaiting }: { readonly app: Database; readonly readWaiting: () => Promise<number> },
  accepted: number,
): Promise<void> {
  const startedAt = performance.now();
  for (let restingSince = startedAt; performance.now() - restingSince < REST_MS;) {
    const { orders, messages, events, ended } = await readProgress(app);
    const isMoving = orders + messages + events > 0 || ended < accepted || (await readWaiting()) > 0;
    if (isMoving) restingSince = performance.now();
    if (performance.now() - startedAt > REST_LIMIT_MS) {
      const left = `${orders} orders, ${messages} messages, ${events} events`;
      throw new Error(`after ${REST_LIMIT_MS / 1_000} s ${left} are left; ${ended} of ${accepted} orders have ended`);
    }
    await sleep(REST_POLL_MS);
  }
}

/**
 * What the audit of all orders finds; empty when stock, books and the provider's ledger agree. An order that was refused
 * may have been started all the same: its answer said that this is unknown.
 */
export async function findingsOf({ app, stage }: Scene): Promise<readonly string[]> {
  const { rows } = await app.pool.query<{ count: number }>('SELECT count(*)::integer AS count FROM orders.orders');
  return (await judge(app, stage.simulatorUrl, rows[0]?.count ?? 0)).findings;
}

/** The state of the service at one moment of a load. */
export type LoadSample = Sample<Progress & { readonly pssMiB: number }>;

/** CPU time in milliseconds per second of the load, by process, and how the service's state went. */
export interface Watched {
  readonly cpuMsPerSecond: Readonly<Record<string, number>>;
  readonly samples: readonly LoadSample[];
}

const SAMPLE_INTERVAL_MS = 1_000;

/** Watches the service while `work` is done. */
export async function watch<Result>(scene: Scene, work: () => Promise<Result>): Promise<[Result, Watched]> {
  const { server, stage, environment, app } = scene;
  const processes: CountedProcess[] = [
    { name: 'combined', pid: server.pid },
    ...stage.processes.temporal,
    { name: 'postgres', pid: environment.postgres.pid, withChildren: true },
    ...stage.processes.around,
  ];
  const sampling = sampleEvery(SAMPLE_INTERVAL_MS, async () => ({
    ...(await readProgress(app)),
    pssMiB: pssMiB([server])[server.name] ?? 0,
  }));
  const [before, startedAt] = [cpuMs(processes), performance.now()];
  try {
    const result = await work();
    const seconds = (performance.now() - startedAt) / 1_000;
    const used = Object.entries(difference(before, cpuMs(processes)));
    const cpuMsPerSecond = Object.fromEntries(used.map(([name, ms]) => [name, ms / seconds]));
    return [result, { cpuMsPerSecond, samples: sampling.stop() }];
  } finally {
    sampling.stop();
  }
}
