import { randomUUID } from 'node:crypto';
import type { Cleanup } from '../cleanup.ts';
import { startEnvironment } from '../environment.ts';
import { confirmationTimes, latencyOf, type Latency } from '../measure.ts';
import { alignColumns, describeRun } from '../report.ts';
import { writeJson } from '../write-report.ts';
import type { LoadTestOptions } from './options.ts';
import { HOT_SKU } from './posts.ts';
import { medianOf } from '../median.ts';
import { findingsOf, withScene, type Scene } from './scene.ts';
import { atLeast, atMost, targetRows } from './targets.ts';
import { segmentOf, type TrafficPlan } from './traffic.ts';

/** Clients that order again as soon as they are answered. */
const CLIENTS = 64;

/** One SKU for all of them should not cost more than two thirds of the speed. */
const SHARE = 1 / 3;

const WARM_UP_SECONDS_MAX = 10;

type Case = Extract<TrafficPlan['what'], 'orders' | 'orders-of-one-sku'>;

interface CaseResult {
  readonly ordersPerSecond: number;
  readonly accept: Latency;
  readonly endToEnd: Latency;
  readonly refusals: number;
}

/** Orders of one SKU against orders of 1,000 SKUs, in turn; resolves with whether every target was met. */
export async function runHotSku(
  { seconds, rounds, env, out }: LoadTestOptions,
  cleanup: Cleanup,
  log: (line: string) => void,
): Promise<boolean> {
  const environment = await startEnvironment(cleanup, log);
  const scene = { name: 'hot-sku', env, log, outer: cleanup };
  const { results, stock, findings } = await withScene(environment, scene, async (running) => {
    await order(running, 'orders', Math.min(WARM_UP_SECONDS_MAX, seconds));
    const taken: { readonly spread: CaseResult; readonly hot: CaseResult }[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      // The cases take turns at being first, because the machine's speed changes.
      const [first, second] =
        round % 2 === 1 ? (['orders', 'orders-of-one-sku'] as const) : (['orders-of-one-sku', 'orders'] as const);
      const measured = new Map([[first, await order(running, first, seconds)]]);
      measured.set(second, await order(running, second, seconds));
      const pair = { spread: measured.get('orders') ?? missing(), hot: measured.get('orders-of-one-sku') ?? missing() };
      taken.push(pair);
      log(
        `round ${round}: spread ${pair.spread.ordersPerSecond.toFixed(1)}, one SKU ${pair.hot.ordersPerSecond.toFixed(1)} orders/s`,
      );
    }
    const audited = await findingsOf(running);
    return { results: taken, findings: audited, stock: await sellOut(running) };
  });
  const share = medianOf(results.map(({ spread, hot }) => hot.ordersPerSecond / spread.ordersPerSecond)) ?? 0;
  const targets = [
    atLeast('orders/s of one SKU, share of the spread case', share, [SHARE, '']),
    atMost('pieces sold beyond the stock', stock.oversold, [0, 'pieces']),
    atLeast('pieces sold of the last ones', stock.sold, [stock.onHand, 'pieces']),
    atMost('findings of the audit', findings.length, [0, 'findings']),
  ];
  const about = { seconds, ...(await describeRun(environment)) };
  const report = { job: 'hot-sku', ...about, share, results, stock, findings, targets };
  await writeJson(report, out);
  const rows = targetRows('hot-sku', targets);
  process.stdout.write(`\n${alignColumns([['part', 'target', 'measured', 'limit', 'verdict'], ...rows])}\n`);
  return targets.every(({ met }) => met);
}

function missing(): never {
  throw new RangeError('a case was not measured');
}

async function order(scene: Scene, what: Case, seconds: number): Promise<CaseResult> {
  const report = await scene.send({ what, connections: CLIENTS, pace: { kind: 'closed', seconds } });
  await scene.settle();
  const segment = segmentOf(report, 'closed');
  const confirmedAt = await confirmationTimes(scene.app);
  const ends = segment.posted.map(([dueAt, , id]) => ({ dueAt, end: confirmedAt.get(id ?? '') ?? Number.NaN }));
  const lastAt = ends.reduce((last, { end }) => Math.max(last, end), segment.startedAt);
  return {
    ordersPerSecond: (segment.accepted / (lastAt - segment.startedAt)) * 1_000,
    accept: segment.accept,
    endToEnd: latencyOf(ends.map(({ dueAt, end }) => end - dueAt)),
    refusals: segment.posts - segment.posted.length,
  };
}

/** The last pieces of the hot SKU: fewer than its clients order. */
const LAST_PIECES = 100;
const LAST_SECONDS = 10;

/** What became of the last pieces. */
interface SoldOut {
  readonly onHand: number;
  readonly sold: number;
  readonly oversold: number;
  readonly rejected: number;
}

/** Leaves the hot SKU its last pieces and sells on: the other orders must be rejected. */
async function sellOut(scene: Scene): Promise<SoldOut> {
  const { available } = await readStock(scene);
  await adjust(scene, LAST_PIECES - available);
  const before = await readStock(scene);
  await order(scene, 'orders-of-one-sku', LAST_SECONDS);
  const after = await readStock(scene);
  const { rows } = await scene.app.pool.query<{ rejected: number }>(REJECTED);
  const sold = before.onHand - after.onHand;
  const oversold = Math.max(0, sold - before.available);
  return { onHand: before.available, sold, oversold, rejected: rows[0]?.rejected ?? 0 };
}

const REJECTED = "SELECT count(*)::integer AS rejected FROM orders.orders WHERE status = 'REJECTED'";

interface Stock {
  readonly onHand: number;
  readonly available: number;
}

async function readStock({ server, stage }: Scene): Promise<Stock> {
  const headers = { authorization: `Bearer ${stage.token}` };
  const answer = await fetch(`${server.url}/v1/stock/${HOT_SKU}`, { headers });
  return (await answer.json()) as Stock;
}

async function adjust({ server, stage }: Scene, delta: number): Promise<void> {
  const answer = await fetch(`${server.url}/v1/stock/${HOT_SKU}/adjustments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stage.token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify({ delta, reason: 'the last pieces' }),
  });
  if (!answer.ok) throw new Error(`the stock was not adjusted: ${answer.status} ${await answer.text()}`);
}
