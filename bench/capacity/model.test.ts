import { expect, it } from 'vitest';
import { ArgumentError } from '../../src/runtime/command-arguments.ts';
import { readMeasured } from './measured.ts';
import { planFor, predictOrdersPerSecond, USUAL_LIMITS, type Plan } from './model.ts';
import { CAPACITY_OPTIONS, readCapacityValues } from './options.ts';
import { capacityText } from './report.ts';

const measured = readMeasured();

function systemOf(name: string) {
  const found = measured.systems.find(({ system }) => system === name);
  if (found === undefined) throw new Error(`flood.json has no system ${name}`);
  return found;
}

it.each(['combined-standard', 'combined-lean', 'split'])(
  'The sum of CPU times predicts the measured orders/s of %s within 20 %%',
  (name) => {
    const system = systemOf(name);
    const predicted = predictOrdersPerSecond(system, measured.cores);
    expect(Math.abs(predicted / system.ordersPerSecond - 1)).toBeLessThan(0.2);
  },
);

const system = {
  system: 'invented',
  ordersPerSecond: 50,
  cpuMsPerOrder: { api: 4, worker: 6, temporal: 10, postgres: 20, simulator: 100, load: 100, 'mail sink': 100 },
  writesPerOrder: 12,
  temporalTransactionsPerOrder: 35,
  bytesPerOrder: { app: 2 ** 30 / 86_400, temporal: 2 ** 29 / 86_400 },
};
const invented = { cores: 2, systems: [system], cpuMsPerEvent: { single: { combined: 1 }, batch: { postgres: 2 } } };

function plan(ordersPerSecond: number, more: Partial<Plan> = {}): Plan {
  const demand = { ordersPerSecond, eventsPerSecond: 0, eventsBy: 'single', ...more } as const;
  return planFor(demand, { system, measured: invented, limits: USUAL_LIMITS });
}

it('Processes, cores and servers follow from the rate, and half of each core stays free', () => {
  expect(plan(100)).toMatchObject({
    cores: { service: 2, temporal: 2, postgres: 4 },
    processes: 2,
    temporalProcesses: 2,
    postgresServers: 1,
    cells: 1,
    writesPerSecond: 1_200,
    diskGiBPerDay: 100,
    temporalGiB: 350,
  });
  expect(plan(10_000)).toMatchObject({ cores: { postgres: 400 }, postgresServers: 25, cells: 5 });
});

it('History shards are a power of two that is enough for one write at a time, and 128 at least', () => {
  expect(plan(100).historyShards).toBe(128);
  // 35 writes of 2 ms, a thousand times a second, on shards that are half idle: 140.
  expect(plan(1_000).historyShards).toBe(256);
  expect(plan(10_000).historyShards).toBe(2_048);
});

it('Events cost what they did alone or in batches', () => {
  expect(plan(0.01, { eventsPerSecond: 1_000 }).cores.service).toBeCloseTo(2, 1);
  expect(plan(0.01, { eventsPerSecond: 1_000, eventsBy: 'batch' }).cores.postgres).toBeCloseTo(4, 1);
});

it('Bytes that were not measured are said to be missing', () => {
  const blind = { ...system, bytesPerOrder: null };
  const demand = { ordersPerSecond: 1, eventsPerSecond: 0, eventsBy: 'single' } as const;
  const plans = [planFor(demand, { system: blind, measured: invented, limits: USUAL_LIMITS })];
  const text = capacityText({ measured: invented, system: blind, limits: USUAL_LIMITS, plans });
  expect(text).toMatch(/disk per day, GiB +not measured/);
});

const defaults = Object.fromEntries(
  Object.entries(CAPACITY_OPTIONS).map(([name, option]) => [name, option.default]),
) as Parameters<typeof readCapacityValues>[0];

it('The usual demands are three rates, and what is no number is refused', () => {
  expect(readCapacityValues(defaults).demands.map(({ ordersPerSecond }) => ordersPerSecond)).toEqual([
    100, 1_000, 10_000,
  ]);
  for (const wrong of [
    { 'orders-per-second': 'many' },
    { busy: '2' },
    { 'events-by': 'post' },
    { 'server-cores': '' },
  ]) {
    expect(() => readCapacityValues({ ...defaults, ...wrong })).toThrow(ArgumentError);
  }
});
