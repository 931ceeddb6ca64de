import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

const CARD = '4111111111111111';
const ORDER = `ord_${'a'.repeat(26)}`;
const CLOUD_EVENT = { specversion: '1.0', id: 'e1', source: '/shop', type: 'custom' };

function post(path: string, body: object, headers: Record<string, string> = {}) {
  const init = { 'idempotency-key': randomUUID(), ...headers };
  return system.request(path, { method: 'POST', headers: init, body: JSON.stringify(body) });
}

/** Bodies with the pointer of their card number. */
const BODIES: [string, object, string][] = [
  ['/v1/orders', orderBody({ method: CARD }), '/payment/method'],
  ['/v1/orders', orderBody({ method: '4111-1111-1111-1111' }), '/payment/method'],
  ['/v1/orders', orderBody({ body: { reference: `card 4111 1111 1111 1111 12/28` } }), '/reference'],
  ['/v1/orders', orderBody({ body: { customer: { id: `c${CARD}` } } }), '/customer/id'],
  ['/v1/orders', orderBody({ body: { customer: { id: 'c', email: `${CARD}@example.com` } } }), '/customer/email'],
  ['/v1/orders?dryRun=true', orderBody({ method: CARD }), '/payment/method'],
  [`/v1/orders/${ORDER}/cancel`, { reason: CARD }, '/reason'],
  ['/v1/stock/SKU-0001/adjustments', { delta: 1, reason: CARD }, '/reason'],
  [
    '/v1/cases/case_x/resolve',
    { action: 'retryWith', patch: { method: CARD }, reason: 'a', version: 1 },
    '/patch/method',
  ],
  ['/v1/webhooks', { url: `https://example.com/${CARD}`, events: ['order.created'] }, '/url'],
  ['/v1/events', { type: 'custom', properties: { note: { numbers: ['a', CARD] } } }, '/properties/note/numbers/1'],
  ['/v1/events', { type: 'custom', properties: { pan: Number(CARD) } }, '/properties/pan'],
  ['/v1/events', { type: 'custom', properties: { [CARD]: 1 } }, '/properties'],
  ['/v1/events', { events: [{ type: 'custom', userId: CARD }] }, '/events/0/userId'],
];

it.each(BODIES)('A card number is refused by %s, and not repeated: %#', async (path, body, pointer) => {
  const answer = await post(path, body);
  expect(pointersOf(expectProblem(answer, 'validation_failed'))).toEqual([pointer]);
  // The request's id is random: one in a few thousand holds the first digits of the card.
  expect(JSON.stringify({ ...answer.body, requestId: null })).not.toMatch(/4111/);
});

it('A card number is refused in a CloudEvent in any attribute', async () => {
  const headers = { 'content-type': 'application/cloudevents+json' };
  for (const member of [{ data: { pan: CARD } }, { subject: CARD }, { extension: CARD }]) {
    const answer = await post('/v1/events', { ...CLOUD_EVENT, ...member }, headers);
    expect(expectProblem(answer, 'validation_failed').errors).toHaveLength(1);
  }
});

it('A card number is refused when it is written with escapes', async () => {
  const body = `{"type":"custom","properties":{"pan":"\\u0034111111111111111"}}`;
  const answer = await system.request('/v1/events', { method: 'POST', body });
  expect(pointersOf(expectProblem(answer, 'validation_failed'))).toEqual(['/properties/pan']);
});

it('A card number is no key, no correlation id and nothing to search for', async () => {
  expectProblem(await post('/v1/orders', orderBody({}), { 'idempotency-key': CARD }), 'idempotency_key_malformed');
  expectProblem(await system.request(`/v1/orders?reference=${CARD}`), 'validation_failed');
  const { headers } = await system.request('/v1/orders', { headers: { 'x-correlation-id': CARD } });
  expect(headers.get('x-correlation-id')).toBe(headers.get('x-request-id'));
});

it('A time, a UUID or a trace id is not taken for a card number', async () => {
  const properties = {
    at: 1_764_000_000_006,
    id: '44112233-4411-4411-8411-441122334411',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  };
  expect(await post('/v1/events', { type: 'custom', properties })).toMatchObject({ status: 202 });
});
