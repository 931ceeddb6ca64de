import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { purchase, sendEvents, type Accepted } from '../support/events.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let tenant: string;
let token: string;
beforeAll(async () => {
  system = await startTestSystem({ worker: false, env: { EVENT_PARTITIONS: '4' } });
});
beforeEach(async () => {
  await system.database.query(
    'TRUNCATE events.cursors, events.failed_events, events.retrying_events, events.consumers',
  );
  tenant = `t-${randomUUID()}`;
  token = await system.token(tenant, undefined, 'olga');
});
afterAll(() => system.stop());

type Place = Accepted['events'][number];

/** Sends events of one key, which are therefore in one partition. */
async function send(count: number, by = token): Promise<readonly Place[]> {
  const events = Array.from({ length: count }, () => purchase({ key: 'one' }));
  return (await sendEvents(system, { events }, { token: by })).body.events;
}

function act(path: string, body?: object, by = token) {
  const init = { method: 'POST', token: by };
  return system.request(`/v1/events/${path}`, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}

async function fail(id: string, code = 'invalid_event', consumer = 'analytics'): Promise<void> {
  await system.database.query(
    `INSERT INTO events.failed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, key,
       error_code, error_message, attempts, properties, failed_at)
     SELECT $3, partition, sequence, received_at, tenant_id, event_id, type, key, $2, 'why', 4, properties, now()
     FROM events.raw_events WHERE event_id = $1`,
    [id, code, consumer],
  );
}

async function process(id: string): Promise<void> {
  await system.database.query(
    `INSERT INTO events.processed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, category,
       worker_id, processed_at)
     SELECT 'analytics', partition, sequence, received_at, tenant_id, event_id, type, 'standard', 'w', now()
     FROM events.raw_events WHERE event_id = $1`,
    [id],
  );
}

/** Leaves a cursor at an event, like a pump. */
async function placeCursor(id: string, consumer = 'analytics'): Promise<void> {
  await system.database.query(
    `INSERT INTO events.cursors (consumer, partition, sequence, received_at, owner, processed)
     SELECT $2, partition, sequence, received_at, 'w', 3 FROM events.raw_events WHERE event_id = $1`,
    [id, consumer],
  );
}

function retrying(): Promise<Record<string, unknown>[]> {
  return system.database.query(
    `SELECT consumer, event_id AS id, tenant_id AS "tenantId", key, attempts, replayed,
       next_attempt_at <= now() AS "isDue", r.received_at = i.received_at AS "sameTime"
     FROM events.retrying_events r JOIN events.event_ids i USING (tenant_id, event_id) ORDER BY r.sequence`,
  );
}

async function failedIds(): Promise<string[]> {
  const rows = await system.database.query<{ id: string }>(
    'SELECT event_id AS id FROM events.failed_events ORDER BY sequence',
  );
  return rows.map(({ id }) => id);
}

async function actions(): Promise<Record<string, unknown>[]> {
  return system.database.query(
    `SELECT actor, action, subject, before, after FROM audit.operator_actions WHERE tenant_id = $1 ORDER BY at`,
    [tenant],
  );
}

/** Announcements of an act, heard by a separate listener. */
async function announcementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const heard: string[] = [];
  const client = await system.database.databases.orders.pool.connect();
  client.on('notification', ({ payload = '' }) => heard.push(payload));
  await client.query('LISTEN events_appended');
  await work();
  await client.query('SELECT 1');
  await expect.poll(() => heard.length).toBeGreaterThan(0);
  await client.query('UNLISTEN *');
  client.release(true);
  return heard;
}

it('A reprocess takes as many ids as it promises, however long they are', async () => {
  // Escaped, as JSON writes control characters: six bytes for one.
  const ids = Array.from({ length: 1_000 }, (_, place) => `${place}${'\u0001'.repeat(196)}`);
  expect(await act('failed/reprocess', { ids })).toMatchObject({ status: 202, body: { reprocessed: 0 } });
  expect(await act('failed/reprocess', { ids: [...ids, 'one more'] })).toMatchObject({ status: 422 });
});

