import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import { createFastPathActivities, type EndedStep, type FastPathPlan, type FastPathStep } from './fast-path.ts';
import type { Activities } from './index.ts';

const SECOND = 1_000;
const ORDER = { orderId: 'ord_1', tenantId: 'demo' };

const PLAN = {
  isFirstTask: true,
  opening: { order: ORDER, firstExecutionRunId: 'run-1' },
  hold: { ...ORDER, currency: 'EUR', lines: [{ sku: 'SKU-0001', quantity: 1 }], holdTtlSeconds: 60 },
  payment: { ...ORDER, currency: 'EUR', method: 'pm_ok' },
  message: { ...ORDER, template: 'order-confirmed', content: { currency: 'EUR', reference: null } },
  limitsMs: {
    openOrder: SECOND,
    holdStock: SECOND,
    takePayment: SECOND,
    commitStock: SECOND,
    confirmOrder: SECOND,
    sendMessage: SECOND,
  },
} as unknown as FastPathPlan;

const OPENED = { kind: 'open', status: 'PENDING', refusal: null, totalMinor: null };

/** The answer of each step when nothing goes wrong. */
const WELL: Readonly<Record<FastPathStep, unknown>> = {
  openOrder: OPENED,
  holdStock: { kind: 'held', totalMinor: 1_299 },
  takePayment: { kind: 'captured' },
  commitStock: { kind: 'committed' },
  confirmOrder: undefined,
  sendMessage: undefined,
};

/** When a step was tried, and how long the try took. */
const TIMES = { startedAtMs: expect.any(Number) as number, durationMs: expect.any(Number) as number };

/** Runs the pass over steps with the given answers, and returns the input of each step. */
async function pass(answers: Partial<Record<FastPathStep, unknown>> = {}, plan: Partial<FastPathPlan> = {}) {
  const calls: [step: string, input: unknown][] = [];
  const ended: EndedStep[] = [];
  const steps = Object.fromEntries(
    Object.entries({ ...WELL, ...answers }).map(([name, answer]) => [
      name,
      async (input: unknown): Promise<unknown> => {
        calls.push([name, input]);
        if (answer instanceof Error) throw answer;
        return typeof answer === 'function' ? ((await answer()) as unknown) : answer;
      },
    ]),
  ) as unknown as Activities;
  const result = await createFastPathActivities(steps, (step) => ended.push(step)).tryFastPath({ ...PLAN, ...plan });
  return { result, calls, ended };
}

const DATABASE_AWAY = ApplicationFailure.create({ type: 'database_unavailable', message: 'away', nonRetryable: false });

it('The fast path of an order goes from step to step with the total that was held', async () => {
  const { result, calls } = await pass();
  expect(calls.map(([step]) => step)).toEqual(Object.keys(WELL));
  expect(Object.fromEntries(calls)).toMatchObject({
    takePayment: { method: 'pm_ok', amountMinor: 1_299 },
    confirmOrder: { ...ORDER, totalMinor: 1_299 },
    sendMessage: { template: 'order-confirmed', content: { totalMinor: 1_299, currency: 'EUR' } },
  });
  expect(result).toEqual(
    Object.fromEntries(Object.entries(WELL).map(([step, answer]) => [step, { answer, ...TIMES }])),
  );
});

it.each<[step: FastPathStep, what: string, answer: unknown]>([
  ['openOrder', 'belongs to another workflow', { kind: 'duplicate' }],
  ['openOrder', 'was confirmed before', { ...OPENED, status: 'CONFIRMED' }],
  ['openOrder', 'was refused before', { ...OPENED, refusal: { reason: 'out_of_stock', details: null } }],
  ['holdStock', 'is refused', { kind: 'refused', refusal: { reason: 'out_of_stock', details: null } }],
  ['takePayment', 'is declined', { kind: 'declined', declineCode: 'card_declined', soft: false }],
  ['takePayment', 'is only authorized', { kind: 'authorized' }],
  ['commitStock', 'finds its hold expired', { kind: 'hold_lost' }],
])('The fast path of an order ends at %s that %s', async (step, _, answer) => {
  const { result, calls } = await pass({ [step]: answer });
  expect(calls.at(-1)?.[0]).toBe(step);
  expect(Object.entries(result).at(-1)).toEqual([step, { answer, ...TIMES }]);
});

