import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EventView } from '../../src/api/events/event-schemas.ts';
import { purchase, sendEvents, type Accepted } from '../support/events.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type Answer, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

type Place = Accepted['events'][number];

interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

async function send(token: string, ...events: Record<string, unknown>[]): Promise<readonly Place[]> {
  const { body } = await sendEvents(system, { events }, { token });
  return body.events;
}

/** All items of a list, page by page, with the number of pages. */
async function readAll(path: string, token: string): Promise<{ items: EventView[]; pages: number }> {
  const items: EventView[] = [];
  let pages = 0;
  for (let cursor: string | null = ''; cursor !== null; pages += 1) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { status, body }: Answer<Page<EventView>> = await system.request(`${path}${query}`, { token });
    expect(status, JSON.stringify(body)).toBe(200);
    items.push(...body.items);
    cursor = body.nextCursor;
  }
  return { items, pages };
}

/** The outcomes that the pumps would write for an event. */
const outcomes = {
  processed: (id: string) =>
    system.database.query(
      `INSERT INTO events.processed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type,
         category, worker_id, processed_at)
       SELECT 'analytics', partition, sequence, received_at, tenant_id, event_id, type, 'high_value', 'worker-1', now()
       FROM events.raw_events WHERE event_id = $1`,
      [id],
    ),
  retrying: (id: string) =>
    system.database.query(
      `INSERT INTO events.retrying_events (consumer, partition, sequence, received_at, tenant_id, event_id, key, attempts,
         next_attempt_at, error_code, error_message)
       SELECT 'analytics', partition, sequence, received_at, tenant_id, event_id, key, 2, '2026-01-01T00:00:00Z',
         'effect_unavailable', 'no answer'
       FROM events.raw_events WHERE event_id = $1`,
      [id],
    ),
  failed: (id: string, { code = 'invalid_event', consumer = 'analytics', failedAt = '2026-01-02T00:00:00Z' } = {}) =>
    system.database.query(
      `INSERT INTO events.failed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, key,
         error_code, error_message, attempts, properties, failed_at)
       SELECT $3, partition, sequence, received_at, tenant_id, event_id, type, key, $2, 'amount: too small', 1,
         properties, $4 FROM events.raw_events WHERE event_id = $1`,
      [id, code, consumer, failedAt],
    ),
};

it('GET /v1/events/{id} shows an event as it was accepted', async () => {
  const id = randomUUID();
  const event = purchase({ id, occurredAt: '2026-01-01T00:00:00.000Z' });
  const { body } = await sendEvents(system, event, { headers: { 'x-correlation-id': 'corr-2' } });
  const answer = await system.request<EventView>(`/v1/events/${id}`);
  expect(answer).toMatchObject({ status: 200 });
  expect(answer.body).toEqual({
    id,
    type: 'purchase',
    status: 'ACCEPTED',
    raw: {
      type: 'purchase',
      key: 'u1',
      userId: 'u1',
      source: 'http',
      correlationId: 'corr-2',
      occurredAt: '2026-01-01T00:00:00.000Z',
      receivedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      partition: body.events[0]?.partition,
      sequence: body.events[0]?.sequence,
      properties: { amount: 99.99 },
    },
    processed: null,
    error: null,
  });
});

it('GET /v1/events/{id} shows what became of the event', async () => {
  const token = await system.token('fates');
  const [done, again, waiting, lost] = (await send(token, purchase(), purchase(), purchase(), purchase())).map(
    ({ id }) => id,
  ) as [string, string, string, string];
  await Promise.all([outcomes.processed(done), outcomes.processed(again), outcomes.retrying(again)]);
  await Promise.all([outcomes.retrying(waiting), outcomes.failed(lost)]);
  const read = async (id: string) => (await system.request<EventView>(`/v1/events/${id}`, { token })).body;
  const processed = { category: 'high_value', processedAt: expect.any(String) as string, workerId: 'worker-1' };
  expect(await read(done)).toMatchObject({ status: 'PROCESSED', processed, error: null });
  expect(await read(again)).toMatchObject({ status: 'PROCESSED', processed, error: null });
  expect(await read(waiting)).toMatchObject({
    status: 'RETRYING',
    processed: null,
    error: {
      code: 'effect_unavailable',
      message: 'no answer',
      attempts: 2,
      nextAttemptAt: '2026-01-01T00:00:00.000Z',
      failedAt: null,
    },
  });
  expect(await read(lost)).toMatchObject({
    status: 'FAILED',
    error: { code: 'invalid_event', attempts: 1, nextAttemptAt: null, failedAt: '2026-01-02T00:00:00.000Z' },
  });
  for (const [status, ids] of [
    ['PROCESSED', [again, done]],
    ['RETRYING', [waiting]],
    ['FAILED', [lost]],
    ['ACCEPTED', []],
  ] as const) {
    const { items } = await readAll(`/v1/events?status=${status}`, token);
    expect(items.map(({ id }) => id).toSorted(), status).toEqual(ids.toSorted());
  }
});

it('GET /v1/events/{id} finds ids of any form, and those of the tenant only', async () => {
  const id = 'urn:a/b c?d=é';
  await sendEvents(system, purchase({ id }));
  expect(await system.request(`/v1/events/${encodeURIComponent(id)}`)).toMatchObject({ status: 200, body: { id } });
  const token = await system.token('acme');
  expectProblem(await system.request(`/v1/events/${encodeURIComponent(id)}`, { token }), 'not_found');
  expectProblem(await system.request(`/v1/events/${randomUUID()}`), 'not_found');
  expectProblem(await system.request('/v1/events/%00'), 'not_found');
  expectProblem(await system.request(`/v1/events/${'x'.repeat(300)}`), 'not_found');
});