it('A reprocess puts failed events back by their ids, with all their tries before them', async () => {
  const [a, b, c] = (await send(3)).map(({ id }) => id) as [string, string, string];
  await Promise.all([fail(a), fail(b, 'unclassified'), fail(c), fail(c, 'unclassified', 'webhooks')]);
  const answer = await act('failed/reprocess', { ids: [c, a, randomUUID()] });
  expect(answer).toMatchObject({ status: 202, body: { reprocessed: 2 } });
  const row = { consumer: 'analytics', tenantId: tenant, key: 'one', attempts: 0, replayed: false, isDue: true };
  expect(await retrying()).toEqual([a, c].map((id) => ({ ...row, id, sameTime: true })));
  expect(await failedIds()).toEqual([b, c]);
  expect(await act('failed/reprocess', { ids: [c, a] })).toMatchObject({ status: 202, body: { reprocessed: 0 } });
});

it('A reprocess puts failed events back by code, for one consumer', async () => {
  const [a, b, c] = (await send(3)).map(({ id }) => id) as [string, string, string];
  await Promise.all([fail(a), fail(b, 'unclassified', 'webhooks'), fail(c, 'unclassified')]);
  const body = { errorCode: 'unclassified', consumer: 'webhooks' };
  expect(await act('failed/reprocess', body)).toMatchObject({ body: { reprocessed: 1 } });
  expect(await retrying()).toMatchObject([{ consumer: 'webhooks', id: b }]);
  expect(await failedIds()).toEqual([a, c]);
  expect(await actions()).toMatchObject([
    { actor: 'olga', action: 'events.reprocess', subject: 'webhooks', after: { errorCode: 'unclassified' } },
  ]);
});

it('A reprocess leaves the events of other tenants alone', async () => {
  const [place] = await send(1);
  await fail(place?.id ?? '');
  const stranger = await system.token('stranger');
  for (const body of [{ ids: [place?.id] }, { errorCode: 'invalid_event' }]) {
    expect(await act('failed/reprocess', body, stranger)).toMatchObject({ body: { reprocessed: 0 } });
  }
  expect(await failedIds()).toEqual([place?.id]);
});

it('A reprocess wakes the pumps of the partitions concerned', async () => {
  const [place] = await send(1);
  await fail(place?.id ?? '');
  const heard = await announcementsOf(() => act('failed/reprocess', { errorCode: 'invalid_event' }));
  expect(heard).toContain(`${place?.partition} *`);
});

it.each([{}, { ids: [], errorCode: 'invalid_event' }, { ids: [] }, { errorCode: 'x' }, { ids: ['a'], consumer: 'x' }])(
  'A reprocess refuses %j',
  async (body) => {
    expectProblem(await act('failed/reprocess', body), 'validation_failed');
    expect(await actions()).toEqual([]);
  },
);

it('A replay plays again what the consumer has passed, and marks what was processed before', async () => {
  const places = await send(6);
  const [done, lost, waiting, skipped, passed, ahead] = places.map(({ id }) => id) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  await Promise.all([process(done), fail(lost), placeCursor(passed)]);
  await system.database.query(
    `INSERT INTO events.retrying_events (consumer, partition, sequence, received_at, tenant_id, event_id, key, attempts)
       SELECT 'analytics', partition, sequence, received_at, tenant_id, event_id, key, 3 FROM events.raw_events
       WHERE event_id = $1`,
    [waiting],
  );
  const [first, last] = [places[0], places[5]];
  const range = { partition: first?.partition, fromSequence: 1, toSequence: (last?.sequence ?? 0) + 100 };
  expect(await act('replays', range)).toMatchObject({ status: 202, body: { replayed: 4 } });
  const rows = await retrying();
  expect(rows.map(({ id, attempts, replayed }) => [id, attempts, replayed])).toEqual([
    [done, 0, true],
    [lost, 0, false],
    [waiting, 3, false],
    [skipped, 0, false],
    [passed, 0, false],
  ]);
  expect(rows.map(({ id }) => id)).not.toContain(ahead);
  expect(await failedIds()).toEqual([]);
  expect(await act('replays', range)).toMatchObject({ body: { replayed: 0 } });
  expect(await actions()).toMatchObject([
    { action: 'events.replay', subject: `analytics/${first?.partition}`, after: { fromSequence: 1 } },
    { action: 'events.replay' },
  ]);
});

