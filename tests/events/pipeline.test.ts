import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createEventLogRepository,
  type EventLogRepository,
} from '../../db/repositories/events/event-log-repository.ts';
import { effectKeyOf, type OfferedEvent } from '../../src/domain/event.ts';
import {
  EVENT_MAINTENANCE_WORKFLOW,
  eventPumpWorkflowId,
  pauseConsumerSignal,
  resumeConsumerSignal,
  rewindCursorSignal,
} from '../../src/workflows/contract.ts';
import { offer } from '../support/offered-events.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { subscribe } from '../support/http/webhook-receiver.ts';

interface Row {
  readonly eventId: string;
  readonly sequence: number;
  readonly category: string;
  readonly attempts: number;
  readonly errorCode: string;
}

let system: TestSystem;
let log: EventLogRepository;
let receiver: Server;
/** Ids that the receiver of alerts has got, with repeats; it answers 500 while it is down. */
const alerts: string[] = [];
let isReceiverDown = false;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    alerts.push(String(request.headers['idempotency-key']));
    response.statusCode = isReceiverDown ? 500 : 204;
    response.end();
  });
  await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  system = await startTestSystem({ events: true, env: { HIGH_VALUE_ALERT_URL: `http://127.0.0.1:${port}/` } });
  log = createEventLogRepository(system.database.databases.events, 4);
});
afterAll(async () => {
  await system.stop();
  receiver.close();
});

async function append(events: readonly OfferedEvent[]): Promise<void> {
  const appended = await log.append(events);
  await log.announce([...new Set(appended.map(({ partition }) => partition))], ['*']);
}

async function rows(table: 'processed' | 'retrying' | 'failed', events: readonly OfferedEvent[]): Promise<Row[]> {
  const columns = { processed: 'category', retrying: 'attempts', failed: 'error_code AS "errorCode", attempts' }[table];
  return system.database.query<Row>(
    `SELECT event_id AS "eventId", sequence, ${columns} FROM events.${table}_events
     WHERE consumer = 'analytics' AND event_id = ANY ($1) ORDER BY sequence`,
    [events.map(({ eventId }) => eventId)],
  );
}

it('An event is validated, enriched and stored', async () => {
  const events = [
    offer({ properties: { amount: 1_000 } }),
    offer({ properties: { amount: 1_000.01 } }),
    offer({ type: 'user_signup', userId: 'u1', properties: {} }),
    offer({ type: 'page_view', properties: { path: '/cart' } }),
    offer({ type: 'custom.thing', properties: { any: ['thing'] } }),
  ];
  await append(events);
  await expect.poll(() => rows('processed', events)).toHaveLength(5);
  const categories = new Map((await rows('processed', events)).map(({ eventId, category }) => [eventId, category]));
  expect(events.map(({ eventId }) => categories.get(eventId))).toEqual([
    'standard',
    'high_value',
    'signup',
    'view',
    'custom',
  ]);
});

it('An event whose content is wrong fails for good and delays nothing', async () => {
  const key = randomUUID();
  const events = [
    offer({ key, properties: { amount: -1 } }),
    offer({ key, type: 'page_view', properties: {} }),
    offer({ key, type: 'user_signup' }),
    offer({ key, type: 'forgotten' }),
    offer({ key }),
  ];
  await append(events);
  await expect.poll(() => rows('processed', events)).toHaveLength(1);
  expect(await rows('failed', events)).toMatchObject([
    { errorCode: 'invalid_event', attempts: 1 },
    { errorCode: 'invalid_event', attempts: 1 },
    { errorCode: 'invalid_event', attempts: 1 },
    { errorCode: 'unknown_event_type', attempts: 1 },
  ]);
});

it('An event that fails for a moment is tried again alone: its key waits in order, other keys go on', async () => {
  isReceiverDown = true;
  const key = randomUUID();
  const dear = offer({ key, properties: { amount: 5_000 } });
  const behind = [offer({ key }), offer({ key }), offer({ key })];
  const others = Array.from({ length: 50 }, () => offer());
  await append([dear, ...behind, ...others]);
  await expect.poll(() => rows('processed', others)).toHaveLength(50);
  expect(await rows('retrying', [dear, ...behind])).toMatchObject([
    { eventId: dear.eventId, attempts: 1 },
    ...behind.map(({ eventId }) => ({ eventId, attempts: 0 })),
  ]);
  expect(await rows('processed', behind)).toEqual([]);

  isReceiverDown = false;
  await expect.poll(() => rows('processed', [dear, ...behind])).toHaveLength(4);
  const stored = await system.database.query<{ eventId: string }>(
    `SELECT event_id AS "eventId" FROM events.processed_events WHERE event_id = ANY ($1) ORDER BY processed_at, sequence`,
    [[dear, ...behind].map(({ eventId }) => eventId)],
  );
  expect(stored.map(({ eventId }) => eventId)).toEqual([dear, ...behind].map(({ eventId }) => eventId));
  expect(alerts.filter((id) => id === dear.eventId)).toHaveLength(2);
  expect(await rows('retrying', [dear, ...behind])).toEqual([]);
});

