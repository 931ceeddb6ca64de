import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

// A figure in a document is what a run of the benchmark has written, and not what somebody remembers of one.

interface FloodSystem {
  readonly system: string;
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

const thousands = (value: number): string => Math.round(value).toLocaleString('en-US');

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
    expect(told, name).toBe(milliseconds.toFixed(1));
    // 100 orders a second, on cores that are half idle.
    expect(cores, name).toBe(((milliseconds * 100 * 2) / 1_000).toFixed(1));
  }
  expect(read('docs/cost.md')).toContain(`${writesPerOrder.toFixed(1)} writing transactions an order`);
  const { app = Number.NaN, temporal = Number.NaN } = floodOf('combined-standard').bytesPerOrder ?? {};
  const [ours, theirs] = [app, temporal].map((bytes) => `${(bytes / 1_000).toFixed(1)} kB in`);
  expect(read('docs/cost.md')).toContain(`leaves ${ours} the service's database and ${theirs} Temporal's`);
  expect(read('docs/cost.md')).toContain(`${floodOf('textbook').cpuMsPerOrder.toFixed(1)} ms for the same order`);
});

it('The documents state the shares of CPU time that follow from flood.json', () => {
  const [lean, standard, split] = ['combined-lean', 'combined-standard', 'split'].map((name) => floodOf(name));
  const percent = (one = lean, other = lean): string =>
    `${Math.round((1 - (one?.cpuMsPerOrder ?? 0) / (other?.cpuMsPerOrder ?? 0)) * 100)} %`;
  expect(read('docs/cost.md')).toContain(`workers apart (${percent(lean, split)} of the CPU time)`);
  expect(read('docs/cost.md')).toContain(`\`WORKFLOW_SANDBOX=lean\`, ${percent(lean, standard)},`);
  expect(read('docs/roadmap.md')).toContain(`${percent(lean, standard)} of the CPU time without methods`);
  expect(read('docs/roadmap.md')).toContain(`${lean?.writesPerOrder.toFixed(1)} writing transactions`);
  const more = ((split?.cpuMsPerOrder ?? 0) / (lean?.cpuMsPerOrder ?? 0) - 1) * 100;
  expect(read('docs/scaling.md')).toContain(`about ${Math.round(more)} %`);
});

it.each(outages)('docs/operations.md says of $minutes minutes without the provider what was measured', (outage) => {
  expect(cellsOf('docs/operations.md', `${outage.minutes} min`)).toEqual([
    String(outage.orders),
    String(outage.confirmed),
    `${outage.medianSeconds.toFixed(1)} s`,
    `${outage.lastSeconds.toFixed(1)} s`,
  ]);
});
