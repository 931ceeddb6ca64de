import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { startDatabaseProxy } from '../support/database/database-proxy.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { expectProblem, expectUnavailable } from '../support/http/problems.ts';
import { timed } from '../support/stopwatch.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

async function countOf(ids: readonly string[]): Promise<number> {
  const [row] = await system.database.query<{ count: number }>(
    'SELECT count(*)::integer FROM events.raw_events WHERE event_id = ANY ($1)',
    [ids],
  );
  return row?.count ?? 0;
}

/** Locks all partitions until it is told to release them, so that no append succeeds. */
async function holdPartitions(): Promise<() => Promise<void>> {
  const client = await system.database.databases.orders.pool.connect();
  await client.query('begin');
  await client.query('SELECT FROM events.partitions FOR UPDATE');
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

it('Events are refused within 6 s without the database, and accepted once when it is back', async () => {
  const proxy = await startDatabaseProxy(system.database.url);
  const api = await startAnotherApi(system, { EVENTS_DATABASE_URL: proxy.url });
  try {
    const ids = Array.from({ length: 20 }, () => randomUUID());
    const sendAll = () => Promise.all(ids.map((id) => sendEvents(api, purchase({ id }))));
    expect((await sendEvents(api, purchase({ id: ids[0] }))).status).toBe(202);
    await proxy.cut();
    const { result, seconds } = await timed(sendAll());
    for (const answer of result) expectUnavailable(answer);
    expect(seconds).toBeLessThan(6);
    expectUnavailable(await api.request(`/v1/events/${ids[0] ?? ''}`));
    await proxy.restore();
    await expect.poll(async () => (await sendEvents(api, purchase({ id: ids[1] }))).status).toBe(202);
    const answers = await sendAll();
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
    expect(answers.reduce((sum, { body }) => sum + body.accepted, 0)).toBe(18);
    expect(await countOf(ids)).toBe(20);
  } finally {
    await api.stop();
    await proxy.close();
  }
});

it('Events are refused, with all that wait, by a database that answers but lets no append through', async () => {
  const letGo = await holdPartitions();
  const ids = Array.from({ length: 30 }, () => randomUUID());
  const sent = ids.map((id) => sendEvents(system, purchase({ id })));
  const { result: answers, seconds } = await timed(Promise.all(sent));
  await letGo();
  for (const answer of answers) expectUnavailable(answer);
  expect(seconds).toBeLessThan(6);
  expect(await countOf(ids)).toBe(0);
  expect((await sendEvents(system, purchase({ id: ids[0] }))).body).toMatchObject({ accepted: 1 });
});

it('A shutdown answers the requests that are under way', async () => {
  const api = await startAnotherApi(system, {});
  await sendEvents(api, purchase());
  const letGo = await holdPartitions();
  const ids = Array.from({ length: 20 }, () => randomUUID());
  const first = ids.slice(0, 10).map((id) => sendEvents(api, purchase({ id })));
  await expect.poll(() => waitingAppends()).toBe(1);
  const rest = ids.slice(10).map((id) => sendEvents(api, purchase({ id })));
  // The others have arrived when requests after them have been answered, one after the other. It must not take long,
  // because the append gives up its locks after 2 s.
  for (let request = 0; request < 5; request += 1) await api.request('/v1/events?limit=1');
  const stopped = api.stop();
  await letGo();
  const answers = await Promise.all([...first, ...rest]);
  await stopped;
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
  expect(await countOf(ids)).toBe(20);
});

async function waitingAppends(): Promise<number> {
  const [row] = await system.database.query<{ count: number }>(
    `SELECT count(*)::integer FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%events.append%'`,
  );
  return row?.count ?? 0;
}

it('An event that PostgreSQL refuses harms its own request only, however many share the append', async () => {
  await system.database.query(
    `ALTER TABLE events.raw_events_default ADD CONSTRAINT no_poison CHECK (key <> 'poison') NOT VALID`,
  );
  const [ids, poisoned] = [Array.from({ length: 60 }, () => randomUUID()), randomUUID()];
  const letGo = await holdPartitions();
  const neighbours = ids.slice(0, 30).map((id) => sendEvents(system, purchase({ id })));
  const culprit = sendEvents(system, {
    events: [purchase({ id: poisoned }), purchase({ key: 'poison' }), purchase()],
  });
  const others = ids.slice(30).map((id) => sendEvents(system, { events: [purchase({ id })] }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await letGo();
  const answers = await Promise.all([...neighbours, ...others]);
  await system.database.query('ALTER TABLE events.raw_events_default DROP CONSTRAINT no_poison');
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
  expect(await countOf(ids)).toBe(60);
  expectProblem(await culprit, 'validation_failed');
  expect(await countOf([poisoned])).toBe(0);
});

it('Events over the budget of the tenant are refused event by event, and no other tenant is concerned', async () => {
  const api = await startAnotherApi(system, { EVENT_RATE_LIMIT_PER_SECOND: '10', RATE_LIMIT_PER_SECOND: '1' });
  try {
    const token = await system.token('greedy');
    const events = Array.from({ length: 30 }, () => purchase());
    const answers = [];
    for (let turn = 0; turn < 4; turn += 1) answers.push(await sendEvents(api, { events }, { token }));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 429]);
    const refused = answers[3];
    if (refused !== undefined) expectProblem(refused, 'rate_limited');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const modest = await system.token('modest');
    expect((await sendEvents(api, { events }, { token: modest })).status).toBe(202);
    // Their posts do not count as requests: the budget of requests has ten of them.
    for (let turn = 0; turn < 15; turn += 1) await sendEvents(api, purchase(), { token: modest });
    expect((await api.request('/v1/events', { token: modest })).status).toBe(200);
  } finally {
    await api.stop();
  }
});
