import { expect, it } from 'vitest';
import { readLoadTestOptions } from './options.ts';
import { createPostMaker } from './posts.ts';
import { recoverySeconds, type Normal, type Served } from './recovery.ts';
import { createSegmentTally } from './segment-tally.ts';
import { LOAD_TESTS } from './tests.ts';

const NORMAL: Normal = {
  accept: { p50: 10, p95: 20, p99: 30 },
  endToEnd: { p50: 50, p95: 80, p99: 90 },
  inFlight: 4,
};

/** Ten posts in each of these seconds, which took this long. */
function served(endToEndBySecond: readonly number[]): Served[] {
  return endToEndBySecond.flatMap((endToEndMs, second) =>
    Array.from({ length: 10 }, (_, index) => ({ dueAt: second * 1_000 + index * 100, acceptMs: 15, endToEndMs })),
  );
}

const recovery = (endToEndBySecond: readonly number[], inFlight: readonly number[] = []): number =>
  recoverySeconds(
    NORMAL,
    { from: 0, seconds: endToEndBySecond.length, served: served(endToEndBySecond) },
    inFlight.map((count, second) => ({ second: second + 0.5, inFlight: count })),
  );

it('A service has recovered when the last second that is not normal is over', () => {
  expect(recovery([70, 70, 70, 70])).toBe(0);
  expect(recovery([900, 70, 70, 70])).toBe(1);
  expect(recovery([70, 70, 900, 70])).toBe(3);
  expect(recovery([70, 70, 70, 900])).toBe(4);
});

it('A service has not recovered while work is left over, or nothing is accepted', () => {
  expect(recovery([70, 70, 70], [100, 60, 10])).toBe(2);
  const after = { from: 0, seconds: 3, served: served([70]) };
  expect(recoverySeconds(NORMAL, after, [])).toBe(3);
});

it('A tally counts answers by their kind, and refusals that do not say when to come again', () => {
  const tally = createSegmentTally('overload');
  tally.record({ status: 202, text: '{"id":"ord_1"}' }, performance.now());
  tally.record({ status: 202, text: '{"accepted":100,"duplicates":0}' }, performance.now());
  tally.record({ status: 503, text: '{"code":"unavailable"}', retryAfter: '3' }, performance.now() - 40);
  tally.record({ status: 503, text: 'oops', retryAfter: 'soon' }, performance.now());
  tally.record({ status: 429, text: '{"code":"rate_limited"}' }, performance.now());
  tally.record({ status: 0, text: 'ECONNRESET' }, performance.now());
  const report = tally.report();
  expect(report).toMatchObject({ posts: 6, accepted: 101, withoutRetryAfter: 2 });
  expect(report.refused).toEqual({ '503 unavailable': 1, '503': 1, '429 rate_limited': 1, 'no answer': 1 });
  expect(report.posted.map(([, , orderId]) => orderId)).toEqual(['ord_1', null]);
  expect(report.refuse?.p99).toBeGreaterThan(39);
});

it('Each kind of post is one that a healthy service accepts', () => {
  const one = JSON.parse(createPostMaker('orders-of-one-sku')().body) as { readonly lines: unknown };
  expect(one.lines).toEqual([{ sku: 'SKU-0001', quantity: 1 }]);
  const batch = JSON.parse(createPostMaker('events')().body) as {
    readonly events: readonly { readonly id?: string }[];
  };
  expect(batch.events).toHaveLength(100);
  expect(batch.events.every(({ id }) => id === undefined)).toBe(true);
});

it('The tests of load have their usual lengths, and take others', () => {
  expect([...LOAD_TESTS].map(([name, { seconds }]) => [name, seconds])).toEqual([
    ['overload', 120],
    ['hot-sku', 20],
    ['users', 60],
  ]);
  expect(readLoadTestOptions([], 120)).toMatchObject({ seconds: 120, factors: [2, 10], users: [5_000, 10_000] });
  expect(readLoadTestOptions(['--seconds', '10', '--factors', '3', '--env', 'A=b'], 120)).toMatchObject({
    seconds: 10,
    factors: [3],
    env: { A: 'b' },
  });
  expect(readLoadTestOptions(['--help'], 120)).toBeNull();
});

it.each([
  [['--seconds', '1'], '--seconds: "1" is not a whole number from 5 to 3600'],
  [['--parts', 'orders,cats'], 'there is no part cats'],
  [['--users', '1e3'], '--users: "1e3" is not a whole number from 1 to 15000'],
  [['twice'], "Unexpected argument 'twice'"],
])('The options %j of a load test are refused', (args, message) => {
  expect(() => readLoadTestOptions(args, 120)).toThrow(message);
});
