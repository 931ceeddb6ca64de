import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { orderIdFor } from '../../src/domain/ids.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { orderBody, startTestSystem, type Answer, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

interface PostOptions {
  readonly key?: string | null;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly query?: string;
}

/** Posts any body; a string is sent unchanged. */
function post(body: unknown, { key = randomUUID(), token, headers = {}, query = '' }: PostOptions = {}) {
  return system.request(`/v1/orders${query}`, {
    method: 'POST',
    headers: { ...(key === null ? {} : { 'idempotency-key': key }), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(token === undefined ? {} : { token }),
  });
}

/** The usual body with some fields replaced or added, including nested ones: `{ 'customer.id': 7 }`. */
function bodyWith(changes: Record<string, unknown>): unknown {
  const body: Record<string, unknown> = structuredClone(orderBody());
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    const parent = names.reduce((at, name) => at[name] as Record<string, unknown>, body);
    parent[last] = value;
  }
  return body;
}

function expectReplay(answer: Answer, first: Answer): void {
  expect(answer.status).toBe(202);
  expect(answer.body).toEqual(first.body);
  expect(answer.headers.get('idempotency-replayed')).toBe('true');
}

it('An accepted order is answered with its id, its address and its links', async () => {
  const key = randomUUID();
  const { status, headers, body } = await post(orderBody(), { key });

  const id = orderIdFor('demo', key);
  const self = `/v1/orders/${id}`;
  expect(status).toBe(202);
  expect(body).toEqual({ id, status: 'PENDING', links: { self, timeline: `${self}/timeline` } });
  expect(headers.get('location')).toBe(self);
  expect(headers.get('idempotency-replayed')).toBe('false');
  expect(headers.get('content-type')).toBe('application/json');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

it('An accepted order has the correlation id of its request', async () => {
  const { headers, body } = await post(orderBody(), { headers: { 'x-correlation-id': 'checkout-7.b:c_d' } });
  expect(headers.get('x-correlation-id')).toBe('checkout-7.b:c_d');
  expect(await system.orderAtRest(String(body['id']))).toMatchObject({ correlationId: 'checkout-7.b:c_d' });
});

it.each(['', 'two words', 'a'.repeat(65), '<script>'])(
  'An accepted order takes over no correlation id like "%s"',
  async (given) => {
    const { headers, body } = await post(orderBody(), { headers: { 'x-correlation-id': given } });
    expect(headers.get('x-correlation-id')).toBe(headers.get('x-request-id'));
    expect(await system.orderAtRest(String(body['id']))).toMatchObject({
      correlationId: headers.get('x-request-id'),
    });
  },
);

it('An accepted order has its lines of the same SKU added up', async () => {
  const lines = [
    { sku: 'SKU-0002', quantity: 1 },
    { sku: 'SKU-0001', quantity: 500 },
    { sku: 'SKU-0001', quantity: 500 },
  ];
  const { body } = await post(bodyWith({ lines }));
  const order = await system.orderAtRest(String(body['id']));
  expect(order.lines).toMatchObject([
    { sku: 'SKU-0001', quantity: 1_000 },
    { sku: 'SKU-0002', quantity: 1 },
  ]);
});

it('An order may have 100 lines', async () => {
  const lines = Array.from({ length: 100 }, (_, index) => ({ sku: `SKU-0${900 - index}`, quantity: 1 }));
  expect(await post(bodyWith({ lines }))).toMatchObject({ status: 202 });
});

it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON'])(
  'An order may come as %s',
  async (type) => {
    expect(await post(orderBody(), { headers: { 'content-type': type } })).toMatchObject({ status: 202 });
  },
);

it.each([8, 255])('An order may have a key of %i characters', async (length) => {
  const key = randomUUID().padEnd(length, 'x').slice(0, length);
  expect(await post(orderBody(), { key })).toMatchObject({ status: 202 });
});

it('A repeated key is answered as the first time, also when the order has long ended', async () => {
  const key = randomUUID();
  const first = await post(orderBody(), { key });
  expectReplay(await post(orderBody(), { key }), first);
  expect(await system.orderAtRest(String(first.body['id']))).toMatchObject({ status: 'CONFIRMED' });

  const late = await post(orderBody(), { key });
  expectReplay(late, first);
  expect(late.headers.get('location')).toBe(first.headers.get('location'));
});

it('A key is the same quoted and bare', async () => {
  const key = randomUUID();
  const first = await post(orderBody(), { key: `"${key}"` });
  expectReplay(await post(orderBody(), { key }), first);
});

it('A repeated key makes the same request however its body is written', async () => {
  const key = randomUUID();
  const line = (name: string, quantity: number) => ({ sku: name, quantity });
  const first = await post(bodyWith({ lines: [line('SKU-0003', 4), line('SKU-0004', 1)] }), { key });
  const split = [line('SKU-0004', 1), line('SKU-0003', 1), line('SKU-0003', 3)];
  expectReplay(await post(bodyWith({ lines: split, 'payment.capture': 'automatic' }), { key }), first);

  const { customer, ...others } = bodyWith({ lines: split }) as Record<string, unknown>;
  expectReplay(await post(JSON.stringify({ ...others, customer }, null, 2), { key }), first);
});

it.each([
  ['another quantity', { lines: [{ sku: 'SKU-0001', quantity: 3 }] }],
  ['another customer', { 'customer.id': 'cust_43' }],
  ['another address', { 'customer.email': 'bob@example.com' }],
  ['another payment method', { 'payment.method': 'pm_slow' }],
  ['a reference', { reference: 'cart-1' }],
  ['an expected total', { expectedTotalMinor: 4_500 }],
])('A repeated key is refused with %s', async (_, changes) => {
  const key = randomUUID();
  expect(await post(orderBody(), { key })).toMatchObject({ status: 202 });
  expectProblem(await post(bodyWith(changes), { key }), 'idempotency_key_reused');
});

it('A key of another tenant makes an order of its own', async () => {
  const key = randomUUID();
  const first = await post(orderBody(), { key });
  const other = await post(bodyWith({ reference: 'theirs' }), { key, token: await system.token('acme') });
  expect(other.headers.get('idempotency-replayed')).toBe('false');
  expect(other.body['id']).not.toBe(first.body['id']);
});

it.each([null, '', '  ', '""'])('A post needs an Idempotency-Key, not %j', async (key) => {
  const answer = await post(orderBody(), { key });
  expectProblem(answer, key === '""' ? 'idempotency_key_malformed' : 'idempotency_key_missing');
});

it.each(['short-7', 'x'.repeat(256), 'with blank', 'with/slash', '"half-quoted', 'naïveté-key', 'twice, twice'])(
  'A post needs a well-formed key, not %s',
  async (key) => {
    expectProblem(await post(orderBody(), { key }), 'idempotency_key_malformed');
  },
);

it.each(['', '{', '{"lines":[}', '{} {}', "{'a':1}", 'NaN', '\u0000', '{"a":1,}'])(
  'A post needs JSON, not %j',
  async (body) => {
    expectProblem(await post(body), 'malformed_json');
  },
);

it('A post needs JSON in UTF-8', async () => {
  const bytes = Buffer.from(JSON.stringify(bodyWith({ reference: 'caf\u00e9' })), 'latin1');
  const headers = { 'idempotency-key': randomUUID() };
  expectProblem(await system.request('/v1/orders', { method: 'POST', headers, body: bytes }), 'malformed_json');
});

it('A post needs a token, and one with the scope', async () => {
  expectProblem(await post(orderBody(), { headers: { authorization: '' } }), 'unauthorized');
  const token = await system.token('demo', ['orders:read']);
  const problem = expectProblem(await post(orderBody(), { token }), 'forbidden');
  expect(problem.detail).toContain('orders:write');
});

it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/jsonp', 'json'])(
  'A post is refused as %s',
  async (type) => {
    expectProblem(await post(orderBody(), { headers: { 'content-type': type } }), 'unsupported_media_type');
  },
);

