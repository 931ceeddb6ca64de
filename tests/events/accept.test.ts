import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openApiDocument } from '../../src/api/http/docs.ts';
import { createDescribingApp } from '../../tools/api-document.ts';
import { startAnotherApi, type AnotherApi } from '../support/processes/another-api.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let another: AnotherApi;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  another = await startAnotherApi(system, {});
});
afterAll(async () => {
  await another.stop();
  await system.stop();
});

interface StoredEvent {
  readonly id: string;
  readonly [column: string]: unknown;
}

function stored(ids: readonly string[]): Promise<StoredEvent[]> {
  return system.database.query(
    `SELECT event_id AS id, tenant_id AS "tenantId", partition, sequence, type, key, user_id AS "userId", source,
      correlation_id AS "correlationId", occurred_at AS "occurredAt", properties
     FROM events.raw_events WHERE event_id = ANY ($1) ORDER BY partition, sequence`,
    [ids],
  );
}

async function countStored(): Promise<number> {
  const [row] = await system.database.query<{ count: number }>('SELECT count(*)::integer FROM events.raw_events');
  return row?.count ?? 0;
}

it('An event is stored when the answer comes', async () => {
  const { status, body } = await sendEvents(system, purchase(), { headers: { 'x-correlation-id': 'corr-1' } });
  expect(status).toBe(202);
  expect(body).toMatchObject({ accepted: 1, duplicates: 0 });
  const [place] = body.events;
  expect(Object.keys(place ?? {}).toSorted()).toEqual(['id', 'partition', 'sequence']);
  expect(place?.id).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  expect(await stored([place?.id ?? ''])).toEqual([
    {
      ...place,
      tenantId: 'demo',
      type: 'purchase',
      key: 'u1',
      userId: 'u1',
      source: 'http',
      correlationId: 'corr-1',
      occurredAt: expect.any(Date) as Date,
      properties: { amount: 99.99 },
    },
  ]);
});

it('An event keeps the id, key and time that it came with', async () => {
  const id = randomUUID();
  const given = { id, key: 'cart-1', occurredAt: '2026-01-02T03:04:05.678+01:00' };
  await sendEvents(system, purchase(given));
  expect(await stored([id])).toMatchObject([{ key: 'cart-1', occurredAt: new Date('2026-01-02T02:04:05.678Z') }]);
});

it.each([
  ['2026-01-02t03:04:05.5z', '2026-01-02T03:04:05.500Z'],
  ['2026-01-02T03:04:05-00:00', '2026-01-02T03:04:05.000Z'],
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['2016-12-31t23:59:60.75z', '2017-01-01T00:00:00.000Z'],
  ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
])('An event may say %s, as RFC 3339 does', async (occurredAt, instant) => {
  const id = randomUUID();
  expect((await sendEvents(system, purchase({ id, occurredAt }))).status).toBe(202);
  expect(await stored([id])).toMatchObject([{ occurredAt: new Date(instant) }]);
});

it.each([
  '2026-01-02T12:00:60Z',
  '2016-12-31T23:59:60+01:00',
  '2016-12-31T23:59:61Z',
  '2016-13-31T23:59:60Z',
  '2026-01-02 03:04:05Z',
  '2026-01-02T03:04:05',
  '2026-02-30T03:04:05Z',
  `2026-01-02T03:04:05.${'1'.repeat(100)}Z`,
])('An event may not say %s', async (occurredAt) => {
  expect(pointersOf(expectProblem(await sendEvents(system, purchase({ occurredAt })), 'validation_failed'))).toEqual([
    '/occurredAt',
  ]);
});

it('An event has an id that can be read back, or is refused', async () => {
  const { paths } = openApiDocument(createDescribingApp());
  const routes = Object.keys(paths ?? {}).flatMap((path) => /^\/v1\/events\/(\w+)/.exec(path)?.[1] ?? []);
  expect(routes).toContain('stats');
  for (const id of ['.', '..', ...routes]) {
    const problem = expectProblem(await sendEvents(system, purchase({ id })), 'validation_failed');
    expect(pointersOf(problem)).toEqual(['/id']);
  }
  for (const id of ['...', 'a/b', 'a?b#c', '%2e', 'Stats', 'é \\']) {
    expect((await sendEvents(system, purchase({ id }))).status).toBe(202);
    expect(await system.request(`/v1/events/${encodeURIComponent(id)}`)).toMatchObject({ status: 200, body: { id } });
  }
});

it('An event is its own key when it names no user', async () => {
  const id = randomUUID();
  await sendEvents(system, { type: 'custom.thing', id });
  expect(await stored([id])).toMatchObject([{ key: id, userId: null, properties: {} }]);
});

