import { expect, it } from 'vitest';
import { atMost } from '../../bench/load-tests/targets.ts';
import type { ChaosReport } from '../../chaos/report/report.ts';
import { renderReliability } from './reliability-reference.ts';

const times = (p50: number, p99: number, max: number) => ({ p50, p99, max });
const recovery = (kind: string, begin: number, heal: number) => ({
  kind,
  faults: 4,
  orders: 20,
  fromBegin: times(1, begin, begin),
  fromHeal: times(1, heal, heal),
});

const RUN = {
  examples: [],
  profile: 'full',
  seed: 5,
  perSecond: 20,
  planned: 205,
  only: null,
  at: '2026-11-30T10:00:00.000Z',
  commit: 'abc1234',
  topology: 'split',
  seconds: 900,
  orders: 10_000,
  faults: 201,
  kinds: 20,
  violations: 0,
  settled: { seconds: 33.3, left: {} },
  recovery: [recovery('kill at worker', 9_000, 100), recovery('kill-everything', 40_000, 29_000)],
} as unknown as ChaosReport;

/** The last two cells of the row that begins so. */
function cellsOf(page: string, name: string): string[] {
  const row = page.split('\n').find((line) => line.startsWith(`| ${name}`)) ?? '';
  return row
    .split('|')
    .slice(3, -1)
    .map((cell) => cell.trim());
}

it('The page tells the figures of the committed run, and which of them are met', () => {
  const page = renderReliability({ run: RUN, kills: RUN, plants: { at: RUN.at, plants: [] }, soak: null });
  const command =
    'npm run chaos -- --profile full --seed 5 --orders 10000 --per-second 20 --faults 205 --topology split';
  expect(page).toContain(`\`${command}\`,\n2026-11-30, commit abc1234`);
  expect(cellsOf(page, 'orders')).toEqual(['10,000', 'met']);
  expect(cellsOf(page, 'violations')).toEqual(['0', 'met']);
  expect(cellsOf(page, 'everything at rest')).toEqual(['33.3 s', 'met']);
  expect(cellsOf(page, 'order of a killed worker')).toEqual(['9.0 s', 'met']);
  expect(cellsOf(page, 'everything killed')).toEqual(['29.0 s', 'met']);
});

it('The page tells a missed figure in the same table', () => {
  const examples = [{ check: 'mails', subject: 'ord_1', message: 'it never arrived' }];
  const poor = {
    ...RUN,
    examples,
    violations: 2,
    faults: 199,
    settled: { seconds: 180, left: { 'orders in motion': 1 } },
  };
  const kills = { ...RUN, only: ['kill'], recovery: [recovery('kill at worker', 10_001, 0)] };
  const page = renderReliability({ run: poor, kills, plants: null, soak: null });
  expect(page).toContain('--topology split --kinds kill`');
  expect(cellsOf(page, 'violations')).toEqual(['2', 'missed']);
  expect(page).toContain('The checker has reported:\n\n- `mails`, ord_1: it never arrived');
  expect(cellsOf(page, 'faults')).toEqual(['199', 'missed']);
  expect(cellsOf(page, 'everything at rest')).toEqual(['not all', 'missed']);
  expect(cellsOf(page, 'order of a killed worker')).toEqual(['10.0 s', 'missed']);
  expect(cellsOf(page, 'everything killed')).toEqual(['no such order', 'missed']);
});

it('The page tells of each plant by which seed it was caught, not caught, or not run', () => {
  const plants = [
    { plant: 'M1', caughtBy: 2 },
    { plant: 'M2', caughtBy: null },
  ];
  const page = renderReliability({ run: null, plants: { at: RUN.at, plants }, soak: null, kills: null });
  expect(page).toContain('The last run, 2026-11-30: 1 of 2 found.');
  const last = (name: string): string | undefined => cellsOf(page, `${name} `).at(-1);
  expect(['M1', 'M2', 'M3'].map(last)).toEqual(['seed 2', 'no', 'not run']);
  expect(page).toContain('No full run is committed yet');
});

it('The page tells the soak in fifths, each with its own share of served requests', () => {
  const minute = (accepted: number, failed: number, p50: number) => ({
    accepted,
    acceptMs: times(p50, p50 * 2, p50 * 3),
    requests: 100,
    failed,
    availability: 1 - failed / 100,
  });
  const soak = {
    minutes: 10,
    perSecond: 20,
    faultsPerMinute: 2,
    seed: 3,
    at: '2026-11-30T10:00:00.000Z',
    commit: 'abc1234',
    accepted: 1_200,
    faults: 20,
    availability: 0.9876,
    clients: Array.from({ length: 10 }, (_, index) => minute(100 + index, index === 9 ? 50 : 0, 10 + index)),
    memoryMib: Array.from({ length: 10 }, (_, index) => ({ 'combined-1': 200 + index, temporal: 300, postgres: 9 })),
    growth: { chaos_app: 8_200 },
    targets: [atMost('memory of combined-1', 1.3, [1.25, ''])],
    settled: { seconds: 4, left: {} },
    violations: 0,
  };
  const page = renderReliability({ run: null, plants: null, soak, kills: null });
  expect(page).toContain('`npm run soak -- --minutes 10 --per-second 20 --faults-per-minute 2 --seed 3`, 2026-11-30');
  expect(cellsOf(page, 'memory of combined-1')).toEqual(['<= 1.25', 'missed']);
  expect(page).toContain('98.76 % of the requests served');
  expect(cellsOf(page, '1 to 2')).toEqual(['11 ms', '21 ms', '100.00 %', 'combined-1 201, temporal 300']);
  expect(cellsOf(page, '9 to 10')).toEqual(['19 ms', '37 ms', '75.00 %', 'combined-1 209, temporal 300']);
  expect(page).toContain('| chaos_app |');
});
