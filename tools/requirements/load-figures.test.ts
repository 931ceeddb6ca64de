import { describe, expect, it } from 'vitest';
import { atLeast, atMost } from '../../bench/load-tests/targets.ts';
import * as load from './load-figures.ts';
import { readResults, type Results } from './results.ts';

/** The committed results with others in place of some. */
function resultsWith(parts: Partial<Results>): Results {
  return { ...readResults(), ...parts };
}

const quiet = [
  atMost('the other tenant: accept p95', 12, [16, 'ms']),
  atMost('the other tenant: end to end p95', 90, [80, 'ms']),
  atMost('the other tenant by one alone: accept p95', 12, [13, 'ms']),
];

function overload(goodput: number) {
  const targets = [2, 10].flatMap((factor) => [
    atLeast(`${factor}x: goodput, share of the capacity`, goodput - factor / 100, [0.9, '']),
    atMost(`${factor}x: refusal p99`, 8 * factor, [100, 'ms']),
  ]);
  return { parts: [{ what: 'orders', targets }], tenants: { targets: quiet } };
}

describe('Figures of runs under load', () => {
  it('A target of an overload is met when it is met at each factor', () => {
    const results = resultsWith({ overload: overload(1.01) });
    expect(load.goodputUnderOverload(results)).toEqual({ text: 'orders 2x 99 %, 10x 91 %', isMet: true });
    expect(load.refusalsUnderOverload(results)).toEqual({ text: 'orders 2x 16 ms, 10x 80 ms', isMet: true });
    expect(load.goodputUnderOverload(resultsWith({ overload: overload(0.99) }))?.isMet).toBe(false);
  });

  it('A target of an overload is missed when a part has not measured it', () => {
    expect(load.recoveryFromOverload(resultsWith({ overload: overload(1) }))?.isMet).toBe(false);
  });

  it('The target of the quiet tenant is missed when one of its latencies is too high', () => {
    const figure = load.noisyTenant(resultsWith({ overload: overload(1) }));
    expect(figure).toEqual({ text: 'accept p95 12 ms, end to end p95 90 ms', isMet: false });
    const byAlone = load.noisyTenantByAlone(resultsWith({ overload: overload(1) }));
    expect(byAlone).toEqual({ text: 'accept p95 12 ms', isMet: true });
  });

  it('A requirement has no figure while its results are not committed', () => {
    const nothing = resultsWith({ overload: null, users: null, hotSku: null, chaos: null, soak: null });
    expect(load.goodputUnderOverload(nothing)).toBeNull();
    expect(load.noisyTenant(nothing)).toBeNull();
    expect(load.usersAtOnce(nothing, 5_000)).toBeNull();
    expect(load.hotSku(nothing)).toBeNull();
    expect(load.recoveryFromKills(nothing)).toBeNull();
    expect(load.nothingLostUnderFaults(nothing)).toBeNull();
    expect(load.availabilityUnderFaults(nothing)).toBeNull();
  });
});

it('Users with think time and connections that are held are told apart', () => {
  const result = (users: number, polls: number, p95: number) => {
    const accept = { p50: 1, p95, p99: 90 };
    return { users, polls, idle: polls * 4, orders: 1_000, accept, errors: { 503: 2, ECONNRESET: 1 } };
  };
  const targets = [
    atMost('5000 users: accept p95', 9, [100, 'ms']),
    atMost('5000 users: errors', 0.003, [0.001, '']),
    atMost('5000 connections held: accept p95', 12, [100, 'ms']),
  ];
  const users = { results: [result(5_000, 0, 9), result(500, 1_000, 12)], targets };
  const text = (p95: string) => `accept p95 ${p95} ms, 3 errors in 1,000 orders`;
  expect(load.usersAtOnce(resultsWith({ users }), 5_000)).toEqual({ text: text('9.0'), isMet: false });
  expect(load.connectionsHeld(resultsWith({ users }), 5_000)).toEqual({ text: text('12.0'), isMet: true });
  expect(load.usersAtOnce(resultsWith({ users }), 500)).toBeNull();
});

it('Events whose handler waits are compared by partitions and by workers, and only if nothing was lost', () => {
  const run = (partitions: number, workers: number, processedPerSecond: number) => ({
    partitions,
    workers,
    processedPerSecond,
    isSound: true,
  });
  const consumers = [run(2, 1, 100), run(4, 1, 190), run(8, 1, 330), run(8, 2, 660), run(8, 4, 990)];
  const results = resultsWith({ workers: { systems: [], consumers } });
  expect(load.waitingPartitions(results)).toEqual({ text: '1.90 and 3.30', isMet: true });
  expect(load.waitingWorkers(results)).toEqual({ text: '2.00 and 3.00', isMet: false });
  const unsound = consumers.map((consumer) => ({ ...consumer, isSound: consumer.workers !== 4 }));
  const lost = resultsWith({ workers: { systems: [], consumers: unsound } });
  expect(load.waitingPartitions(lost)).toEqual({
    text: '1.90 and 3.30, with events lost or out of order',
    isMet: false,
  });
  expect(load.waitingWorkers(resultsWith({ workers: null }))).toBeNull();
});

it('The full run needs all its orders, all its faults and no violation', () => {
  const recovery = [
    { kind: 'kill at worker', faults: 3, orders: 9, fromBegin: null, fromHeal: { p50: 1, p99: 2, max: 59_000 } },
    { kind: 'freeze', faults: 3, orders: 9, fromBegin: null, fromHeal: { p50: 1, p99: 2, max: 90_000 } },
  ];
  const chaos = { orders: 10_000, faults: 200, kinds: 20, violations: 0, recovery };
  expect(load.nothingLostUnderFaults(resultsWith({ chaos }))?.isMet).toBe(true);
  expect(load.nothingLostUnderFaults(resultsWith({ chaos: { ...chaos, orders: 9_999 } }))?.isMet).toBe(false);
  expect(load.nothingLostUnderFaults(resultsWith({ chaos: { ...chaos, violations: 1 } }))?.isMet).toBe(false);
  const kills = load.recoveryFromKills(resultsWith({ chaos }));
  expect(kills).toEqual({ text: '59.0 s after the restart, the longest of the ordinary orders', isMet: true });
  expect(load.recoveryFromKills(resultsWith({ chaos: { ...chaos, recovery: recovery.slice(1) } }))).toBeNull();
});

it('Availability is the share of all requests, and 99.9 % is the limit', () => {
  const targets = [atMost('memory of combined-1', 1.126, [1.25, '']), atMost('time until a 202, p50', 2, [1.5, ''])];
  const soak = { minutes: 30, perSecond: 20, availability: 0.999, targets };
  const grown = 'memory of combined-1 1.13, time until a 202, p50 2.00';
  expect(load.flatnessOfSoak(resultsWith({ soak }))).toEqual({ text: grown, isMet: false });
  expect(load.flatnessOfSoak(resultsWith({ soak: { ...soak, targets: targets.slice(0, 1) } }))?.isMet).toBe(true);
  const text = '99.90 % of the requests, in 30 min at 20 orders/s';
  expect(load.availabilityUnderFaults(resultsWith({ soak }))).toEqual({ text, isMet: true });
  expect(load.availabilityUnderFaults(resultsWith({ soak: { ...soak, availability: 0.9989 } }))?.isMet).toBe(false);
});