it('GET /v1/events/{id} needs the scope events:read', async () => {
  const token = await system.token('demo', ['events:write', 'orders:read']);
  for (const path of ['/v1/events', '/v1/events/failed', `/v1/events/${randomUUID()}`]) {
    expectProblem(await system.request(path, { token }), 'forbidden');
  }
});

it('GET /v1/events lists newest first, each event once, over pages', async () => {
  const token = await system.token('lists');
  const sent: string[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    sent.push(
      ...(await send(token, ...Array.from({ length: 7 }, () => purchase({ key: `k${turn}` })))).map(({ id }) => id),
    );
  }
  const { items, pages } = await readAll('/v1/events?limit=10', token);
  expect(pages).toBe(4);
  expect(items.map(({ id }) => id).toSorted()).toEqual(sent.toSorted());
  expect(await readAll('/v1/events?limit=7', token)).toMatchObject({ pages: 5 });
  expect(await readAll('/v1/events?limit=35', token)).toMatchObject({ items, pages: 1 });
  expect(await readAll('/v1/events?limit=35&type=purchase', token)).toMatchObject({ items, pages: 1 });
  const times = items.map(({ raw }) => raw.receivedAt);
  expect(times).toEqual(times.toSorted().toReversed());
  expect((await readAll('/v1/events?limit=10', await system.token('nobody'))).items).toEqual([]);
});

it('GET /v1/events filters by type and user, and goes on past many events that do not match', async () => {
  const token = await system.token('filters');
  const [first] = await send(token, { type: 'page_view', userId: 'rare' });
  for (let turn = 0; turn < 9; turn += 1) await send(token, ...Array.from({ length: 500 }, () => purchase()));
  const [last] = await send(token, { type: 'custom.x', userId: 'rare' });
  const ids = async (query: string) => {
    const { items, pages } = await readAll(`/v1/events?${query}`, token);
    return { ids: items.map(({ id }) => id), pages };
  };
  expect(await ids('userId=rare')).toEqual({ ids: [last?.id, first?.id], pages: 3 });
  expect(await ids('userId=rare&type=page_view')).toEqual({ ids: [first?.id], pages: 3 });
  expect(await ids('type=custom')).toEqual({ ids: [], pages: 3 });
  expect(await ids('userId=rare&status=ACCEPTED')).toEqual({ ids: [last?.id, first?.id], pages: 3 });
  const page = await system.request<Page<EventView>>('/v1/events?userId=nobody', { token });
  expect(page.body).toMatchObject({ items: [], nextCursor: expect.any(String) as string });
});

it('GET /v1/events refuses queries that it does not know', async () => {
  const bad = ['status=DONE', 'limit=0', 'limit=101', 'typ=x', 'cursor=abc', `cursor=${cursorOf('x', '1', '1')}`];
  const time = new Date().toISOString();
  bad.push(`cursor=${cursorOf(time, '40000', '1')}`, `cursor=${cursorOf(time, '1', 'x')}`, 'userId=%00');
  for (const query of bad) {
    const problem = expectProblem(await system.request(`/v1/events?${query}`), 'validation_failed');
    expect(pointersOf(problem), query).toEqual([`#/query/${query.split('=', 1)[0] ?? ''}`]);
  }
});

function cursorOf(...parts: string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

interface Failed {
  readonly id: string;
  readonly consumer: string;
  readonly failedAt: string;
}

const readFailed = async (path: string, token: string): Promise<{ items: Failed[]; pages: number }> => {
  const { items, pages } = await readAll(path, token);
  return { items: items as unknown as Failed[], pages };
};

it('GET /v1/events/failed lists the newest failure first, by code and consumer, over pages', async () => {
  const token = await system.token('failures');
  const ids = (await send(token, ...Array.from({ length: 6 }, () => purchase()))).map(({ id }) => id);
  for (const [index, id] of ids.entries()) {
    const code = index % 2 === 0 ? 'invalid_event' : 'unclassified';
    await outcomes.failed(id, {
      code,
      consumer: 'analytics',
      failedAt: `2026-01-0${1 + Math.floor(index / 2)}T00:00:00Z`,
    });
  }
  await outcomes.failed(ids[5] ?? '', {
    code: 'unclassified',
    consumer: 'webhooks',
    failedAt: '2026-01-03T00:00:00Z',
  });
  const { items, pages } = await readFailed('/v1/events/failed?limit=2', token);
  expect(pages).toBe(4);
  expect(items).toHaveLength(7);
  const times = items.map(({ failedAt }) => failedAt);
  expect(times).toEqual(times.toSorted().toReversed());
  expect(new Set(items.map(({ id, consumer }) => `${id}/${consumer}`)).size).toBe(7);
  expect(items[0]).toMatchObject({
    type: 'purchase',
    key: 'u1',
    errorMessage: 'amount: too small',
    attempts: 1,
    properties: { amount: 99.99 },
  });
  const invalid = await readFailed('/v1/events/failed?errorCode=invalid_event', token);
  expect(invalid.items.map(({ id }) => id)).toEqual([ids[4], ids[2], ids[0]]);
  const webhooks = await readFailed('/v1/events/failed?consumer=webhooks', token);
  expect(webhooks.items.map(({ id }) => id)).toEqual([ids[5]]);
  expect((await readFailed('/v1/events/failed', await system.token('acme'))).items).toEqual([]);
});

it('GET /v1/events/failed refuses queries that it does not know', async () => {
  for (const query of [
    'errorCode=x',
    'consumer=x',
    'cursor=abc',
    `cursor=${cursorOf('2026-01-01T00:00:00Z', 'a', 'x')}`,
  ]) {
    expectProblem(await system.request(`/v1/events/failed?${query}`), 'validation_failed');
  }
});