it('A result says which source its event is from, where two events have the same id', async () => {
  const eventId = randomUUID();
  const cloudEvent = { attributes: {}, data: { kind: 'properties' } } as const;
  const events = ['/a', '/b'].map((source) => offer({ eventId, source, cloudEvent, properties: { amount: 2_000 } }));
  await append(events);
  await expect.poll(() => rows('processed', events)).toHaveLength(2);
  const told = alerts.filter((key) => key.startsWith(eventId));
  expect(new Set(told)).toEqual(new Set(events.map(effectKeyOf)));
  expect(new Set(told).size).toBe(2);
});

it('An event that fails four times, after 2, 4 and 8 s, is given up, and its key goes on', async () => {
  isReceiverDown = true;
  const key = randomUUID();
  const [dear, behind] = [offer({ key, properties: { amount: 5_000 } }), offer({ key })];
  const startedAt = Date.now();
  await append([dear, behind]);
  await expect.poll(() => rows('processed', [behind])).toHaveLength(1);
  expect(Date.now() - startedAt).toBeGreaterThan(13_500);
  expect(await rows('failed', [dear])).toMatchObject([{ errorCode: 'effect_unavailable', attempts: 4 }]);
  isReceiverDown = false;
});

it('An order tells the stream each of its transitions once, in its order', async () => {
  const orderId = await system.postOrder();
  const refused = await system.postOrder({ method: 'pm_declined' });
  const typesOf = async (id: string): Promise<string[]> => {
    const found = await system.database.query<{ type: string }>(
      'SELECT type FROM events.raw_events WHERE key = $1 ORDER BY sequence',
      [id],
    );
    return found.map(({ type }) => type);
  };
  await expect.poll(() => typesOf(orderId)).toEqual(['order.created', 'order.confirmed']);
  await expect.poll(() => typesOf(refused)).toEqual(['order.created', 'order.rejected']);
  await expect.poll(() => system.database.query('SELECT FROM orders.event_outbox')).toHaveLength(0);
  const [confirmed] = await system.database.query<{ properties: unknown; tenant_id: string }>(
    `SELECT properties, tenant_id FROM events.raw_events WHERE key = $1 AND type = 'order.confirmed'`,
    [orderId],
  );
  expect(confirmed).toMatchObject({
    tenant_id: 'demo',
    properties: { orderId, status: 'CONFIRMED', previousStatus: 'PENDING', currency: 'EUR' },
  });
});

it('A partition that another worker took over is closed to the one before, who wrote nothing', async () => {
  const events = Array.from({ length: 20 }, () => offer());
  // As a new owner would: every epoch moves on, and the pumps in this process find themselves fenced.
  await system.database.query('UPDATE events.cursors SET epoch = epoch + 1');
  await append(events);
  await expect.poll(() => rows('processed', events)).toHaveLength(20);
  const [{ epochs } = { epochs: 0 }] = await system.database.query<{ epochs: number }>(
    `SELECT min(epoch)::integer AS epochs FROM events.cursors WHERE consumer = 'analytics'
       AND partition IN (SELECT partition FROM events.raw_events WHERE event_id = ANY ($1))`,
    [events.map(({ eventId }) => eventId)],
  );
  expect(epochs).toBeGreaterThanOrEqual(3);
});

it('A partition that is read again gives the same results, none twice', async () => {
  const events = Array.from({ length: 30 }, () => offer());
  await append(events);
  await expect.poll(() => rows('processed', events)).toHaveLength(30);
  const counted = (): Promise<{ partition: number; ended: number; sequence: number }[]> =>
    system.database.query(
      `SELECT partition, sequence, (processed + (SELECT count(*) FROM events.failed_events f
           WHERE f.consumer = c.consumer AND f.partition = c.partition))::integer AS ended
         FROM events.cursors c WHERE consumer = 'analytics' ORDER BY partition`,
    );
  const before = await counted();
  await system.database.query(`UPDATE events.cursors SET sequence = 0, received_at = 'epoch', epoch = epoch + 1
      WHERE consumer = 'analytics'`);
  await expect.poll(counted).toEqual(before);
  expect(await rows('processed', events)).toHaveLength(30);
});