it('A post is refused when it is compressed', async () => {
  const answer = await post(orderBody(), { headers: { 'content-encoding': 'gzip' } });
  expectProblem(answer, 'unsupported_media_type');
});

it('A post has at most 64 KiB', async () => {
  expectProblem(await post(bodyWith({ reference: 'x'.repeat(64 * 1_024) })), 'payload_too_large');
});

it.each(['?dryRun=maybe', '?limit=1'])('A post takes no other parameter: %s makes no order', async (query) => {
  const key = randomUUID();
  expectProblem(await post(orderBody(), { key, query }), 'validation_failed');
  expectProblem(await system.request(`/v1/orders/${orderIdFor('demo', key)}`), 'not_found');
});

it.each(['PUT', 'PATCH', 'DELETE'])('A request with the method %s learns the allowed methods', async (method) => {
  const answer = await system.request('/v1/orders', { method });
  expectProblem(answer, 'method_not_allowed');
  expect(answer.headers.get('allow')?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'POST']);
});

const tooMany = Array.from({ length: 101 }, () => ({ sku: 'SKU-0001', quantity: 1 }));
const overTheLimit = [600, 401].map((quantity) => ({ sku: 'SKU-0001', quantity }));

it.each<[string, Record<string, unknown>, string[]]>([
  ['no lines', { lines: [] }, ['/lines']],
  ['101 lines', { lines: tooMany }, ['/lines']],
  ['1,001 pieces of a SKU in two lines', { lines: overTheLimit }, ['/lines']],
  ['1,001 pieces in a line', { lines: [{ sku: 'A', quantity: 1_001 }] }, ['/lines/0/quantity']],
  ['no pieces', { lines: [{ sku: 'A', quantity: 0 }] }, ['/lines/0/quantity']],
  ['half a piece', { lines: [{ sku: 'A', quantity: 1.5 }] }, ['/lines/0/quantity']],
  ['a quantity in words', { lines: [{ sku: 'A', quantity: '2' }] }, ['/lines/0/quantity']],
  ['a SKU with a blank', { lines: [{ sku: 'A B', quantity: 1 }] }, ['/lines/0/sku']],
  ['several faults', { lines: [{ sku: '', quantity: -1 }], currency: 'eur' }, ['/lines/0/sku', '/lines/0/quantity']],
  ['a currency that does not exist', { currency: 'ABC' }, ['/currency']],
  ['no customer', { customer: undefined }, ['/customer']],
  ['an empty customer id', { 'customer.id': '' }, ['/customer/id']],
  ['an address that is none', { 'customer.email': 'ada' }, ['/customer/email']],
  ['a phone number that is none', { 'customer.phone': '12' }, ['/customer/phone']],
  ['an amount beyond integers', { expectedTotalMinor: 2 ** 53 + 2 }, ['/expectedTotalMinor']],
  ['a negative amount', { expectedTotalMinor: -1 }, ['/expectedTotalMinor']],
  ['no payment method', { payment: {} }, ['/payment/method']],
  ['an unknown way to capture', { 'payment.capture': 'later' }, ['/payment/capture']],
  ['an unknown field', { discount: 5 }, ['/discount']],
  ['an unknown field of the customer', { 'customer.e-mail': 'a@b.c' }, ['/customer/e-mail']],
  ['an unknown field with a slash', { 'payment.a/b~c': 1 }, ['/payment/a~1b~0c']],
])('An invalid body is refused with a pointer to the mistake: %s', async (_, changes, pointers) => {
  const problem = expectProblem(await post(bodyWith(changes)), 'validation_failed');
  expect(pointersOf(problem)).toEqual(expect.arrayContaining(pointers));
});

it.each(['[]', '"order"', 'null', '7', 'true'])('An invalid body is refused as a whole: %s', async (body) => {
  expect(pointersOf(expectProblem(await post(body), 'validation_failed'))).toEqual(['']);
});

const strings = ['customer.id', 'customer.email', 'customer.phone', 'currency', 'payment.method', 'reference'];
it.each(strings.flatMap((field) => [`a\0b`, 'a\ud800b', '\udfff'].map((value) => [field, value] as const)))(
  'A body is refused with NUL or half a surrogate pair in %s: %j',
  async (field, value) => {
    const problem = expectProblem(await post(bodyWith({ [field]: value })), 'validation_failed');
    expect(pointersOf(problem)).toEqual([`/${field.replace('.', '/')}`]);
  },
);

it('An invalid body is described by at most 50 entries', async () => {
  const unknown = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`field${index}`, index]));
  expect(expectProblem(await post(bodyWith(unknown)), 'validation_failed').errors).toHaveLength(50);
});
