import { expect, it } from 'vitest';
import { progressBar } from './progress-bar.ts';
import { isFullyTaken, resultTable } from './result-table.ts';
import { createTally } from './tally.ts';

const PLAN = { what: 'events', rate: 100, batch: 10, count: 40 } as const;
const COUNTS = { startedAt: 0, sent: 4, late: 1, skipped: 0, inFlight: 0 };

it('The result counts what was accepted, repeated, refused and not answered', () => {
  const tally = createTally();
  tally.record(10, { status: 202, text: '{"accepted":8,"duplicates":2,"events":[]}' }, 5);
  tally.record(10, { status: 202, text: '{"id":"ord_1"}' }, 10);
  tally.record(10, { status: 429, text: '{"code":"rate_limited"}' }, 1);
  tally.record(10, { status: 0, text: 'other side closed' }, 200);
  const result = { tally, counts: COUNTS, seconds: 2 };
  const table = resultTable(PLAN, result);
  expect(table).toMatch(/^sent +40$/m);
  expect(table).toMatch(/^accepted +18$/m);
  expect(table).toMatch(/^duplicates +2$/m);
  expect(table).toMatch(/^refused +20 \(429 rate_limited: 10, no answer: 10\)$/m);
  expect(table).toMatch(/^rate +20\/s over 2\.0 s$/m);
  expect(table).toMatch(/^late sends +1$/m);
  expect(table).toMatch(/^latency max +200\.\d ms$/m);
  expect(isFullyTaken(result)).toBe(false);
});

it('The result is good only when nothing was refused and nothing skipped', () => {
  const tally = createTally();
  tally.record(1, { status: 202, text: '{"accepted":0,"duplicates":1}' }, 1);
  expect(isFullyTaken({ tally, counts: COUNTS, seconds: 1 })).toBe(true);
  expect(isFullyTaken({ tally, counts: { ...COUNTS, skipped: 1 }, seconds: 1 })).toBe(false);
});

it('A bar is as long as what is done', () => {
  expect(progressBar(0)).toBe(`[${' '.repeat(24)}]   0%`);
  expect(progressBar(0.5)).toBe(`[${'='.repeat(12)}${' '.repeat(12)}]  50%`);
  expect(progressBar(1.5)).toContain('='.repeat(24));
});
