import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logTail } from '../../src/dev/processes/process-log.ts';
import { describeExit } from '../../src/dev/processes/processes.ts';
import type { Cleanup } from '../cleanup.ts';
import { startNode } from '../environment.ts';
import type { Latency } from '../measure.ts';

/** Posts at a rate for some time, whatever the answers are. */
export interface RateSegment {
  readonly name: string;
  readonly postsPerSecond: number;
  readonly seconds: number;
}

/** Posts of one tenant, made and sent by one process. */
export interface TrafficPlan {
  readonly url: string;
  readonly token: string;
  /** The contents of a post: an order of two SKUs out of 1,000, an order of the same SKU, or a batch of events. */
  readonly what: 'orders' | 'orders-of-one-sku' | 'events';
  /** Sockets at most; each has one request at a time. */
  readonly connections: number;
  /** `closed`: each connection posts again when it is answered. `open`: one segment follows the other. */
  readonly pace:
    | { readonly kind: 'closed'; readonly seconds: number }
    | { readonly kind: 'open'; readonly segments: readonly RateSegment[] };
}

/** What the clients of one segment saw; a closed loop has one segment. */
export interface SegmentReport {
  readonly name: string;
  /** Milliseconds since the epoch: the first post was due, and the last answer was there. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly posts: number;
  /** Orders or events. */
  readonly accepted: number;
  /** From when a post was due to the end of its 202. */
  readonly accept: Latency;
  /** From when a post was due to the end of its 429 or 503; null when there was none. */
  readonly refuse: Latency | null;
  /** Posts by answer: `429 rate_limited`, `no answer`. */
  readonly refused: Readonly<Record<string, number>>;
  /** Answers 429 and 503 that do not say when to come again. */
  readonly withoutRetryAfter: number;
  /** Posts that left more than 50 ms after they were due, and posts that were left out. */
  readonly late: number;
  readonly skipped: number;
  /** Each accepted post: when it was due (milliseconds since the epoch), how long it took, and the id of its order. */
  readonly posted: readonly (readonly [dueAt: number, acceptMs: number, orderId: string | null])[];
}

/** What one process sent and saw. */
export interface TrafficReport {
  readonly segments: readonly SegmentReport[];
  /** CPU time of the process while it sent, and how long it sent. */
  readonly cpuMs: number;
  readonly seconds: number;
}

/** The plan of a generator process, and the file for its results. */
export interface GeneratorSpec {
  readonly plan: TrafficPlan;
  readonly resultFile: string;
}

/** Events of a post. A generator of single events would need more CPU time than the two cores have left. */
export const EVENTS_PER_POST = 100;

/** Where the results of the generators go, and what stops them after an interruption. */
export interface TrafficPlace {
  readonly folder: string;
  readonly cleanup: Cleanup;
}

/**
 * Sends as planned, in a process of its own.
 * @throws when the generator fails.
 */
export async function sendTraffic({ folder, cleanup }: TrafficPlace, plan: TrafficPlan): Promise<TrafficReport> {
  const name = `generator-${randomUUID().slice(0, 8)}`;
  const resultFile = join(folder, `${name}.json`);
  const spec: GeneratorSpec = { plan, resultFile };
  const generator = await startNode({
    name,
    args: ['bench/load-tests/generator.ts'],
    env: { GENERATOR_SPEC: JSON.stringify(spec) },
    folder,
    cleanup,
  });
  const status = await generator.exited;
  if (status.code !== 0) {
    throw new Error(`the load generator failed (${describeExit(status)}):\n${logTail(generator.logFile)}`);
  }
  return JSON.parse(await readFile(resultFile, 'utf8')) as TrafficReport;
}

/**
 * The segment of this name.
 * @throws {RangeError} when the report has none.
 */
export function segmentOf({ segments }: TrafficReport, name: string): SegmentReport {
  const found = segments.find((segment) => segment.name === name);
  if (found === undefined) throw new RangeError(`the generator reported no segment ${name}`);
  return found;
}
