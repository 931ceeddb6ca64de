import type { Answer } from '../../src/dev/produce/sender.ts';
import { latencyOf } from '../measure.ts';
import type { SegmentReport } from './traffic.ts';

/** Counts the answers of one segment. */
export interface SegmentTally {
  late: number;
  skipped: number;
  /** Records an answer to a post that was due at `dueAt` (`performance.now()`). */
  record(answer: Answer, dueAt: number): void;
  report(): SegmentReport;
}

/** Counts begin now. */
export function createSegmentTally(name: string): SegmentTally {
  const clock = performance.timeOrigin;
  const startedAt = Date.now();
  const posted: [dueAt: number, acceptMs: number, orderId: string | null][] = [];
  const refusals: number[] = [];
  const refused: Record<string, number> = {};
  const count = { posts: 0, accepted: 0, withoutRetryAfter: 0, endedAt: startedAt };
  const tally: SegmentTally = {
    late: 0,
    skipped: 0,
    record: (answer, dueAt) => {
      const tookMs = performance.now() - dueAt;
      count.posts += 1;
      count.endedAt = Date.now();
      const body = bodyOf(answer);
      if (answer.status === 202) {
        count.accepted += typeof body['accepted'] === 'number' ? body['accepted'] : 1;
        posted.push([clock + dueAt, tookMs, typeof body['id'] === 'string' ? body['id'] : null]);
        return;
      }
      const reason = reasonOf(answer, body);
      refused[reason] = (refused[reason] ?? 0) + 1;
      if (answer.status !== 429 && answer.status !== 503) return;
      refusals.push(tookMs);
      if (!/^[1-9]\d*$/.test(answer.retryAfter ?? '')) count.withoutRetryAfter += 1;
    },
    report: () => ({
      name,
      startedAt,
      ...count,
      accept: latencyOf(posted.map(([, acceptMs]) => acceptMs)),
      refuse: refusals.length === 0 ? null : latencyOf(refusals),
      refused,
      late: tally.late,
      skipped: tally.skipped,
      posted,
    }),
  };
  return tally;
}

function reasonOf({ status }: Answer, { code }: Record<string, unknown>): string {
  if (status === 0) return 'no answer';
  return typeof code === 'string' ? `${status} ${code}` : String(status);
}

function bodyOf({ text }: Answer): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
