import { expect, it } from 'vitest';
import { renderBenchmark, type OrdersResult, type WorkersResult } from './benchmark-reference.ts';

const ABOUT = {
  at: '2026-11-30T18:00:00.000Z',
  commit: 'abc1234',
  orders: 2_000,
  warmUpOrders: 300,
  machine: { cpu: 'AMD EPYC', cores: 2 },
  versions: { node: 'v24' },
};
const LATENCY = { p50: 9.94, p95: 99.96, p99: 1_234.5 };

const FLOOD: OrdersResult = {
  ...ABOUT,
  systems: [
    {
      system: 'floor',
      scope: 'smaller',
      ordersPerSecond: 54.08,
      timesTextbook: 4,
      cpuMsPerOrder: 31.2,
      cpuMsPerOrderByProcess: { floor: 11.4, postgres: 10.3, simulator: 0.7, load: 0.5 },
      writesPerOrder: 11.7,
      accept: LATENCY,
      endToEnd: LATENCY,
    },
  ],
  rounds: [300, 500, 400].map((floor) => ({
    system: 'floor',
    loadAverage: floor / 100,
    pssMiB: { floor, load: 9 },
    restPssMiB: { floor: floor / 4 },
  })),
};

const WORKERS: WorkersResult = {
  ...ABOUT,
  systems: [
    { system: 'waiting-1', ordersPerSecond: 3 },
    { system: 'waiting-4', ordersPerSecond: 11.4 },
  ],
  rounds: ['waiting-1', 'waiting-4'].map((system) => ({ system, loadAverage: 2 })),
  consumers: [
    { partitions: 2, workers: 1, processedPerSecond: 100, isSound: true },
    { partitions: 8, workers: 2, processedPerSecond: 350, isSound: false },
  ],
};

const cells = (page: string, first: string): string[] =>
  (page.split('\n').find((line) => line.startsWith(`| ${first}`)) ?? '').split('|').map((cell) => cell.trim());

it('A system of the flood is told with its own processes, and the medians of its memory', () => {
  const page = renderBenchmark({ flood: FLOOD, paced: null, workers: null });
  expect(page).toContain('`npm run bench -- flood --systems floor --orders 2000 --warm-up 300 --rounds 3`');
  expect(page).toContain('2026-11-30, commit abc1234, 2 cores (AMD EPYC); node v24.');
  expect(cells(page, '`floor` \\*').slice(2, -1)).toEqual([
    '54.1',
    '4.00',
    '31.2',
    'floor 11.4, postgres 10.3',
    '11.7',
    '9.9 / 100.0 / 1235',
    '9.9 / 100.0 / 1235',
    'floor 100',
    'floor 400',
  ]);
  expect(page).toContain('Medians of 3 rounds; load average 3 to 5.');
});

it('More workers are compared with one, and a run that lost events says so', () => {
  const page = renderBenchmark({ flood: null, paced: null, workers: WORKERS });
  expect(page).toContain('One round; load average 2 to 2.');
  expect(cells(page, 'orders, 1 worker').slice(2, -1)).toEqual(['3.0', '1.00']);
  expect(cells(page, 'orders, 4 workers').slice(2, -1)).toEqual(['11.4', '3.80']);
  expect(cells(page, 'events, 8 partitions, 2 workers (lost events)').slice(2, -1)).toEqual(['350', '3.50']);
});

it('A run that is not committed is said not to be', () => {
  const page = renderBenchmark({ flood: null, paced: null, workers: null });
  expect(page.match(/No result is committed yet/g)).toHaveLength(3);
});