it('An event is accepted with content that will fail later', async () => {
  const { status } = await sendEvents(system, purchase({ properties: { amount: -1 } }));
  expect(status).toBe(202);
});

it('An event keeps properties as they were sent, odd names included', async () => {
  const id = randomUUID();
  const properties = '{"__proto__":{"a":1},"constructor":null,"":[1,"\\ud83d\\ude00",{"x":false}],"\\\\u0000":2}';
  const { status } = await sendEvents(system, `{"type":"custom","id":"${id}","properties":${properties}}`);
  expect(status).toBe(202);
  const [row] = await system.database.query<{ same: boolean }>(
    'SELECT properties = $2::jsonb AS same FROM events.raw_events WHERE event_id = $1',
    [id, properties],
  );
  expect(row).toEqual({ same: true });
});

it('An event id is accepted once and answered as the first time', async () => {
  const id = randomUUID();
  const first = await sendEvents(system, purchase({ id }));
  const second = await sendEvents(system, purchase({ id, userId: 'u2', properties: { amount: 5 } }));
  expect(second).toMatchObject({ status: 202, body: { accepted: 0, duplicates: 1, events: first.body.events } });
  expect(await stored([id])).toMatchObject([{ userId: 'u1', properties: { amount: 99.99 } }]);
});

it('An event id is accepted once within a request', async () => {
  const [a, b] = [randomUUID(), randomUUID()];
  const events = [purchase({ id: a }), purchase({ id: b }), purchase({ id: a, key: 'another' })];
  const { body } = await sendEvents(system, { events });
  expect(body).toMatchObject({ accepted: 2, duplicates: 1 });
  expect(body.events.map(({ id }) => id)).toEqual([a, b, a]);
  expect(body.events[2]).toEqual(body.events[0]);
  expect(await stored([a, b])).toHaveLength(2);
});

it('An event id is accepted once by two processes at once, also under different keys', async () => {
  const ids = Array.from({ length: 40 }, () => randomUUID());
  const answers = await Promise.all(
    ids.flatMap((id) =>
      [system, another, system, another].map((api, index) => sendEvents(api, purchase({ id, key: `key-${index}` }))),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
  expect(answers.reduce((sum, { body }) => sum + body.accepted, 0)).toBe(ids.length);
  const places = Map.groupBy(
    answers.flatMap(({ body }) => body.events),
    ({ id }) => id,
  );
  for (const [id, found] of places) {
    expect(new Set(found.map(({ partition, sequence }) => `${partition}/${sequence}`)).size, id).toBe(1);
  }
  expect(await stored(ids)).toHaveLength(ids.length);
});

it('Event ids are made from the Idempotency-Key and the position, so that a repeated request is a duplicate', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const body = { events: [purchase(), purchase({ userId: 'u2' })] };
  const first = await sendEvents(system, body, { headers });
  const second = await sendEvents(system, body, {
    headers: { 'idempotency-key': `"${headers['idempotency-key']}"` },
  });
  expect(first.body).toMatchObject({ accepted: 2 });
  expect(second.body).toEqual({ accepted: 0, duplicates: 2, events: first.body.events });
  expect(new Set(first.body.events.map(({ id }) => id)).size).toBe(2);
  const token = await system.token('acme');
  expect((await sendEvents(system, body, { headers, token })).body).toMatchObject({ accepted: 2 });
  expectProblem(
    await sendEvents(system, purchase(), { headers: { 'idempotency-key': 'x' } }),
    'idempotency_key_malformed',
  );
});

it('Event ids are not made for other events under a key that has been used', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  expect((await sendEvents(system, purchase(), { headers })).status).toBe(202);
  const before = await countStored();
  const others = [
    purchase({ userId: 'u2' }),
    { events: [purchase()] },
    { events: [purchase(), purchase()] },
    purchase({ id: randomUUID() }),
  ];
  for (const other of others) {
    expectProblem(await sendEvents(another, other, { headers }), 'idempotency_key_reused');
  }
  expect(await countStored()).toBe(before);
  const same = '{ "properties": {"amount": 99.990}, "userId": "u1", "type": "purchase" }';
  expect((await sendEvents(another, same, { headers })).body).toMatchObject({ accepted: 0, duplicates: 1 });
  // What was refused has not used its key.
  const fresh = { 'idempotency-key': randomUUID() };
  expectProblem(await sendEvents(system, { type: 'unknown' }, { headers: fresh }), 'validation_failed');
  expect((await sendEvents(system, purchase(), { headers: fresh })).status).toBe(202);
});

