import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { Cleanup } from '../cleanup.ts';
import { startEnvironment } from '../environment.ts';
import { alignColumns, describeRun } from '../report.ts';
import { sampleEvery } from '../sampling.ts';
import { writeJson } from '../write-report.ts';
import type { LoadTestOptions } from './options.ts';
import { measureCapacity } from './overload-phases.ts';
import { findingsOf, tokenOf, watch, withScene, type Scene } from './scene.ts';
import { atLeast, atMost, targetRows, type Target } from './targets.ts';
import { sendUsers, type UsersPlan, type UsersReport } from './users-traffic.ts';

/** The share of the capacity that the users' orders take. */
const SHARE = 0.6;

/** Connections that are held, and how many of them are long polls: as many as one tenant may have in one process. */
const HELD = { idle: 4_000, polls: 1_000 } as const;

/** It has the seeded catalog, too. */
const POLLING_TENANT = 'acme';

/** Users who order beside the connections that are held. */
const ORDERING_USERS = 500;

/** The promise of the API to users: an order is accepted within this time, p95. */
const ACCEPT_P95_MS = 100;

/** A request in a thousand may fail. */
const ERROR_SHARE = 0.001;

const CAPACITY_SECONDS_MAX = 30;

/** Descriptors of a process, and its memory, at most. */
interface Held {
  readonly descriptors: number;
  readonly pssMiB: number;
}

interface UsersResult extends UsersReport, Held {
  readonly users: number;
  readonly polls: number;
  readonly idle: number;
  readonly cpuMsPerSecond: Readonly<Record<string, number>>;
}

/** Users with think time, then connections that are held; resolves with whether every target was met. */
export async function runUsers(
  { seconds, users, env, out }: LoadTestOptions,
  cleanup: Cleanup,
  log: (line: string) => void,
): Promise<boolean> {
  const environment = await startEnvironment(cleanup, log);
  const scene = { name: 'users', env, log, outer: cleanup };
  const { perSecond, results, findings } = await withScene(environment, scene, async (running) => {
    await measureCapacity(running, 'orders', Math.min(CAPACITY_SECONDS_MAX, seconds));
    const capacity = await measureCapacity(running, 'orders', Math.min(CAPACITY_SECONDS_MAX, seconds));
    log(`capacity: ${capacity.perSecond.toFixed(1)} orders/s`);
    const ordersPerSecond = capacity.perSecond * SHARE;
    const taken: UsersResult[] = [];
    const run = async (one: Pick<UsersPlan, 'users' | 'polls' | 'idle'>): Promise<void> => {
      const result = await act(running, { ...one, ordersPerSecond, seconds });
      taken.push(result);
      log(resultLine(result));
    };
    for (const count of users) await run({ users: count, polls: 0, idle: 0 });
    // The audit comes before the order that the long polls wait for, because that one stays in motion.
    const audited = await findingsOf(running);
    await run({ users: ORDERING_USERS, ...HELD });
    return { perSecond: capacity.perSecond, results: taken, findings: audited };
  });
  const targets = [
    ...results.flatMap((result) => targetsOf(result, { seconds, ordersPerSecond: perSecond * SHARE })),
    atMost('findings of the audit', findings.length, [0, 'findings']),
  ];
  const about = { seconds, ...(await describeRun(environment)) };
  const report = { job: 'users', ...about, capacityPerSecond: perSecond, results, findings, targets };
  await writeJson(report, out);
  const rows = targetRows('users', targets);
  process.stdout.write(`\n${alignColumns([['part', 'target', 'measured', 'limit', 'verdict'], ...rows])}\n`);
  return targets.every(({ met }) => met);
}

async function act(scene: Scene, plan: Omit<UsersPlan, 'url' | 'token' | 'polled'>): Promise<UsersResult> {
  const { server, stage, cleanup } = scene;
  const polled = plan.polls === 0 ? null : await postUnrestingOrder(scene);
  const descriptors = sampleEvery(1_000, async () => ({ open: (await readdir(`/proc/${server.pid}/fd`)).length }));
  const place = { folder: stage.folder, cleanup };
  const [report, { cpuMsPerSecond, samples }] = await watch(scene, () =>
    sendUsers(place, { ...plan, polled, url: server.url, token: stage.token }),
  );
  if (polled === null) await scene.settle();
  return {
    ...report,
    users: plan.users,
    polls: plan.polls,
    idle: plan.idle,
    cpuMsPerSecond,
    descriptors: Math.max(0, ...descriptors.stop().map(({ open }) => open)),
    pssMiB: Math.max(0, ...samples.map(({ pssMiB }) => pssMiB)),
  };
}

/** An order that stays in motion: its provider does not answer. */
async function postUnrestingOrder({ server, stage }: Scene): Promise<NonNullable<UsersPlan['polled']>> {
  const token = await tokenOf(stage, POLLING_TENANT);
  const response = await fetch(`${server.url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify({
      customer: { id: 'poller' },
      currency: 'EUR',
      lines: [{ sku: 'SKU-0002', quantity: 1 }],
      payment: { method: 'pm_down' },
    }),
  });
  return { orderId: ((await response.json()) as { readonly id: string }).id, token };
}

function nameOf({ users, polls, idle }: Pick<UsersResult, 'users' | 'polls' | 'idle'>): string {
  return polls + idle === 0 ? `${users} users` : `${polls + idle} connections held`;
}

function targetsOf(
  result: UsersResult,
  { seconds, ordersPerSecond }: { readonly seconds: number; readonly ordersPerSecond: number },
): Target[] {
  const what = (text: string): string => `${nameOf(result)}: ${text}`;
  const errors = Object.values(result.errors).reduce((sum, count) => sum + count, 0);
  const held = result.polls + result.idle;
  return [
    atMost(what('accept p95'), result.accept.p95, [ACCEPT_P95_MS, 'ms']),
    atMost(what('errors, share of the orders'), errors / Math.max(1, result.orders), [ERROR_SHARE, '']),
    atLeast(what('orders, share of what the users wanted'), result.orders / (ordersPerSecond * seconds), [0.9, '']),
    ...(held === 0 ? [] : [atLeast(what('descriptors of the server'), result.descriptors, [held, ''])]),
    ...(held === 0 ? [] : [atLeast(what('long polls held to their end'), result.pollsHeld, [result.polls, ''])]),
  ];
}

function resultLine(result: UsersResult): string {
  const { orders, accept, endToEnd, errors, descriptors, pssMiB, cores, pollsHeld } = result;
  const p95 = `p95 accept ${accept.p95.toFixed(0)} ms, end to end ${endToEnd.p95.toFixed(0)} ms`;
  const size = `${descriptors} descriptors, ${pssMiB.toFixed(0)} MiB, users ${cores.toFixed(2)} cores`;
  return `${nameOf(result)}: ${orders} orders, ${p95}, ${pollsHeld} long polls, ${size}, errors ${JSON.stringify(errors)}`;
}
