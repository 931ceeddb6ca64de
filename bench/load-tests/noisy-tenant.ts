import { setTimeout as sleep } from 'node:timers/promises';
import { confirmationTimes, latencyOf, type Latency } from '../measure.ts';
import type { Scene } from './scene.ts';
import { segmentOf, type RateSegment, type TrafficReport } from './traffic.ts';

/** The catalog is seeded for both. */
const QUIET = 'demo';
const NOISY = 'acme';

/** What the quiet tenant saw beside a neighbor. */
export interface QuietSeen {
  readonly neighborPostsPerSecond: number;
  readonly neighborAccepted: number;
  readonly neighborRefused: number;
  readonly posts: number;
  readonly refused: number;
  readonly accept: Latency;
  readonly endToEnd: Latency;
}

/** Rates in posts per second. */
export interface NeighborSpec {
  readonly quietPerSecond: number;
  readonly noisyPerSecond: number;
  readonly seconds: number;
}

/** The quiet tenant begins when the neighbor has spent the points that it had saved up, and these orders are done. */
const HEAD_START_MS = 6_000;

/** Sends orders of both tenants, each from a process of its own. */
export async function besideNeighbor(
  scene: Scene,
  { quietPerSecond, noisyPerSecond, seconds }: NeighborSpec,
): Promise<QuietSeen> {
  const send = (tenant: string, postsPerSecond: number, sendSeconds: number): Promise<TrafficReport> => {
    const segments: RateSegment[] = [{ name: tenant, postsPerSecond, seconds: sendSeconds }];
    return scene.send({ tenant, what: 'orders', connections: 512, pace: { kind: 'open', segments } });
  };
  const noisy = send(NOISY, noisyPerSecond, seconds + HEAD_START_MS / 1_000);
  await sleep(HEAD_START_MS);
  const [ofQuiet, ofNoisy] = await Promise.all([send(QUIET, quietPerSecond, seconds), noisy]);
  await scene.settle();
  const [quiet, neighbor] = [segmentOf(ofQuiet, QUIET), segmentOf(ofNoisy, NOISY)];
  const confirmedAt = await confirmationTimes(scene.app);
  const endToEndMs = quiet.posted.map(
    ([dueAt, , id]) => (confirmedAt.get(id ?? '') ?? Number.POSITIVE_INFINITY) - dueAt,
  );
  if (endToEndMs.some((ms) => !Number.isFinite(ms)))
    throw new Error('an accepted order of the quiet tenant has no end');
  return {
    neighborPostsPerSecond: noisyPerSecond,
    neighborAccepted: neighbor.accepted,
    neighborRefused: neighbor.posts - neighbor.posted.length,
    posts: quiet.posts,
    refused: quiet.posts - quiet.posted.length,
    accept: quiet.accept,
    endToEnd: latencyOf(endToEndMs),
  };
}
