import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { plannedOrder } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { giveCommand, resolveCase, untilStatus, untilUnowned } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly to: string | null;
  readonly actor: string;
  readonly source: string;
  readonly data: Record<string, unknown>;
}

interface Effect {
  readonly at: string;
  readonly kind: string;
  readonly key: string;
  readonly state: string;
  readonly attempts: number | null;
  readonly movements: readonly { readonly at: string; readonly kind: string }[];
}

let system: TestSystem;
const faults = createFaults();
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

const MANUAL = { body: { payment: { method: 'pm_ok', capture: 'manual' } } };

async function timelineOf(orderId: string): Promise<Entry[]> {
  const { body } = await system.request<{ items: Entry[] }>(`/v1/orders/${orderId}/timeline`);
  return body.items;
}

async function typesOf(orderId: string): Promise<string[]> {
  return (await timelineOf(orderId)).map(({ type }) => type);
}

async function receiptOf(orderId: string): Promise<Effect[]> {
  const { body } = await system.request<{ effects: Effect[] }>(`/v1/orders/${orderId}/receipt`);
  return body.effects;
}

/** Reads an order's timeline again and again until `work` is over; returns every reading that differs. */
async function readingsDuring(orderId: string, work: Promise<unknown>): Promise<Entry[][]> {
  const readings: Entry[][] = [];
  const reading = new AbortController();
  const over = work.finally(() => reading.abort());
  while (!reading.signal.aborted) {
    const items = await timelineOf(orderId);
    if (JSON.stringify(items) !== JSON.stringify(readings.at(-1))) readings.push(items);
  }
  await over;
  readings.push(await timelineOf(orderId));
  return readings;
}

/** Expects that every entry of a reading is unchanged and in the same order in each later one. */
function expectKept(readings: readonly Entry[][]): void {
  const told = readings.map((items) => items.map(({ seq, ...entry }) => JSON.stringify(entry)));
  for (const [index, earlier] of told.slice(0, -1).entries()) {
    const later = told[index + 1] ?? [];
    expect(later.filter((entry) => earlier.includes(entry))).toEqual(earlier);
  }
}

async function capturedInParts(orderId: string): Promise<void> {
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 3_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await expect.poll(() => typesOf(orderId).then((types) => types.filter(isCapture))).toHaveLength(2);
  // The capture owns the order until its end is written; a refund before that would be told that the order is busy.
  await untilUnowned(system, orderId);
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 300, reason: 'scratched' });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  await giveCommand(system, orderId, { route: 'refunds', reason: 'returned' });
  await untilStatus(system, orderId, 'REFUNDED');
}

function isCapture(type: string): boolean {
  return type === 'payment.capture_succeeded';
}

it('The timeline of an order tells what happened in the order in which it happened', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  await expect.poll(() => typesOf(orderId)).toContain('message.sent');
  expect((await typesOf(orderId)).filter((type) => type !== 'message.sent')).toEqual([
    'order.opened',
    'stock.held',
    'payment.attempt',
    'payment.sale_succeeded',
    'stock.committed',
    'order.confirmed',
  ]);
});

it('The timeline stays as it was told through retries of a payment whose outcome is unknown', async () => {
  const { key, orderId } = plannedOrder();
  await system.postOrder({ method: 'pm_lost_reply' }, key);
  const readings = await readingsDuring(orderId, untilStatus(system, orderId, 'CONFIRMED'));
  expectKept(readings);
  expect(new Set(readings.map(({ length }) => length)).size).toBeGreaterThan(1);
  const payments = readings.at(-1)?.filter(({ source }) => source === 'payment');
  expect(payments?.map(({ type }) => type)).toEqual([
    'payment.attempt',
    'payment.sale_unknown',
    'payment.attempt',
    'payment.sale_succeeded',
  ]);
});

it('The timeline stays as it was told through captures and refunds in parts', async () => {
  const orderId = await system.postOrder(MANUAL);
  const readings = await readingsDuring(orderId, capturedInParts(orderId));
  expectKept(readings);
  expect(readings.length).toBeGreaterThan(5);
});

it('The timeline stays as it was told through a cancel that gives stock and money back', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  const cancelled = giveCommand(system, orderId, { route: 'cancel', reason: 'changed my mind' });
  const readings = await readingsDuring(
    orderId,
    cancelled.then(() => untilStatus(system, orderId, 'CANCELLED')),
  );
  expectKept(readings);
  const types = readings.at(-1)?.map(({ type }) => type) ?? [];
  const end = ['order.cancelling', 'payment.refund_succeeded', 'stock.restocked', 'order.cancelled'];
  expect(types.filter((type) => end.includes(type))).toEqual(end);
});

it('An attempt at the provider is told with what was asked, what it came to, and how long it took', async () => {
  const orderId = await system.postOrder({ method: 'pm_lost_reply' });
  await untilStatus(system, orderId, 'CONFIRMED');
  const attempts = (await timelineOf(orderId)).filter(({ type }) => type === 'payment.attempt');
  const key = `${orderId}:sale:1`;
  const common = { key, kind: 'sale', generation: 1, amountMinor: 4_500, currency: 'EUR', method: 'pm_lost_reply' };
  expect(attempts.map(({ data }) => data)).toMatchObject([
    { ...common, attempt: 1, call: 'charge', outcome: 'unknown', code: 'the connection failed', step: 'takePayment' },
    { ...common, attempt: 2, call: 'lookup', outcome: 'succeeded', providerRef: expect.any(String) },
  ]);
  for (const { data } of attempts) expect(data['durationMs']).toEqual(expect.any(Number));
});

