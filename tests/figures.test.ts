import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

// A figure in a document is what a run of the benchmark has written, and not what somebody remembers of one.

interface FloodSystem {
  readonly system: string;
  readonly scope?: 'whole' | 'smaller';
  readonly ordersPerSecond: number;
  readonly timesTextbook: number;
  readonly cpuMsPerOrder: number;
  readonly cpuMsPerOrderByProcess: Readonly<Record<string, number>>;
  readonly writesPerOrder: number;
  readonly bytesPerOrder?: { readonly app: number; readonly temporal: number };
}

interface EventFigures {
  readonly batch: { readonly holds: readonly { readonly acceptedPerSecond: number }[] };
  readonly sustained: { readonly endToEnd: { readonly p95: number }; readonly rate: number };
}

interface WorkersFigures {
  readonly systems: readonly { readonly system: string; readonly ordersPerSecond: number }[];
  readonly consumers: readonly {
    readonly partitions: number;
    readonly workers: number;
    readonly processedPerSecond: number;
    readonly isSound: boolean;
  }[];
}

interface Outage {
  readonly minutes: number;
  readonly orders: number;
  readonly confirmed: number;
  readonly medianSeconds: number;
  readonly lastSeconds: number;
}

const read = (path: string): string => readFileSync(join(PROJECT_FOLDER, path), 'utf8');
const readJson = (path: string): unknown => JSON.parse(read(path));

const { systems } = readJson('bench/results/flood.json') as { systems: readonly FloodSystem[] };
const { results: events } = readJson('bench/results/events.json') as { results: EventFigures };
const workers = readJson('bench/results/workers.json') as WorkersFigures;
const { outages } = readJson('bench/results/outages.json') as { outages: readonly Outage[] };

/** The cells of a table's row that begins with these words. */
function cellsOf(document: string, first: string): string[] {
  const row = read(document)
    .split('\n')
    .findLast((line) => line.startsWith(`| ${first} `));
  const cells = row?.split('|').map((cell) => cell.trim()) ?? [];
  return cells.slice(2, -1);
}

function floodOf(name: string): FloodSystem {
  const found = systems.find(({ system }) => system === name);
  if (found === undefined) throw new Error(`flood.json has no system ${name}`);
  return found;
}

/** Systems that do less than this service are marked. */
function nameInDocument({ system, scope = 'whole' }: Pick<FloodSystem, 'system' | 'scope'>): string {
  return `\`${system}\`${scope === 'smaller' ? ' \\*' : ''}`;
}

const thousands = (value: number): string => Math.round(value).toLocaleString('en-US');

it.each(systems)('docs/benchmark.md says of $system what flood.json says', (measured) => {
  const [rate, ratio, cpu, parts = '', writes] = cellsOf('docs/benchmark.md', nameInDocument(measured)).slice(-5);
  expect([rate, ratio, cpu, writes]).toEqual([
    measured.ordersPerSecond.toFixed(1),
    measured.timesTextbook.toFixed(2),
    measured.cpuMsPerOrder.toFixed(1),
    measured.writesPerOrder.toFixed(1),
  ]);
  for (const part of parts.split(', ')) {
    const [, process = '', told] = /^(.+) ([\d.]+)$/.exec(part) ?? [];
    const exact = measured.cpuMsPerOrderByProcess[process] ?? Number.NaN;
    // One decimal, rounded either way at its middle.
    expect(Math.abs(Number(told) - exact), part).toBeLessThan(0.051);
  }
});

it.each(workers.systems)('docs/benchmark.md says of the orders of $system what workers.json says', (measured) => {
  const [one] = workers.systems;
  const count = measured.system.replace('waiting-', '');
  expect(cellsOf('docs/benchmark.md', `orders, ${count} ${count === '1' ? 'worker' : 'workers'}`)).toEqual([
    measured.ordersPerSecond.toFixed(1),
    (measured.ordersPerSecond / (one?.ordersPerSecond ?? Number.NaN)).toFixed(2),
  ]);
});

it.each(workers.consumers)(
  'docs/benchmark.md says of $partitions partitions and $workers workers what workers.json says',
  ({ partitions, workers: count, processedPerSecond, isSound }) => {
    const [first] = workers.consumers;
    const row = `events, ${partitions} partitions, ${count} ${count === 1 ? 'worker' : 'workers'}`;
    expect(cellsOf('docs/benchmark.md', row)).toEqual([
      thousands(processedPerSecond),
      (processedPerSecond / (first?.processedPerSecond ?? Number.NaN)).toFixed(2),
    ]);
    expect(isSound).toBe(true);
  },
);

it('README.md states the speeds that the committed results have', () => {
  const [standard, lean] = [floodOf('combined-standard'), floodOf('combined-lean')];
  const batches = Math.max(...events.batch.holds.map(({ acceptedPerSecond }) => acceptedPerSecond));
  const text = read('README.md').replaceAll(/\s+/g, ' ');
  for (const figure of [
    `${standard.ordersPerSecond.toFixed(1)} orders/s, and ${lean.ordersPerSecond.toFixed(1)} with the lean sandbox`,
    `${standard.timesTextbook.toFixed(2)} and ${lean.timesTextbook.toFixed(2)} times a textbook service`,
    `${thousands(batches)} events/s in batches of 100`,
    `${thousands(events.sustained.rate)} single ones/s from accept to result in ${events.sustained.endToEnd.p95.toFixed(0)} ms, p95`,
  ]) {
    expect(text).toContain(figure);
  }
});

it('docs/cost.md multiplies the CPU times of flood.json', () => {
  const { cpuMsPerOrder, cpuMsPerOrderByProcess: parts, writesPerOrder } = floodOf('combined-lean');
  const rows: [string, number][] = [
    ['`combined` (API and worker)', parts['combined'] ?? Number.NaN],
    ['Temporal server', parts['temporal'] ?? Number.NaN],
    ['PostgreSQL, both databases', parts['postgres'] ?? Number.NaN],
    ['together', cpuMsPerOrder],
  ];
  for (const [name, milliseconds] of rows) {
    const [told, cores] = cellsOf('docs/cost.md', name);
    expect(Number(told), name).toBeCloseTo(milliseconds, 1);
    // 100 orders a second, on cores that are half idle.
    expect(Number(cores), name).toBeCloseTo((milliseconds * 100 * 2) / 1_000, 1);
  }
  expect(read('docs/cost.md')).toContain(`${writesPerOrder.toFixed(1)} writing transactions an order`);
  const { app = Number.NaN, temporal = Number.NaN } = floodOf('combined-standard').bytesPerOrder ?? {};
  const [ours, theirs] = [app, temporal].map((bytes) => `${(bytes / 1_000).toFixed(1)} kB in`);
  expect(read('docs/cost.md')).toContain(`leaves ${ours} the service's database and ${theirs} Temporal's`);
  expect(read('docs/cost.md')).toContain(`${floodOf('textbook').cpuMsPerOrder.toFixed(1)} ms for the same order`);
});

it.each(outages)('docs/operations.md says of $minutes minutes without the provider what was measured', (outage) => {
  expect(cellsOf('docs/operations.md', `${outage.minutes} min`)).toEqual([
    String(outage.orders),
    String(outage.confirmed),
    `${outage.medianSeconds.toFixed(1)} s`,
    `${outage.lastSeconds.toFixed(1)} s`,
  ]);
});
