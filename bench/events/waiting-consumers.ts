import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import { untilListening } from '../../src/dev/processes/readiness.ts';
import { createCleanup, type Cleanup } from '../cleanup.ts';
import { startNode, type Environment } from '../environment.ts';
import { setEventStage } from './bench-stage.ts';
import { isSound, judgeLog } from './log-reader.ts';
import { readEventBenchOptions } from './options.ts';
import { alignColumns } from '../report.ts';
import { drainBacklog, type WorkersResult } from './workers-phase.ts';

/** How fast a backlog is processed whose handler waits for somebody else's server. */
export interface WaitingConsumersResult extends WorkersResult {
  readonly partitions: number;
  readonly receiverLatencyMs: number;
  /** Whether every event was processed once and in the order of its key. */
  readonly isSound: boolean;
}

/** What is compared: partitions under one worker, then workers under the largest number of partitions. */
const CASES = [
  { partitions: 2, workers: 1 },
  { partitions: 4, workers: 1 },
  { partitions: 8, workers: 1 },
  { partitions: 8, workers: 2 },
  { partitions: 8, workers: 4 },
] as const;

const RECEIVER_LATENCY_MS = 200;

/** A partition runs 16 effects at a time, so this is a backlog of 18 s. */
const EVENTS_PER_PARTITION = 1_440;

/** Events in one request. */
const BATCH = 480;

/** Measures every case on a stage of its own, because the partitions of a log cannot be changed. */
export async function compareWaitingConsumers(
  environment: Environment,
  outer: Cleanup,
  log: (line: string) => void,
): Promise<WaitingConsumersResult[]> {
  const results: WaitingConsumersResult[] = [];
  for (const compared of CASES) {
    const cleanup = createCleanup();
    await outer.add(() => cleanup.run());
    try {
      results.push(await measureCase(environment, compared, { cleanup, log }));
    } finally {
      await cleanup.run();
    }
  }
  return results;
}

async function measureCase(
  environment: Environment,
  { partitions, workers }: (typeof CASES)[number],
  { cleanup, log }: { readonly cleanup: Cleanup; readonly log: (line: string) => void },
): Promise<WaitingConsumersResult> {
  log(`events whose handler waits: ${partitions} partitions, ${workers} workers`);
  const receiverPort = await findFreePort();
  const args = ['bench/events/slow-receiver.ts', String(receiverPort), String(RECEIVER_LATENCY_MS)];
  await startNode({ name: `receiver-${receiverPort}`, args, env: {}, folder: environment.folder, cleanup });
  await untilListening(receiverPort, AbortSignal.timeout(30_000));
  const settings = [`EVENT_PARTITIONS=${partitions}`, `HIGH_VALUE_ALERT_URL=http://${LOOPBACK}:${receiverPort}`];
  const options = readEventBenchOptions(settings.flatMap((setting) => ['--env', setting]));
  if (options === null) throw new TypeError('the options of the stage ask for help');
  const name = `waiting-${partitions}-${workers}`;
  const bench = await setEventStage(environment, { name, options, log }, cleanup);
  const api = await bench.programs.startApi();
  const events = partitions * EVENTS_PER_PARTITION;
  const startedAt = Date.now();
  await postPurchases(api.url, bench.token, events);
  const load = { startedAt, endedAt: Date.now() };
  const result = await drainBacklog(bench, { workers, events, load });
  const verdict = await judgeLog(bench.app);
  await api.stop();
  // Results are stored by the batch, and a partition has few of them here: from the first to the last one would miss one.
  const processedPerSecond = events / result.drainSeconds;
  return {
    ...result,
    processedPerSecond,
    partitions,
    receiverLatencyMs: RECEIVER_LATENCY_MS,
    isSound: isSound(verdict),
  };
}

/** Posts purchases that must be alerted, each of another user. */
async function postPurchases(url: string, token: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += BATCH) {
    const events = Array.from({ length: Math.min(BATCH, count - sent) }, (_, index) => ({
      type: 'purchase',
      userId: `user-${sent + index}`,
      properties: { amount: 5_000 },
    }));
    const answer = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ events }),
    });
    if (answer.status !== 202) throw new Error(`POST /v1/events answered ${answer.status}: ${await answer.text()}`);
  }
}

/** The results as a table for the terminal. */
export function consumersTable(results: readonly WaitingConsumersResult[]): string {
  const rows = results.map(({ partitions, workers, processedPerSecond, shares, loadAverage, isSound: sound }) => [
    String(partitions),
    String(workers),
    processedPerSecond.toFixed(0),
    shares.join(' + '),
    loadAverage.toFixed(1),
    sound ? 'sound' : 'NOT SOUND',
  ]);
  return alignColumns([['partitions', 'workers', 'events/s', 'partitions of each', 'load', 'log'], ...rows]);
}
