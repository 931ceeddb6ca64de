import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WEBHOOKS_PER_TENANT_MAX } from '../../src/domain/webhook.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type Answer, type TestSystem } from '../support/system.ts';
import { orderEvent, publisherOf } from '../support/http/webhook-receiver.ts';

interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly state: string;
  readonly secret?: string | null;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

let system: TestSystem;
let acme: string;
let other: string;
beforeAll(async () => {
  system = await startTestSystem({ worker: false, env: { WEBHOOK_ALLOW_PRIVATE: 'false' } });
  acme = await system.token('acme');
  other = await system.token('other');
});
afterAll(() => system.stop());

const WANTED = { url: 'https://shop.example.com/hooks?token=abc', events: ['order.confirmed', 'order.cancelled'] };

function create(
  body: unknown = WANTED,
  { key = randomUUID(), token = acme }: { key?: string; token?: string } = {},
): Promise<Answer<Webhook>> {
  return system.request<Webhook>('/v1/webhooks', {
    method: 'POST',
    token,
    headers: { 'idempotency-key': key },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function call<Body = Webhook>(method: string, path: string, token = acme): Promise<Answer<Body>> {
  return system.request<Body>(path, { method, token });
}

function actsOn(id: string): Promise<{ action: string; actor: string; after: unknown }[]> {
  return system.database.query(
    'SELECT action, actor, after FROM audit.operator_actions WHERE subject = $1 ORDER BY at, action',
    [id],
  );
}

it('A webhook is made once per key, and shows its secret to nobody who did not make it', async () => {
  const key = randomUUID();
  const made = await create(WANTED, { key });
  expect(made).toMatchObject({ status: 201, body: { ...WANTED, state: 'ACTIVE', disabledReason: null } });
  expect(made.body.id).toMatch(/^wh_[a-z2-7]{26}$/);
  expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(made.headers.get('location')).toBe(`/v1/webhooks/${made.body.id}`);
  expect(made.headers.get('idempotency-replayed')).toBe('false');

  const again = await create(WANTED, { key });
  expect(again).toMatchObject({ status: 201, body: { id: made.body.id, secret: made.body.secret } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  await system.database.query(
    `UPDATE notifications.webhook_subscriptions SET created_at = now() - interval '11 minutes' WHERE subscription_id = $1`,
    [made.body.id],
  );
  expect((await create(WANTED, { key })).body.secret).toBeNull();
  expectProblem(await create({ ...WANTED, events: ['order.*'] }, { key }), 'idempotency_key_reused');
  const read = await call('GET', `/v1/webhooks/${made.body.id}`);
  expect(read).toMatchObject({ status: 200, body: { id: made.body.id } });
  expect(Object.keys(read.body)).not.toContain('secret');

  const stored = await system.database.query<{ row: string }>(
    `SELECT t::text AS row FROM notifications.webhook_subscriptions t
       UNION ALL SELECT a::text FROM audit.operator_actions a`,
  );
  const bare = made.body.secret?.replace('whsec_', '') ?? '';
  expect(bare).toHaveLength(44);
  expect(stored.map(({ row }) => row).join('\n')).not.toContain(bare);
  expect(await actsOn(made.body.id)).toEqual([
    { action: 'webhook.create', actor: 'dev', after: { host: 'shop.example.com', events: WANTED.events } },
  ]);
});

it('A webhook has the address that was parsed and checked, not the one that was written', async () => {
  const url = 'HTTPS://SHOP.example.com:443/a/../hook\t?x=ü b';
  const made = await create({ ...WANTED, url });
  expect(made).toMatchObject({ status: 201, body: { url: 'https://shop.example.com/hook?x=%C3%BC%20b' } });
  expect(await call('GET', `/v1/webhooks/${made.body.id}`)).toMatchObject({ body: { url: made.body.url } });
  const long = `https://shop.example.com/${'ü'.repeat(1_000)}`;
  expect(pointersOf(expectProblem(await create({ ...WANTED, url: long }), 'validation_failed'))).toEqual(['/url']);
});

it('A webhook is made once by many requests at once', async () => {
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: 8 }, () => create(WANTED, { key })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  expect(new Set(answers.map(({ body }) => `${body.id} ${body.secret}`)).size).toBe(1);
});

it('A webhook is deleted for good: its key makes no other', async () => {
  const key = randomUUID();
  const { body } = await create(WANTED, { key });
  expect(await call('DELETE', `/v1/webhooks/${body.id}`)).toMatchObject({ status: 200, body: { id: body.id } });
  for (const [method, path] of operationsOn(body.id)) expectProblem(await call(method, path), 'not_found');
  expectProblem(await create(WANTED, { key }), 'idempotency_key_reused');
  expect((await actsOn(body.id)).map(({ action }) => action)).toEqual(['webhook.create', 'webhook.delete']);
});

it('A webhook of one tenant does not exist for another, who may use the same key', async () => {
  const key = randomUUID();
  const { body } = await create(WANTED, { key });
  for (const [method, path] of operationsOn(body.id)) expectProblem(await call(method, path, other), 'not_found');
  const theirs = await create(WANTED, { key, token: other });
  expect(theirs.status).toBe(201);
  expect(theirs.body.id).not.toBe(body.id);
  const { items } = (await call<Page<Webhook>>('GET', '/v1/webhooks', other)).body;
  expect(items.map(({ id }) => id)).toEqual([theirs.body.id]);
});

it.each([
  ['a private address', { ...WANTED, url: 'https://10.0.0.1/' }, ['/url']],
  ['a loopback address in octal', { ...WANTED, url: 'https://0177.0.0.1/' }, ['/url']],
  ['the metadata address', { ...WANTED, url: 'https://169.254.169.254/latest' }, ['/url']],
  ['a mapped address', { ...WANTED, url: 'https://[::ffff:127.0.0.1]/' }, ['/url']],
  ['localhost', { ...WANTED, url: 'https://localhost./' }, ['/url']],
  ['http', { ...WANTED, url: 'http://shop.example.com/' }, ['/url']],
  ['a password', { ...WANTED, url: 'https://user:password@shop.example.com/' }, ['/url']],
  ['no address', { ...WANTED, url: 'shop' }, ['/url']],
  ['an address that is too long', { ...WANTED, url: `https://shop.example.com/${'x'.repeat(2_048)}` }, ['/url']],
  ['NUL in its address', { ...WANTED, url: 'https://shop.example.com/\0' }, ['/url']],
  ['no events', { ...WANTED, events: [] }, ['/events']],
  ['an event twice', { ...WANTED, events: ['order.*', 'order.*'] }, ['/events']],
  ['an event that is none', { ...WANTED, events: ['order.confirmed', 'order.paid'] }, ['/events/1']],
  ['events of another kind', { ...WANTED, events: 'order.confirmed' }, ['/events']],
  ['a field too many', { ...WANTED, secret: 'whsec_mine' }, ['/secret']],
  ['nothing', {}, ['/events', '/url']],
])('A webhook with %s is refused', async (_, body, pointers) => {
  const problem = expectProblem(await create(body), 'validation_failed');
  expect(pointersOf(problem).toSorted()).toEqual(pointers);
});

it('A webhook needs a key, JSON, and the scope, also for reading', async () => {
  const post = (init: RequestInit & { token?: string }) =>
    system.request('/v1/webhooks', { method: 'POST', token: acme, body: JSON.stringify(WANTED), ...init });
  expectProblem(await post({}), 'idempotency_key_missing');
  expectProblem(await post({ headers: { 'idempotency-key': 'short' } }), 'idempotency_key_malformed');
  expectProblem(await create('{'), 'malformed_json');
  const token = await system.token('acme', ['orders:write', 'orders:read', 'ops:write', 'ops:read']);
  for (const [method, path] of [['GET', '/v1/webhooks'] as const, ...operationsOn('wh_x')]) {
    expectProblem(await call(method, path, token), 'forbidden');
  }
});

it('A tenant can have fifty webhooks, and lists them newest first, page by page', async () => {
  const token = await system.token('collector');
  const made: string[] = [];
  for (let number = 0; number < WEBHOOKS_PER_TENANT_MAX; number++) made.push((await create(WANTED, { token })).body.id);
  expectProblem(await create(WANTED, { token }), 'too_many_webhooks');
  const listed: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body }: Answer<Page<Webhook>> = await call('GET', `/v1/webhooks?limit=20${query}`, token);
    listed.push(...body.items.map(({ id }) => id));
    cursor = body.nextCursor;
  }
  expect(listed.toSorted()).toEqual(made.toSorted());
  expect(listed).toHaveLength(WEBHOOKS_PER_TENANT_MAX);
  expectProblem(await call('GET', '/v1/webhooks?cursor=bm8', token), 'validation_failed');
  await call('DELETE', `/v1/webhooks/${made[0]}`, token);
  expect((await create(WANTED, { token })).status).toBe(201);
});

it('The deliveries of a webhook are listed newest first, page by page and by state, and delivered again by their id', async () => {
  const { body: webhook } = await create({ ...WANTED, events: ['order.*'] }, { token: await system.token() });
  const token = await system.token();
  const publish = publisherOf(system);
  const orders = Array.from({ length: 5 }, () => `ord_${randomUUID()}`);
  for (const orderId of orders) expect(await publish(orderEvent(orderId, 'order.created'))).toBe(1);
  const path = `/v1/webhooks/${webhook.id}/deliveries`;
  type Delivery = { readonly id: string; readonly key: string; readonly state: string };
  const first = (await call<Page<Delivery>>('GET', `${path}?limit=3`, token)).body;
  const rest = (await call<Page<Delivery>>('GET', `${path}?limit=3&cursor=${first.nextCursor}`, token)).body;
  expect([...first.items, ...rest.items].map(({ key }) => key)).toEqual(orders.toReversed());
  expect(rest.nextCursor).toBeNull();
  expect(first.items[0]).toMatchObject({
    state: 'PENDING',
    attempts: 0,
    lastStatus: null,
    eventType: 'order.created',
  });
  expect(JSON.stringify(first)).not.toContain('"body"');
  expect((await call<Page<Delivery>>('GET', `${path}?state=DELIVERED`, token)).body.items).toEqual([]);
  expectProblem(await call('GET', `${path}?state=LOST`, token), 'validation_failed');
  expectProblem(await call('GET', `${path}?cursor=bm8`, token), 'validation_failed');

  const redeliver = `${path}/${first.items[0]?.id}/redeliver`;
  expect((await call('POST', redeliver, token)).status).toBe(202);
  expectProblem(await call('POST', redeliver), 'not_found');
  expectProblem(await call('POST', `${path}/msg_unknown/redeliver`, token), 'not_found');
  await system.database.query(
    `UPDATE notifications.webhook_subscriptions SET state = 'DISABLED', disabled_at = now(), disabled_reason = 'gone' WHERE subscription_id = $1`,
    [webhook.id],
  );
  expectProblem(await call('POST', redeliver, token), 'webhook_disabled');
  expect(await call('POST', `/v1/webhooks/${webhook.id}/enable`, token)).toMatchObject({ body: { state: 'ACTIVE' } });
  expect((await actsOn(webhook.id)).map(({ action }) => action)).toEqual([
    'webhook.create',
    'webhook.redeliver',
    'webhook.enable',
  ]);
});

function operationsOn(id: string): readonly (readonly [string, string])[] {
  return [
    ['GET', `/v1/webhooks/${id}`],
    ['GET', `/v1/webhooks/${id}/deliveries`],
    ['POST', `/v1/webhooks/${id}/enable`],
    ['POST', `/v1/webhooks/${id}/deliveries/msg_x/redeliver`],
    ['DELETE', `/v1/webhooks/${id}`],
  ];
}