it('A partition is paused, resumed and set back by signals, as from the Temporal CLI', async () => {
  const pump = system.client.workflow.getHandle(eventPumpWorkflowId({ consumer: 'analytics', partition: 0 }));
  const pausedAt = (): Promise<unknown[]> =>
    system.database.query('SELECT FROM events.consumers WHERE paused_at IS NOT NULL');
  await pump.signal(pauseConsumerSignal);
  await expect.poll(pausedAt).toHaveLength(1);
  const events = Array.from({ length: 20 }, () => offer());
  await append(events);
  await sleep(1_500);
  expect(await rows('processed', events)).toEqual([]);
  await pump.signal(resumeConsumerSignal);
  await expect.poll(() => rows('processed', events)).toHaveLength(20);

  // Not the first of the partition: that one may have failed for good in another test.
  const processed = (where: string): Promise<{ sequence: number; at: Date }[]> =>
    system.database.query(
      `SELECT sequence::integer, processed_at AS at FROM events.processed_events
         WHERE consumer = 'analytics' AND partition = 0 AND ${where} ORDER BY sequence DESC LIMIT 1`,
    );
  const [before = { sequence: 0, at: new Date() }] = await processed('true');
  await pump.signal(rewindCursorSignal, before.sequence);
  const again = async (): Promise<number> => (await processed(`sequence = ${before.sequence}`))[0]?.at.getTime() ?? 0;
  await expect.poll(again).toBeGreaterThan(before.at.getTime());
});

it('A partition removes finished webhook deliveries when the days they belong to are dropped', async () => {
  const { id } = await subscribe(system, 'http://127.0.0.1:9/', { events: ['order.refunded'] });
  const deliver = (name: string, state: string, age: string): Promise<unknown> =>
    system.database.query(
      `INSERT INTO notifications.webhook_deliveries (delivery_id, subscription_id, tenant_id, event_id, event_type,
           event_key, body, state, attempts, next_attempt_at, created_at)
         VALUES ($1, $2, 'demo', $1, 'order.refunded', $1, '{}', $3, 1,
           CASE WHEN $3 = 'RETRYING' THEN now() + interval '1 day' END, now() - $4::interval)`,
      [name, id, state, age],
    );
  await deliver('delivered', 'DELIVERED', '32 days');
  await deliver('given-up', 'GAVE_UP', '32 days');
  await deliver('still-tried', 'RETRYING', '32 days');
  // Its event may be in a day of the log that is not over yet.
  await deliver('younger', 'DELIVERED', '30 days 12 hours');
  await system.client.workflow.execute(EVENT_MAINTENANCE_WORKFLOW, { workflowId: randomUUID(), taskQueue: 'orders' });
  expect(
    await system.database.query(
      'SELECT delivery_id AS id FROM notifications.webhook_deliveries WHERE subscription_id = $1 ORDER BY id',
      [id],
    ),
  ).toEqual([{ id: 'still-tried' }, { id: 'younger' }]);
});

it('A partition has each of its events in one of the three places, for every consumer', async () => {
  const [wrong] = await system.database.query<{ lost: number; twice: number }>(`
      SELECT count(*) FILTER (WHERE places = 0)::integer AS lost, count(*) FILTER (WHERE places > 1)::integer AS twice
      FROM (SELECT (SELECT count(*) FROM events.processed_events p WHERE p.consumer = c.consumer
            AND p.partition = e.partition AND p.sequence = e.sequence)
          + (SELECT count(*) FROM events.failed_events f WHERE f.consumer = c.consumer
            AND f.partition = e.partition AND f.sequence = e.sequence)
          + (SELECT count(*) FROM events.retrying_events r WHERE r.consumer = c.consumer
            AND r.partition = e.partition AND r.sequence = e.sequence) AS places
        FROM events.raw_events e JOIN events.cursors c ON c.partition = e.partition AND e.sequence <= c.sequence
        WHERE c.consumer = 'analytics' OR e.type LIKE 'order.%') t`);
  expect(wrong).toEqual({ lost: 0, twice: 0 });
});
