import { expect, it } from 'vitest';
import { shareOfGenerator } from './generator-share.ts';
import { isSound } from './log-reader.ts';
import { readEventBenchOptions } from './options.ts';
import { parseQueueWait, percentileBetween } from './queue-wait.ts';
import { searchRate, type RateStep } from './rate-search.ts';
import { eventReportTable } from './report.ts';

const METRICS = (small: number, all: number): string =>
  [
    `events_queue_wait_seconds_bucket{consumer="analytics",le="0.02"} ${small}`,
    `events_queue_wait_seconds_bucket{consumer="webhooks",le="0.02"} 99`,
    `events_queue_wait_seconds_bucket{consumer="analytics",le="0.05"} ${all}`,
    `events_queue_wait_seconds_bucket{consumer="analytics",le="+Inf"} ${all}`,
  ].join('\n');

it('The wait in the queue is a percentile of what came between two readings, spread evenly within its bucket', () => {
  const [before, after] = [parseQueueWait(METRICS(10, 10)), parseQueueWait(METRICS(60, 110))];
  expect(percentileBetween(before, after, 50)).toBeCloseTo(20);
  expect(percentileBetween(before, after, 75)).toBeCloseTo(35);
});

it('The wait in the queue is unknown when nothing came, and at least the largest limit beyond it', () => {
  const reading = parseQueueWait(METRICS(1, 2));
  expect(percentileBetween(reading, reading, 95)).toBeNull();
  expect(
    percentileBetween(
      new Map(),
      new Map([
        [0.05, 0],
        [Infinity, 4],
      ]),
      95,
    ),
  ).toBe(50);
});

it('The default options are all phases but the million', () => {
  expect([...(readEventBenchOptions([])?.phases ?? [])]).toEqual(['single', 'batch', 'sustained', 'burst', 'workers']);
  expect(readEventBenchOptions(['--million', '--long'])).toMatchObject({ holdSeconds: 60, workers: [1, 2, 4] });
  expect(readEventBenchOptions(['--phases', 'burst', '--env', 'A=b'])).toMatchObject({ extraEnv: { A: 'b' } });
});

it.each([
  [['--phases', 'flood'], 'there is no phase flood'],
  [['--workers', '0'], '"0" is not a number from 1 to 16'],
  [['--env', 'A'], '--env A is not NAME=VALUE'],
])('The options %j are refused', (args, message) => {
  expect(() => readEventBenchOptions(args)).toThrow(message);
});

it('A log is sound when everything has its result, in order', () => {
  const good = { accepted: 10, distinctIds: 10, processed: 9, failed: 1, outOfOrder: 0, gaps: 0 };
  expect(isSound(good)).toBe(true);
  for (const bad of [{ processed: 8 }, { distinctIds: 9 }, { outOfOrder: 1 }, { gaps: 1 }]) {
    expect(isSound({ ...good, ...bad })).toBe(false);
  }
});

const goal = { batch: 1, p95LimitMs: 10, rates: [1, 2, 3, 4, 5] };
/** Returns the p95s of a rate in their order; 99 when none is left. */
const scripted = (p95s: Readonly<Record<number, number[]>>) => (rate: number) => {
  const p95 = p95s[rate]?.shift() ?? 99;
  const accept = { p50: 1, p95, p99: 99 };
  const step: RateStep = {
    rate,
    acceptedPerSecond: rate,
    accept,
    refused: 0,
    late: 0,
    events: 1,
    generatorCpuMsPerThousand: 0,
  };
  return Promise.resolve({ ...step, cpuMsPerThousand: {}, loadAverage: 0 });
};
const told = (tries: readonly RateStep[]): string => tries.map(({ rate, accept }) => `${rate}:${accept.p95}`).join(' ');

it('The search for a rate gives each rate three tries, and goes on behind one that missed', async () => {
  const step = scripted({ 1: [20, 5], 2: [20, 20, 20], 3: [9] });
  const { steps, holds, held } = await searchRate(goal, { step, hold: scripted({ 3: [11, 10] }) });
  expect(told(steps)).toBe('1:20 1:5 2:20 2:20 2:20 3:9 4:99 4:99 4:99 5:99 5:99 5:99');
  expect(told(holds)).toBe('3:11 3:10');
  expect(held).toBe(holds[1]);
});

it('The search for a rate goes down to a rate that holds, and says so when none does', async () => {
  const steps = (): ReturnType<typeof scripted> => scripted({ 1: [5], 2: [5] });
  const lower = await searchRate(goal, { step: steps(), hold: scripted({ 1: [8] }) });
  expect(told(lower.holds)).toBe('2:99 2:99 2:99 1:8');
  expect(lower.held?.rate).toBe(1);
  expect((await searchRate(goal, { step: steps(), hold: scripted({}) })).held).toBeNull();
});

it('The search for a rate takes no rate that was refused, or not reached', async () => {
  const step = async (rate: number) => ({
    ...(await scripted({ 1: [1], 2: [1] })(rate)),
    refused: rate === 1 ? 1 : 0,
  });
  const slow = async (rate: number) => ({ ...(await step(rate)), acceptedPerSecond: rate * 0.9 });
  expect((await searchRate(goal, { step, hold: step })).held?.rate).toBe(2);
  expect((await searchRate(goal, { step: slow, hold: slow })).holds).toEqual([]);
});

it('The service holds as many more events without its generator as the generator costs', () => {
  const accept = { p50: 1, p95: 9, p99: 20 };
  const step = { rate: 1_000, acceptedPerSecond: 1_000, accept, refused: 0, late: 0, events: 1 };
  const held = { ...step, generatorCpuMsPerThousand: 250, cpuMsPerThousand: { combined: 400, postgres: 350 } };
  expect(shareOfGenerator({ ...held, loadAverage: 1 }, 2)).toEqual({
    generatorCpuMs: 250,
    serviceCpuMs: 750,
    share: 0.25,
    busy: 0.5,
    rateWithout: 4_000 / 3,
  });
});

it('The table has a row for what ran, with its goal', () => {
  const accept = { p50: 1, p95: 8.25, p99: 120 };
  const step = {
    rate: 2_000,
    acceptedPerSecond: 1_999,
    accept,
    refused: 0,
    late: 0,
    events: 1,
    generatorCpuMsPerThousand: 50,
  };
  const cost = { cpuMsPerThousand: { 'worker-1-of-2': 10, 'worker-2-of-2': 12, postgres: 100 }, loadAverage: 2.34 };
  const held = { ...step, ...cost };
  const machine = { cpu: 'CPU', cores: 2, memoryGiB: 4, system: 'linux' };
  const table = eventReportTable({
    machine,
    results: {
      single: { batch: 1, p95LimitMs: 10, steps: [step], holds: [held], held },
      generator: shareOfGenerator(held, machine.cores),
      workers: [{ ...cost, workers: 2, processedPerSecond: 9_000, drainSeconds: 1, shares: [9, 7], events: 1 }],
    },
  });
  expect(table).toMatch(
    /^single events +2,000\/s; held: 1,999\/s \(try 1\) +2,000\/s, accept p95 < 10 ms +at 2,000\/s: accept 1\.0 /m,
  );
  expect(table).toMatch(
    /^2 workers +9,000 processed\/s +compared +partitions 9 \+ 7 +workers 22, postgres 100 +2\.3$/m,
  );
  expect(table).toMatch(
    /^ {2}load generator +29 % of the CPU time; without it: about 2,820\/s .+ 17 % busy with both +generator 50$/m,
  );
  expect(table).not.toContain('batches');
});
