import { confirmationTimes, latencyOf, type Latency } from '../measure.ts';
import { readResultTimes, readTimes } from '../events/log-reader.ts';
import { recoverySeconds, type Normal, type Served } from './recovery.ts';
import { watch, type Scene, type Watched } from './scene.ts';
import { EVENTS_PER_POST, segmentOf, type SegmentReport, type TrafficPlan, type TrafficReport } from './traffic.ts';

/** What is posted in a phase. */
export type Load = Extract<TrafficPlan['what'], 'orders' | 'events'>;

/** Clients of the closed loop: enough to keep the service busy, and so few that it refuses none. */
const CLIENTS: Readonly<Record<Load, number>> = { orders: 64, events: 16 };

/** Sockets of the open loop: posts that find none wait in the generator, and their wait counts. */
const SOCKETS = 512;

/** The share of the capacity that is normal, before and after an overload. */
const NORMAL_SHARE = 0.5;

/** How long the service is watched after an overload. */
export const AFTER_SECONDS = 20;

/** The most that the service carries when clients post as soon as they are answered. */
export interface Capacity {
  /** Orders or events. */
  readonly perSecond: number;
  readonly postsPerSecond: number;
  readonly accept: Latency;
  readonly endToEnd: Latency;
  readonly cpuMsPerSecond: Readonly<Record<string, number>>;
}

/** Measures the capacity by a closed loop. */
export async function measureCapacity(scene: Scene, what: Load, seconds: number): Promise<Capacity> {
  const pace = { kind: 'closed', seconds } as const;
  const [report, { cpuMsPerSecond }] = await watch(scene, () => scene.send({ what, connections: CLIENTS[what], pace }));
  await scene.settle();
  const segment = segmentOf(report, 'closed');
  const done = await readDone(scene, what, segment);
  const perSecond = (segment.accepted / (done.lastAt - segment.startedAt)) * 1_000;
  const postsPerSecond = what === 'events' ? perSecond / EVENTS_PER_POST : perSecond;
  return { perSecond, postsPerSecond, accept: segment.accept, endToEnd: done.endToEnd, cpuMsPerSecond };
}

/** An overload with what was normal before it, and what came after it. */
export interface OverloadResult extends Watched {
  readonly factor: number;
  readonly postsPerSecond: number;
  readonly posts: number;
  /** Orders or events. */
  readonly accepted: number;
  /** Accepted orders without a result; null for events, whose log is judged as a whole. */
  readonly lost: number | null;
  /** Accepted ones per second, until the last of them was done. */
  readonly goodputPerSecond: number;
  readonly normal: Normal;
  readonly accept: Latency;
  readonly endToEnd: Latency;
  readonly refuse: Latency | null;
  readonly refused: Readonly<Record<string, number>>;
  readonly withoutRetryAfter: number;
  readonly recoverySeconds: number;
  readonly generator: { readonly cores: number; readonly late: number; readonly skipped: number };
}

/** What an overload is made of. */
export interface OverloadSpec {
  readonly what: Load;
  readonly factor: number;
  readonly seconds: number;
  readonly capacity: Pick<Capacity, 'postsPerSecond'>;
}