it('A replay plays nothing of other tenants, and nothing where the consumer never was', async () => {
  const [place] = await send(1);
  const range = { partition: place?.partition, fromSequence: 1, toSequence: 100_000 };
  expect(await act('replays', range)).toMatchObject({ body: { replayed: 0 } });
  await placeCursor(place?.id ?? '');
  expect(await act('replays', range, await system.token('stranger'))).toMatchObject({ body: { replayed: 0 } });
  expect(await act('replays', { ...range, consumer: 'webhooks' })).toMatchObject({ body: { replayed: 0 } });
  expect(await act('replays', range)).toMatchObject({ body: { replayed: 1 } });
});

it.each([
  [{ fromSequence: 0, toSequence: 1, partition: 0 }, '/fromSequence'],
  [{ fromSequence: 2, toSequence: 1, partition: 0 }, '/toSequence'],
  [{ fromSequence: 1, toSequence: 100_001, partition: 0 }, '/toSequence'],
  [{ fromSequence: 1, toSequence: 1, partition: -1 }, '/partition'],
  [{ fromSequence: 1, toSequence: 1 }, '/partition'],
])('A replay refuses %j', async (body, pointer) => {
  expect(pointersOf(expectProblem(await act('replays', body), 'validation_failed'))).toEqual([pointer]);
});

interface Consumer {
  readonly name: string;
  readonly paused: boolean;
  readonly partitions: readonly { readonly partition: number; readonly sequence: number; readonly lag: number }[];
}

it('Consumers are paused and resumed, and tell by whom and since when', async () => {
  const heard = await announcementsOf(async () => {
    const paused = await act('consumers/analytics/pause');
    expect(paused).toMatchObject({ status: 200, body: { name: 'analytics', paused: true, pausedBy: 'olga' } });
  });
  expect(heard).toEqual(['0,1,2,3 *']);
  const other = await system.token('other', undefined, 'otto');
  const { body } = await act('consumers/analytics/pause', undefined, other);
  expect(body).toMatchObject({ paused: true, pausedBy: 'olga' });
  const list = await system.request<{ items: Consumer[] }>('/v1/events/consumers', { token });
  expect(list.body.items.map(({ name, paused }) => [name, paused])).toEqual([
    ['analytics', true],
    ['webhooks', false],
  ]);
  const resumed = await act('consumers/analytics/resume');
  expect(resumed).toMatchObject({ status: 200, body: { paused: false, pausedAt: null, pausedBy: null } });
  expect((await actions()).map(({ action, subject }) => [action, subject])).toEqual([
    ['events.pause', 'analytics'],
    ['events.resume', 'analytics'],
  ]);
  expectProblem(await act('consumers/nobody/pause'), 'not_found');
});

it('Consumers are rewound, which fences the process that has the cursor', async () => {
  const places = await send(5);
  const [first, second, , fourth] = places.map(({ sequence }) => sequence) as [number, number, number, number];
  const partition = places[0]?.partition ?? 0;
  await placeCursor(places[3]?.id ?? '');
  const cursor = async () => {
    const [row] = await system.database.query<Record<string, unknown>>(
      `SELECT c.sequence, c.epoch, c.processed, e.event_id AS id FROM events.cursors c
         LEFT JOIN events.raw_events e USING (partition, sequence, received_at)`,
    );
    return row;
  };
  const rewound = await act('consumers/analytics/rewind', { partition, sequence: second });
  expect(rewound).toMatchObject({ status: 200, body: { consumer: 'analytics', before: fourth, sequence: first } });
  expect(await cursor()).toEqual({ sequence: first, epoch: 2, processed: 3, id: places[0]?.id });
  const start = await act('consumers/analytics/rewind', { partition, sequence: 1 });
  expect(start).toMatchObject({ status: 200, body: { sequence: 0 } });
  expect(await cursor()).toMatchObject({ sequence: 0, epoch: 3 });
  const ahead = await act('consumers/analytics/rewind', { partition, sequence: 2 });
  expect(pointersOf(expectProblem(ahead, 'validation_failed'))).toEqual(['/sequence']);
  const elsewhere = await act('consumers/analytics/rewind', { partition: 99, sequence: 1 });
  expect(pointersOf(expectProblem(elsewhere, 'validation_failed'))).toEqual(['/partition']);
  const never = await act('consumers/webhooks/rewind', { partition, sequence: 1 });
  expect(pointersOf(expectProblem(never, 'validation_failed'))).toEqual(['/partition']);
  expect(await actions()).toMatchObject([
    { action: 'events.rewind', before: { sequence: fourth }, after: { sequence: first } },
    { action: 'events.rewind', before: { sequence: first }, after: { sequence: 0 } },
    { action: 'events.rewind', subject: `webhooks/${partition}` },
  ]);
});