it('An attempt at the provider is told also when it was declined', async () => {
  const orderId = await system.postOrder({ method: 'pm_declined' });
  await untilStatus(system, orderId, 'REJECTED');
  expect(await timelineOf(orderId)).toContainEqual(
    expect.objectContaining({
      type: 'payment.attempt',
      data: expect.objectContaining({ outcome: 'declined', code: 'card_declined', attempt: 1 }),
    }),
  );
});

it('An attempt that failed for good is told by itself, because the step has nothing to book', async () => {
  const orderId = await system.postOrder({ method: 'pm_refund_fails' });
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 100, reason: 'scratched' });
  await expect
    .poll(() => timelineOf(orderId))
    .toContainEqual(
      expect.objectContaining({
        type: 'payment.attempt',
        data: expect.objectContaining({ call: 'refund', outcome: 'refused', amountMinor: 100 }),
      }),
    );
});

it('A command is told with its actor and its time: who captured first', async () => {
  const orderId = await system.postOrder(MANUAL);
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  const token = await system.token('demo', undefined, 'ada');
  await system.request(`/v1/orders/${orderId}/capture`, {
    method: 'POST',
    token,
    headers: { 'idempotency-key': `capture-${orderId}` },
    body: JSON.stringify({ amountMinor: 1_000 }),
  });
  await untilStatus(system, orderId, 'CONFIRMED');
  const acts = (await timelineOf(orderId)).filter(({ source }) => source === 'command');
  expect(acts).toMatchObject([
    { type: 'command.capture', actor: 'ada', data: { amountMinor: 1_000, decision: 'accepted' } },
  ]);
});

it('A command that is refused is told too', async () => {
  const orderId = await system.postOrder({ method: 'pm_declined' });
  await untilStatus(system, orderId, 'REJECTED');
  await giveCommand(system, orderId, { route: 'cancel', reason: 'never mind' });
  expect(await timelineOf(orderId)).toContainEqual(
    expect.objectContaining({
      type: 'command.cancel',
      data: expect.objectContaining({ decision: 'too_late', reason: 'never mind' }),
    }),
  );
});

it('A command of an operator who takes another method tells the method', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so')));
  await system.postOrder({}, key);
  await resolveCase(system, orderId, { action: 'retryWith', patch: { method: 'pm_slow' }, actor: 'ada' });
  await untilStatus(system, orderId, 'CONFIRMED');
  expect(await timelineOf(orderId)).toContainEqual(
    expect.objectContaining({
      type: 'case.retryWith',
      actor: 'ada',
      data: expect.objectContaining({ method: 'pm_slow', step: 'take-payment', errorCode: 'payment_contract' }),
    }),
  );
});

it('A receipt tells when a line was held, not until when', async () => {
  const before = Date.now();
  const orderId = await system.postOrder(MANUAL);
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  const [line] = await receiptOf(orderId);
  expect(line).toMatchObject({ kind: 'stock', state: 'HELD', movements: [{ kind: 'hold' }] });
  expect(Date.parse(line?.at ?? '')).toBeGreaterThanOrEqual(before - 1_000);
  expect(Date.parse(line?.at ?? '')).toBeLessThanOrEqual(Date.now() + 1_000);
});

it('A receipt tells every movement of a line, also of one that went back', async () => {
  const refused = await system.postOrder({ method: 'pm_declined' });
  await untilStatus(system, refused, 'REJECTED');
  const sold = await system.postOrder();
  await untilStatus(system, sold, 'CONFIRMED');
  await giveCommand(system, sold, { route: 'cancel' });
  await untilStatus(system, sold, 'CANCELLED');
  const kindsOf = async (orderId: string) => (await receiptOf(orderId))[0]?.movements.map(({ kind }) => kind);
  expect(await kindsOf(refused)).toEqual(['hold', 'release']);
  expect(await kindsOf(sold)).toEqual(['hold', 'commit', 'restock']);
});

it('A receipt tells how often the provider was asked, and when each payment happened', async () => {
  const orderId = await system.postOrder({ method: 'pm_lost_reply' });
  await untilStatus(system, orderId, 'CONFIRMED');
  const sale = (await receiptOf(orderId)).find(({ key }) => key === `${orderId}:sale:1`);
  const told = (await timelineOf(orderId)).find(({ type }) => type === 'payment.sale_succeeded');
  expect(sale).toMatchObject({ state: 'SUCCEEDED', attempts: 2, at: told?.at });
});

it('A message that is sent once more is told twice, and the receipt keeps the time of the first', async () => {
  const sentOf = async (orderId: string) => (await timelineOf(orderId)).filter(({ type }) => type === 'message.sent');
  const orderId = await system.postOrder();
  await expect.poll(() => sentOf(orderId)).toHaveLength(1);
  const [first] = await sentOf(orderId);
  await system.request(`/v1/orders/${orderId}/notifications/order-confirmed/resend`, {
    method: 'POST',
    headers: { 'idempotency-key': `copy-${orderId}` },
  });
  await expect.poll(() => sentOf(orderId)).toHaveLength(2);
  const mail = (await receiptOf(orderId)).find(({ kind }) => kind === 'message');
  expect(mail).toMatchObject({ state: 'SENT', attempts: 2, at: first?.at });
});
