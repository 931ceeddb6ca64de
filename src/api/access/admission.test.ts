import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import type { Caller } from '../http/context.ts';
import { ProblemError, unavailable } from '../http/problem.ts';
import { createAdmission, type AdmissionDeps } from './admission.ts';
import { createTokenMemory } from './token-memory.ts';

const CALLER = { tenantId: 'shop', subject: 's', scopes: new Set(), ownOnly: new Set() } as unknown as Caller;
const LIMITED = new ProblemError('rate_limited', 'too many');

function request(method: string, url: string, token = 'known'): IncomingMessage {
  return { method, url, headers: { authorization: `Bearer ${token}` } } as unknown as IncomingMessage;
}

/** An admission of a service that has no room at all, for a tenant that has points. */
function admission(changed: Partial<AdmissionDeps> = {}) {
  const tokens = createTokenMemory();
  tokens.keep('known', CALLER, Date.now() + 60_000);
  const budget = { refusalOf: () => null, spend: () => Promise.resolve(), most: 1 };
  return createAdmission({
    tokens,
    requestBudget: budget,
    eventBudget: budget,
    orders: { refusalOf: () => unavailable('no room for orders') },
    intake: { refusal: () => unavailable('no room for events') },
    ...changed,
  });
}

it('A service without room refuses new orders and events by their head, and nothing else', () => {
  const refusalOf = admission();
  expect(refusalOf(request('POST', '/v1/orders'))?.detail).toBe('no room for orders');
  expect(refusalOf(request('POST', '/v1/events'))?.detail).toBe('no room for events');
  for (const [method, url] of [
    ['POST', '/v1/orders?dryRun=true'],
    ['POST', '/v1/orders/ord_1/cancel'],
    ['POST', '/v1/payment-webhooks/stripe'],
    ['GET', '/v1/orders'],
    ['GET', '/v1/orders/ord_1?wait=10'],
    ['GET', '/livez'],
    ['POST', '/v1/events/replays'],
  ] as const) {
    expect(refusalOf(request(method, url)), `${method} ${url}`).toBeNull();
  }
});

it('A caller whose token was not verified a moment ago goes the whole way', () => {
  const refusalOf = admission();
  expect(refusalOf(request('POST', '/v1/orders', 'forged'))).toBeNull();
  expect(refusalOf({ method: 'POST', url: '/v1/orders', headers: {} } as IncomingMessage)).toBeNull();
});

it('A tenant without points is refused before the room is asked for, by the budget that the request costs', () => {
  const limited = { refusalOf: () => LIMITED, spend: () => Promise.resolve(), most: 1 };
  const ofRequests = admission({ requestBudget: limited });
  expect(ofRequests(request('POST', '/v1/orders'))).toBe(LIMITED);
  expect(ofRequests(request('GET', '/v1/orders'))).toBe(LIMITED);
  expect(ofRequests(request('POST', '/v1/events'))?.code).toBe('unavailable');
  expect(admission({ eventBudget: limited })(request('POST', '/v1/events'))).toBe(LIMITED);
});
