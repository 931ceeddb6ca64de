import { afterAll, beforeAll, expect, it } from 'vitest';
import { plannedOrder } from '../support/faults/evidence.ts';
import { giveCommand, resolveCase, openCaseOf, untilStatus } from '../support/faults/order-actions.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

const tryDry = (body: object) =>
  system.request('/v1/orders?dryRun=true', { method: 'POST', body: JSON.stringify(body) });

it('A dry run says what would be held, needs no key and changes nothing', async () => {
  const before = await system.request('/v1/stock/SKU-0001');
  expect(await tryDry(orderBody())).toMatchObject({
    status: 200,
    body: {
      wouldHold: true,
      totalMinor: 4_500,
      refusal: null,
      lines: [{ sku: 'SKU-0001', quantity: 2, unitPriceMinor: 2_250 }],
    },
  });
  expect((await system.request('/v1/stock/SKU-0001')).body).toEqual(before.body);
});

it.each([
  ['out_of_stock', { sku: 'SKU-SCARCE', quantity: 6 }],
  ['unknown_sku', { sku: 'SKU-NONE' }],
  ['price_changed', { body: { expectedTotalMinor: 1 } }],
])('A dry run says why the order would be refused: %s', async (reason, order) => {
  expect((await tryDry(orderBody(order))).body).toMatchObject({ wouldHold: false, refusal: { reason } });
});

const explain = (orderId: string) => system.request(`/v1/orders/${orderId}/explain`).then(({ body }) => body);

it('The explanation of a sold order says that nothing has to be done', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  expect(await explain(orderId)).toMatchObject({ status: 'CONFIRMED', waitsFor: 'nothing', whoMustAct: 'nobody' });
});

it('The explanation of a payment that is tried again says when', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  // All of it at once: while an attempt is under way there is no next one.
  await expect
    .poll(() => explain(orderId))
    .toMatchObject({
      waitsFor: 'a retry',
      step: 'take-payment',
      whoMustAct: 'the system',
      nextRetryAt: expect.any(String),
      lastError: expect.stringContaining('unknown'),
    });
  await giveCommand(system, orderId, { route: 'cancel' });
});

it('The explanation of a parked order names the case', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  const { id } = await openCaseOf(system, orderId);
  expect(await explain(orderId)).toMatchObject({ situation: 'parked', whoMustAct: 'an operator', caseId: id });
  await giveCommand(system, orderId, { route: 'cancel' });
});

it('The explanation of an order that is not there, or of another tenant, is a 404', async () => {
  const orderId = await system.postOrder();
  const token = await system.token('acme');
  for (const route of ['explain', 'receipt', 'timeline']) {
    expect((await system.request(`/v1/orders/${orderId}/${route}`, { token })).status).toBe(404);
    expect((await system.request(`/v1/orders/${plannedOrder().orderId}/${route}`)).status).toBe(404);
  }
});

it('The receipt and the timeline of an order tell what happened to it: money, stock, messages and people', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  await openCaseOf(system, orderId);
  await resolveCase(system, orderId, { action: 'abort', reason: 'wrong amount', actor: 'ada' });
  await untilStatus(system, orderId, 'REJECTED');

  const receipt = await system.request<{ effects: { kind: string; key: string; state: string }[] }>(
    `/v1/orders/${orderId}/receipt`,
  );
  expect(receipt.body.effects).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'stock', state: 'RELEASED', undoneBy: expect.any(String) }),
      expect.objectContaining({ key: `${orderId}:sale:1`, state: 'SUCCEEDED', undoneBy: `${orderId}:refund:1` }),
      expect.objectContaining({ key: `${orderId}:refund:1`, providerRef: expect.any(String) }),
    ]),
  );
  const { body } = await system.request<{ items: { type: string; source: string; actor: string }[] }>(
    `/v1/orders/${orderId}/timeline`,
  );
  expect(body.items.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['order.opened', 'case.opened', 'case.abort', 'payment.refund_succeeded', 'order.rejected']),
  );
  expect(body.items.find(({ type }) => type === 'case.abort')).toMatchObject({ source: 'operator', actor: 'ada' });
});