it.each(['openOrder', 'holdStock', 'takePayment', 'commitStock'] as const)(
  'The fast path of an order ends at %s when it fails, and tells why as data',
  async (step) => {
    const { result, calls } = await pass({ [step]: DATABASE_AWAY });
    expect(calls.at(-1)?.[0]).toBe(step);
    const failure = { type: 'database_unavailable', message: 'away', nonRetryable: false };
    expect(Object.entries(result).at(-1)).toEqual([step, { failure, ...TIMES }]);
  },
);

it('The fast path of an order tells the customer also when the confirmation fails, as the workflow does, and the other way round', async () => {
  const failure = { type: 'database_unavailable', message: 'away', nonRetryable: false };
  const unconfirmed = await pass({ confirmOrder: DATABASE_AWAY });
  expect(unconfirmed.result).toMatchObject({ confirmOrder: { failure }, sendMessage: { answer: undefined } });
  const untold = await pass({ sendMessage: DATABASE_AWAY });
  expect(untold.result).toMatchObject({ confirmOrder: { answer: undefined }, sendMessage: { failure } });
});

it('The fast path of an order gives a step up that takes longer than its limit, and ends there', async () => {
  const limitsMs = { ...PLAN.limitsMs, holdStock: 20 };
  const { result, calls } = await pass({ holdStock: () => sleep(60, WELL.holdStock) }, { limitsMs });
  expect(calls.at(-1)?.[0]).toBe('holdStock');
  expect(result.holdStock).toEqual({
    failure: { type: 'timeout', message: 'no answer within 20 ms', nonRetryable: false },
    ...TIMES,
  });
});

it('The fast path of an order keeps the text of an unexpected error to itself', async () => {
  const { result } = await pass({ holdStock: new TypeError('ada@example.com is not a function') });
  expect(result.holdStock?.failure).toMatchObject({ type: 'unclassified', nonRetryable: true });
  expect(JSON.stringify(result)).not.toContain('ada@example.com');
});

it('The fast path of an order ends before a payment that runs elsewhere', async () => {
  const { calls } = await pass({}, { payment: null });
  expect(calls.map(([step]) => step)).toEqual(['openOrder', 'holdStock']);
});

it('The fast path of an order leaves the message to the worker that sends it, where that is not this one', async () => {
  const { result, calls } = await pass({}, { message: null });
  expect(calls.at(-1)?.[0]).toBe('confirmOrder');
  expect(Object.keys(result)).not.toContain('sendMessage');
});

it('The fast path tries nothing in a run that is not the first of its order', async () => {
  const { calls, result } = await pass({}, { isFirstTask: false });
  expect(calls).toEqual([]);
  expect(result).toEqual({});
});

it('The fast path of an order tells of each step that it has tried, with its time and the code of its failure', async () => {
  const { ended } = await pass({ takePayment: DATABASE_AWAY });
  expect(ended.map(({ step, failure }) => [step, failure])).toEqual([
    ['openOrder', null],
    ['holdStock', null],
    ['takePayment', 'database_unavailable'],
  ]);
  for (const { seconds } of ended) expect(seconds).toBeGreaterThanOrEqual(0);
});

it('The fast path of an order tells of a step that it has given up', async () => {
  const limitsMs = { ...PLAN.limitsMs, holdStock: 20 };
  const { ended } = await pass({ holdStock: () => sleep(60, WELL.holdStock) }, { limitsMs });
  expect(ended.at(-1)).toMatchObject({ step: 'holdStock', failure: 'timeout' });
  expect(ended.at(-1)?.seconds).toBeGreaterThan(0.01);
});
