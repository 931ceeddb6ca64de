import type { Latency } from '../measure.ts';
import { alignColumns } from '../report.ts';
import type { QuietSeen } from './noisy-tenant.ts';
import { AFTER_SECONDS, type Capacity, type Load, type OverloadResult } from './overload-phases.ts';
import { atLeast, atMost, type Target } from './targets.ts';

/** The capacity before and after each overload, the overloads, and what was promised of them. */
export interface OverloadPartResult {
  readonly what: Load;
  readonly capacities: readonly Capacity[];
  readonly overloads: readonly OverloadResult[];
  /** What the audit found; empty when everything that was accepted has its result, once. */
  readonly findings: readonly string[];
  readonly targets: readonly Target[];
}

/** A tenant alone, beside a neighbor that uses what it may, and beside one that sends ten times as much. */
export interface TenantPartResult {
  readonly neighborLimitPerSecond: number;
  readonly alone: QuietSeen;
  readonly beside: readonly QuietSeen[];
  readonly findings: readonly string[];
  readonly targets: readonly Target[];
}

const GOODPUT_SHARE = 0.9;
const REFUSED_WITHIN_MS = 100;
const RECOVERED_WITHIN_SECONDS = 10;

/** Accepted ones may take this many times as long as when the service is just busy. */
const BUSY_TIMES = 3;

/** Memory may differ by as much from one part of an overload to the next; more is growth. */
const MEMORY_TIMES = 1.25;

/** A generator that sends one post in a hundred late is a bottleneck itself. */
const LATE_SHARE = 0.01;

/** The quiet tenant's latency may rise by a third. */
const QUIET_TIMES = 4 / 3;

/** Judges the overloads of one part. */
export function overloadTargets({
  capacities,
  overloads,
  findings,
}: Pick<OverloadPartResult, 'capacities' | 'overloads' | 'findings'>): Target[] {
  return [
    ...overloads.flatMap((result, index) =>
      targetsOf(result, meanOf([capacities[index], capacities[index + 1]].filter((one) => one !== undefined))),
    ),
    atMost('findings of the audit', findings.length, [0, 'findings']),
  ];
}

function meanOf(capacities: readonly Capacity[]): Pick<Capacity, 'perSecond' | 'accept' | 'endToEnd'> {
  const mean = (pick: (one: Capacity) => number): number =>
    capacities.reduce((sum, one) => sum + pick(one), 0) / capacities.length;
  const latency = (pick: (one: Capacity) => Latency): Latency => ({
    p50: mean((one) => pick(one).p50),
    p95: mean((one) => pick(one).p95),
    p99: mean((one) => pick(one).p99),
  });
  return {
    perSecond: mean(({ perSecond }) => perSecond),
    accept: latency(({ accept }) => accept),
    endToEnd: latency(({ endToEnd }) => endToEnd),
  };
}

function targetsOf(result: OverloadResult, busy: ReturnType<typeof meanOf>): Target[] {
  const { factor, posts, refuse, generator } = result;
  const what = (text: string): string => `${factor}x: ${text}`;
  return [
    atLeast(what('goodput, share of the capacity'), result.goodputPerSecond / busy.perSecond, [GOODPUT_SHARE, '']),
    atMost(what('accept p99'), result.accept.p99, [busy.accept.p99 * BUSY_TIMES, 'ms']),
    atMost(what('end to end p99'), result.endToEnd.p99, [busy.endToEnd.p99 * BUSY_TIMES, 'ms']),
    atMost(what('refusal p99'), refuse?.p99 ?? 0, [REFUSED_WITHIN_MS, 'ms']),
    atMost(what('refusals without Retry-After'), result.withoutRetryAfter, [0, 'posts']),
    atMost(what('answers but 202, 429, 503'), strangeAnswers(result), [0, 'posts']),
    ...(result.lost === null ? [] : [atMost(what('accepted without a result'), result.lost, [0, ''])]),
    atMost(what('recovery'), result.recoverySeconds, [RECOVERED_WITHIN_SECONDS, 's']),
    atMost(what('memory at the end by the first third'), memoryGrowth(result), [MEMORY_TIMES, '']),
    atMost(what('posts that left late'), (generator.late + generator.skipped) / posts, [LATE_SHARE, '']),
  ];
}

function strangeAnswers({ refused }: OverloadResult): number {
  return Object.entries(refused)
    .filter(([answer]) => !/^(?:429|503)/.test(answer))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** The most memory in the last third of the overload by the most in the first third. */
function memoryGrowth({ samples }: OverloadResult): number {
  const end = (samples.at(-1)?.second ?? 0) - AFTER_SECONDS;
  const most = (from: number, to: number): number =>
    Math.max(1, ...samples.filter(({ second }) => second >= from && second <= to).map(({ pssMiB }) => pssMiB));
  return most((end * 2) / 3, end) / most(0, end / 3);
}

/**
 * Judges what the quiet tenant saw. A neighbor that uses what it may costs the quiet tenant something, too, so both are
 * told: the latency beside a noisy neighbor by that beside a usual one, and by that of a tenant alone.
 */
export function tenantTargets({
  alone,
  usual,
  noisy,
  findings,
}: {
  readonly alone: QuietSeen;
  readonly usual: QuietSeen;
  readonly noisy: QuietSeen;
  readonly findings: readonly string[];
}): Target[] {
  return [
    atMost('the other tenant: accept p95', noisy.accept.p95, [usual.accept.p95 * QUIET_TIMES, 'ms']),
    atMost('the other tenant: end to end p95', noisy.endToEnd.p95, [usual.endToEnd.p95 * QUIET_TIMES, 'ms']),
    atMost('the other tenant by one alone: accept p95', noisy.accept.p95, [alone.accept.p95 * QUIET_TIMES, 'ms']),
    atMost('the other tenant by one alone: end to end p95', noisy.endToEnd.p95, [
      alone.endToEnd.p95 * QUIET_TIMES,
      'ms',
    ]),
    atMost('the other tenant: refused', noisy.refused, [0, 'posts']),
    atMost('findings of the audit', findings.length, [0, 'findings']),
  ];
}

/** One row per load. */
export function overloadTable(parts: readonly OverloadPartResult[]): string {
  const latency = ({ p50, p95, p99 }: Latency): string => [p50, p95, p99].map((ms) => ms.toFixed(0)).join(' / ');
  const rows = parts.flatMap(({ what, capacities, overloads }) => [
    ...capacities.map(({ perSecond, accept, endToEnd }) => [
      what,
      'capacity',
      perSecond.toFixed(1),
      latency(accept),
      latency(endToEnd),
      '',
      '',
      '',
      '',
    ]),
    ...overloads.map((result) => [
      what,
      `${result.factor}x`,
      result.goodputPerSecond.toFixed(1),
      latency(result.accept),
      latency(result.endToEnd),
      result.refuse === null ? '-' : latency(result.refuse),
      Object.entries(result.refused)
        .map(([answer, count]) => `${count} x ${answer}`)
        .join(', '),
      `${result.recoverySeconds} s`,
      `${Math.max(0, ...result.samples.map(({ pssMiB }) => pssMiB)).toFixed(0)} MiB, generator ${result.generator.cores.toFixed(2)} cores`,
    ]),
  ]);
  const head = [
    'load',
    '',
    'per second',
    'accept ms p50/p95/p99',
    'end to end ms',
    'refusal ms',
    'refused',
    'recovery',
  ];
  return alignColumns([[...head, 'PSS'], ...rows]);
}
