import { formatTable } from '../demo/table.ts';
import type { ProducePlan } from './arguments.ts';
import type { Production } from './produce.ts';

/** The table at the end of a production. */
export function resultTable(plan: Pick<ProducePlan, 'what' | 'rate' | 'batch' | 'count'>, result: Production): string {
  const { tally, counts, seconds } = result;
  const unsent = counts.skipped * plan.batch;
  const rows: [string, string][] = [
    ['sent', number(tally.sent)],
    ['accepted', number(tally.accepted)],
    ...(plan.what === 'events' ? ([['duplicates', number(tally.duplicates)]] as [string, string][]) : []),
    ['refused', refusalsOf(result)],
    ['asked for', `${number(plan.count)} at ${number(plan.rate)}/s`],
    ['rate', `${number(tally.sent / Math.max(seconds, 0.001))}/s over ${seconds.toFixed(1)} s`],
    ['late sends', number(counts.late)],
    ['skipped', unsent === 0 ? '0' : `${number(unsent)} (over 10 s late)`],
    ['latency p50', milliseconds(tally.latency.getValueAtPercentile(50))],
    ['latency p95', milliseconds(tally.latency.getValueAtPercentile(95))],
    ['latency p99', milliseconds(tally.latency.getValueAtPercentile(99))],
    ['latency max', milliseconds(tally.latency.maxValue)],
  ];
  return formatTable([plan.what, ''], rows);
}

/** Whether every planned item was sent and accepted. */
export function isFullyTaken({ tally, counts }: Production): boolean {
  return tally.refused.size === 0 && counts.skipped === 0;
}

function refusalsOf({ tally: { refused } }: Production): string {
  const sum = [...refused.values()].reduce((total, count) => total + count, 0);
  const reasons = [...refused].map(([reason, count]) => `${reason}: ${number(count)}`);
  return reasons.length === 0 ? '0' : `${number(sum)} (${reasons.join(', ')})`;
}

/** Whole numbers with commas, small fractions with one digit. */
function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1_000).toFixed(1)} ms`;
}