it('Consumers are for operators', async () => {
  const clerk = await system.token(tenant, ['events:read', 'events:write']);
  for (const path of ['stats', 'consumers']) {
    expectProblem(await system.request(`/v1/events/${path}`, { token: clerk }), 'forbidden');
  }
  for (const path of ['failed/reprocess', 'replays', 'consumers/analytics/pause', 'consumers/analytics/rewind']) {
    expectProblem(await act(path, {}, clerk), 'forbidden');
  }
});

it('Consumers are for operators of the platform where they concern all tenants', async () => {
  const operator = await system.token(tenant, ['events:read', 'events:write', 'ops:read', 'ops:write', 'ops:money']);
  for (const path of ['stats', 'consumers']) {
    const { detail } = expectProblem(await system.request(`/v1/events/${path}`, { token: operator }), 'forbidden');
    expect(detail).toContain('platform:read');
  }
  const watcher = await system.token(tenant, ['platform:read', 'ops:write']);
  for (const path of ['pause', 'resume', 'rewind'].map((what) => `consumers/analytics/${what}`)) {
    for (const by of [operator, watcher]) {
      expect(expectProblem(await act(path, {}, by), 'forbidden').detail).toContain('platform:write');
    }
  }
  expect(await actions()).toEqual([]);
  expect((await act('failed/reprocess', { errorCode: 'invalid_event' }, operator)).status).toBe(202);
});

interface Stats {
  readonly accepted: number;
  readonly consumers: readonly {
    readonly name: string;
    readonly lag: number;
    readonly oldestSeconds: number;
    readonly partitions: readonly { readonly partition: number; readonly lag: number }[];
  }[];
}

it('The figures of events count what was accepted, processed, given up and what waits', async () => {
  const before = (await system.request<Stats>('/v1/events/stats', { token })).body;
  const places = await send(5);
  await placeCursor(places[2]?.id ?? '');
  await Promise.all([fail(places[0]?.id ?? ''), fail(places[1]?.id ?? '')]);
  await act('failed/reprocess', { ids: [places[1]?.id] });
  await act('consumers/analytics/pause');
  const { status, body } = await system.request<Stats>('/v1/events/stats', { token });
  expect(status).toBe(200);
  expect(body.accepted).toBe(before.accepted + 5);
  expect(body.consumers).toMatchObject([
    { name: 'analytics', paused: true, processed: 3, retrying: 1, failed: 1 },
    { name: 'webhooks', paused: false, processed: 0, retrying: 0, failed: 0, lag: body.accepted },
  ]);
  const [analytics] = body.consumers;
  const partition = analytics?.partitions.find((found) => found.partition === places[0]?.partition);
  expect(partition).toMatchObject({ lag: 2 });
  expect(analytics?.oldestSeconds).toBeGreaterThan(0);
  expect(analytics?.oldestSeconds).toBeLessThan(600);
});

it('The figures of events are in the metrics, by consumer and partition', async () => {
  await send(1);
  await expect
    .poll(async () => (await fetch(`${system.url}/metrics`)).text())
    .toMatch(/events_lag\{[^}]*consumer="webhooks"[^}]*partition="\d"[^}]*\} [1-9]/);
  expect(await (await fetch(`${system.url}/metrics`)).text()).toMatch(/events_oldest_age_seconds\{/);
});
