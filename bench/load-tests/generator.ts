import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runOpenLoop } from '../../src/dev/produce/open-loop.ts';
import { createSender, type Sender } from '../../src/dev/produce/sender.ts';
import { createPostMaker } from './posts.ts';
import { createSegmentTally, type SegmentTally } from './segment-tally.ts';
import type { GeneratorSpec, RateSegment, TrafficReport } from './traffic.ts';

// A generator of load, in a process of its own: a variable holds its plan, and a file its results.
const { plan, resultFile } = JSON.parse(process.env['GENERATOR_SPEC'] ?? '{}') as GeneratorSpec;
const makePost = createPostMaker(plan.what);
const sender = createSender(plan);

/** A post that gets no answer is not repeated: the next one is due anyway. */
async function post(tally: SegmentTally, dueAt: number): Promise<void> {
  tally.record(await sender.post(makePost()), dueAt);
}

async function flood(name: string, seconds: number): Promise<SegmentTally> {
  const tally = createSegmentTally(name);
  const endAt = performance.now() + seconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < endAt) await post(tally, performance.now());
  };
  await Promise.all(Array.from({ length: plan.connections }, client));
  return tally;
}

/** Begins when its time has come, also if posts of the segment before it still wait for their answers. */
async function sendSegment(segment: RateSegment, startsAt: number): Promise<SegmentTally> {
  await sleep(Math.max(0, startsAt - performance.now()));
  const tally = createSegmentTally(segment.name);
  const counts = await runOpenLoop({
    sendsPerSecond: segment.postsPerSecond,
    sends: Math.max(1, Math.round(segment.postsPerSecond * segment.seconds)),
    inFlightMax: IN_FLIGHT_MAX,
    signal: new AbortController().signal,
    send: (_, dueAt) => post(tally, dueAt),
  });
  tally.late = counts.late;
  tally.skipped = counts.skipped;
  return tally;
}

/** Posts without an answer, waiting ones included: more than any service with a bound keeps waiting. */
const IN_FLIGHT_MAX = 20_000;

async function sendAll(): Promise<SegmentTally[]> {
  const { pace } = plan;
  if (pace.kind === 'closed') return [await flood('closed', pace.seconds)];
  let startsAt = performance.now();
  const running: Promise<SegmentTally>[] = [];
  for (const segment of pace.segments) {
    running.push(sendSegment(segment, startsAt));
    startsAt += segment.seconds * 1_000;
  }
  return Promise.all(running);
}

/** The first requests of a process are slow: its code is compiled, and its connections are opened. */
async function warmUp(from: Sender): Promise<void> {
  for (let round = 0; round < WARM_UP_READS; round += 1) {
    await Promise.all(Array.from({ length: Math.min(16, plan.connections) }, () => from.post(UNKNOWN_ADDRESS)));
  }
}

const WARM_UP_READS = 8;
const UNKNOWN_ADDRESS = { path: '/livez', body: '{}' } as const;

await warmUp(sender);
const [cpuBefore, startedAt] = [process.cpuUsage(), performance.now()];
const tallies = await sendAll();
const { user, system } = process.cpuUsage(cpuBefore);
const report: TrafficReport = {
  segments: tallies.map((tally) => tally.report()),
  cpuMs: (user + system) / 1_000,
  seconds: (performance.now() - startedAt) / 1_000,
};
await sender.close();
await writeFile(resultFile, JSON.stringify(report));