it('The ids made from one key belong to one of many different requests that come at once', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, place) =>
      sendEvents(place % 2 === 0 ? system : another, purchase({ userId: `u-${place}` }), { headers }),
    ),
  );
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 422)).toHaveLength(11);
});

it('Event ids belong to a tenant', async () => {
  const id = randomUUID();
  await sendEvents(system, purchase({ id }));
  const { body } = await sendEvents(system, purchase({ id }), { token: await system.token('acme') });
  expect(body).toMatchObject({ accepted: 1, duplicates: 0 });
});

it('A request with many events is answered and stored in its order per key', async () => {
  const events = Array.from({ length: 500 }, (_, index) =>
    purchase({ userId: `u${index % 7}`, properties: { index } }),
  );
  const { status, body } = await sendEvents(system, { events });
  expect(status).toBe(202);
  expect(body).toMatchObject({ accepted: 500, duplicates: 0 });
  const rows = await stored(body.events.map(({ id }) => id));
  const indexOf = new Map(rows.map(({ id, properties }) => [id, (properties as { index: number }).index]));
  expect(body.events.map(({ id }) => indexOf.get(id))).toEqual(events.map((_, index) => index));
  for (const [, ofKey] of Map.groupBy(rows, ({ key }) => key)) {
    const order = ofKey.map(({ id }) => indexOf.get(id) ?? -1);
    expect(order).toEqual(order.toSorted((left, right) => left - right));
  }
});

it('A request has at most 500 events, and at least one', async () => {
  const before = await countStored();
  const events = Array.from({ length: 501 }, () => purchase());
  expect(pointersOf(expectProblem(await sendEvents(system, { events }), 'validation_failed'))).toEqual(['/events']);
  expectProblem(await sendEvents(system, { events: [] }), 'validation_failed');
  expect(await countStored()).toBe(before);
});

it('A request is refused whole when one of its events is wrong, and the answer points at that event', async () => {
  const before = await countStored();
  const events = [purchase(), purchase({ type: 'purchase.big' }), purchase({ properties: 7 }), purchase()];
  const typed = await sendEvents(system, { events: [events[0], events[1]] });
  expect(pointersOf(expectProblem(typed, 'validation_failed'))).toEqual(['/events/1/type']);
  const shaped = await sendEvents(system, { events });
  expect(pointersOf(expectProblem(shaped, 'validation_failed'))).toEqual(['/events/2/properties']);
  expect(await countStored()).toBe(before);
});

it('A request with many events may come compressed', async () => {
  const body = gzipSync(JSON.stringify({ events: Array.from({ length: 500 }, () => purchase()) }));
  const answer = await sendEvents(system, new Uint8Array(body), { headers: { 'content-encoding': 'gzip' } });
  expect(answer).toMatchObject({ status: 202, body: { accepted: 500 } });
});

it.each(['unknown', 'purchase.x', 'order.created', 'order', 'Purchase', 'custom2', '', 'customer.x', '__proto__'])(
  'The type %j is refused',
  async (type) => {
    expect(pointersOf(expectProblem(await sendEvents(system, purchase({ type })), 'validation_failed'))).toEqual([
      '/type',
    ]);
  },
);

it.each(['custom', 'custom.a', 'custom.a.b', 'page_view', 'user_signup'])('The type %j is accepted', async (type) => {
  expect(await sendEvents(system, purchase({ type }))).toMatchObject({ status: 202 });
});

it('The intake of events needs the scope events:write', async () => {
  const token = await system.token('demo', ['events:read', 'orders:write']);
  expectProblem(await sendEvents(system, purchase(), { token }), 'forbidden');
  expectProblem(await sendEvents(system, purchase(), { token: 'a.b.c' }), 'unauthorized');
});

it('The intake of events counts what comes in', async () => {
  const metrics = await (await fetch(`${system.url}/metrics`)).text();
  expect(metrics).toMatch(/events_received_total\{[^}]*type="purchase"[^}]*outcome="accepted"[^}]*\} [1-9]/);
  expect(metrics).toMatch(/events_received_total\{[^}]*outcome="duplicate"[^}]*\} [1-9]/);
  expect(metrics).toMatch(/events_received_total\{[^}]*type="unknown"[^}]*outcome="refused"[^}]*\} [1-9]/);
  expect(metrics).toMatch(/events_append_size_count(\{[^}]*\})? [1-9]/);
  expect(metrics).toMatch(/events_append_duration\w*_count(\{[^}]*\})? [1-9]/);
});