/** Posts at half of the capacity, then at a multiple of it, then at half of it again. */
export async function overload(scene: Scene, spec: OverloadSpec): Promise<OverloadResult> {
  const { what, factor, seconds, capacity } = spec;
  const usual = capacity.postsPerSecond * NORMAL_SHARE;
  const postsPerSecond = capacity.postsPerSecond * factor;
  const normalSeconds = Math.min(15, seconds);
  const segments = [
    { name: 'normal', postsPerSecond: usual, seconds: normalSeconds },
    { name: 'overload', postsPerSecond, seconds },
    { name: 'after', postsPerSecond: usual, seconds: AFTER_SECONDS },
  ];
  const plan = { what, connections: SOCKETS, pace: { kind: 'open', segments } } as const;
  const startedAt = Date.now();
  const [report, watched] = await watch(scene, () => scene.send(plan));
  await scene.settle();
  const [before, during, after] = [
    segmentOf(report, 'normal'),
    segmentOf(report, 'overload'),
    segmentOf(report, 'after'),
  ];
  const done = await readDone(scene, what, during);
  const normal = await readNormal(scene, { what, segment: before, watched, startedAt });
  const overloadMs = Math.max(done.lastAt - during.startedAt, seconds * 1_000);
  const afterAt = after.startedAt;
  return {
    ...watched,
    factor,
    postsPerSecond,
    posts: during.posts,
    accepted: during.accepted,
    lost: done.count === null ? null : during.accepted - done.count,
    goodputPerSecond: (during.accepted / overloadMs) * 1_000,
    normal,
    accept: during.accept,
    endToEnd: done.endToEnd,
    refuse: during.refuse,
    refused: during.refused,
    withoutRetryAfter: during.withoutRetryAfter,
    recoverySeconds: recoverySeconds(
      normal,
      { from: afterAt, seconds: AFTER_SECONDS, served: (await readDone(scene, what, after)).served },
      watched.samples.map((sample) => ({
        second: sample.second - (afterAt - startedAt) / 1_000,
        inFlight: workOf(what, sample),
      })),
    ),
    generator: { cores: coresOf(report), late: during.late, skipped: during.skipped },
  };
}

function coresOf({ cpuMs, seconds }: TrafficReport): number {
  return cpuMs / 1_000 / seconds;
}

function workOf(what: Load, { orders, events }: { readonly orders: number; readonly events: number }): number {
  return what === 'orders' ? orders : events / EVENTS_PER_POST;
}

async function readNormal(
  scene: Scene,
  {
    what,
    segment,
    watched,
    startedAt,
  }: {
    readonly what: Load;
    readonly segment: SegmentReport;
    readonly watched: Watched;
    readonly startedAt: number;
  },
): Promise<Normal> {
  const { endToEnd } = await readDone(scene, what, segment);
  const samples = watched.samples.filter(({ second }) => startedAt + second * 1_000 <= segment.endedAt);
  return {
    accept: segment.accept,
    endToEnd,
    inFlight: Math.max(0, ...samples.map((sample) => workOf(what, sample))),
  };
}

/** What became of the accepted posts of a segment. */
interface Done {
  /** Orders with a result; null for events. */
  readonly count: number | null;
  /** Milliseconds since the epoch. */
  readonly lastAt: number;
  readonly endToEnd: Latency;
  readonly served: readonly Served[];
}

function readDone(scene: Scene, what: Load, segment: SegmentReport): Promise<Done> {
  return what === 'orders' ? readOrdersDone(scene, segment) : readEventsDone(scene, segment);
}

async function readOrdersDone({ app }: Scene, { posted, endedAt }: SegmentReport): Promise<Done> {
  const confirmedAt = await confirmationTimes(app);
  const served = posted.flatMap(([dueAt, acceptMs, orderId]) => {
    const end = confirmedAt.get(orderId ?? '');
    return end === undefined ? [] : [{ dueAt, acceptMs, endToEndMs: end - dueAt }];
  });
  return {
    count: served.length,
    lastAt: served.reduce((last, { dueAt, endToEndMs }) => Math.max(last, dueAt + endToEndMs), endedAt),
    endToEnd: latencyOf(served.map(({ endToEndMs }) => endToEndMs)),
    served,
  };
}

/** The log is judged as a whole when the load is over, so that an event at the edge of a segment is not missed. */
async function readEventsDone({ app }: Scene, { posted, startedAt, endedAt }: SegmentReport): Promise<Done> {
  const times = await readTimes(app, startedAt, endedAt);
  const bySecond = await readResultTimes(app, startedAt, endedAt);
  return {
    count: null,
    lastAt: startedAt + times.seconds * 1_000,
    endToEnd: times.endToEnd,
    served: posted.map(([dueAt, acceptMs]) => ({
      dueAt,
      acceptMs,
      endToEndMs: bySecond.get(Math.floor((dueAt + acceptMs) / 1_000)) ?? acceptMs,
    })),
  };
}
