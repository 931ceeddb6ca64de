import { build, type Histogram } from 'hdr-histogram-js';
import type { Answer } from './sender.ts';

/** Longest latency that is recorded exactly, in microseconds: two minutes. */
const HIGHEST_MICROSECONDS = 120_000_000;

/** The results of everything that was sent. */
export interface Tally {
  /** Events or orders. */
  readonly sent: number;
  readonly accepted: number;
  readonly duplicates: number;
  /** Items of requests that were not accepted, by answer: `429 rate_limited`, `no answer`. */
  readonly refused: ReadonlyMap<string, number>;
  /** From when a request was due to the end of its answer, in microseconds. */
  readonly latency: Histogram;
  /** When the last answer came, `performance.now()`. */
  readonly lastAnswerAt: number;
}

/** Counts answers. */
export interface Tallyman extends Tally {
  record(items: number, answer: Answer, latencyMs: number): void;
}

export function createTally(): Tallyman {
  const refused = new Map<string, number>();
  const tally = {
    sent: 0,
    accepted: 0,
    duplicates: 0,
    refused,
    latency: build({ highestTrackableValue: HIGHEST_MICROSECONDS, numberOfSignificantValueDigits: 3 }),
    lastAnswerAt: 0,
    record: (items: number, answer: Answer, latencyMs: number): void => {
      tally.sent += items;
      tally.lastAnswerAt = performance.now();
      tally.latency.recordValue(Math.min(HIGHEST_MICROSECONDS, Math.max(0, Math.round(latencyMs * 1_000))));
      if (answer.status === 202) {
        const { accepted, duplicates } = receptionOf(answer.text, items);
        tally.accepted += accepted;
        tally.duplicates += duplicates;
      } else {
        const reason = reasonOf(answer);
        refused.set(reason, (refused.get(reason) ?? 0) + items);
      }
    },
  };
  return tally;
}

/** Only events distinguish duplicates; an accepted order counts as one. */
function receptionOf(text: string, items: number): { accepted: number; duplicates: number } {
  const body = parse(text);
  const { accepted, duplicates } = body;
  if (typeof accepted === 'number' && typeof duplicates === 'number') return { accepted, duplicates };
  return { accepted: items, duplicates: 0 };
}

function reasonOf({ status, text }: Answer): string {
  if (status === 0) return 'no answer';
  const { code } = parse(text);
  return typeof code === 'string' ? `${status} ${code}` : String(status);
}

function parse(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
