import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { allAt, createDatabases } from '../../db/client.ts';
import { createEventConsumerRepository } from '../../db/repositories/events/event-consumer-repository.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { createEventViewRepository } from '../../db/repositories/events/event-view-repository.ts';
import { createSealedEvents, createSealedFailedEvents } from '../../db/repositories/events/sealed-events.ts';
import { reseal } from '../../src/cli/reseal.ts';
import { createFieldSealer } from '../../src/domain/personal-data/field-sealer.ts';
import { createTextSealer, type SealingKey } from '../../src/domain/personal-data/text-sealer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { urlAs } from '../support/database/logins.ts';
import { offer } from '../support/offered-events.ts';

const OLD: SealingKey = { id: 'old', key: randomBytes(32) };
const NEW: SealingKey = { id: 'new', key: randomBytes(32) };
const PUMP = { consumer: 'analytics', partition: 0 } as const;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

function withKeys(keys: readonly [SealingKey, ...SealingKey[]], isSealing: boolean) {
  const { events } = database.databases;
  const fields = createFieldSealer(createTextSealer(keys), isSealing);
  return {
    log: createEventLogRepository(events, 1, fields),
    view: createEventViewRepository(events, fields),
    consumers: createEventConsumerRepository(events, fields),
  };
}

const canary = (): string => `canary-${randomUUID()}`;
const eventWith = (secret: string) => offer({ type: 'custom', properties: { note: secret, nested: [{ secret }] } });
const cloudEventWith = (secret: string) =>
  offer({
    source: 'urn:shop',
    properties: {},
    cloudEvent: { attributes: { subject: secret }, data: { kind: 'json', json: [secret] } },
  });

async function rowsWith(table: string, secret: string): Promise<number> {
  const [row] = await database.query<{ rows: number }>(
    `SELECT count(*)::integer AS rows FROM events.${table} t WHERE t::text LIKE '%' || $1 || '%'`,
    [secret],
  );
  return row?.rows ?? -1;
}

it('What producers sent is unreadable in the log, and readable for consumers and clients, also after sealing is turned off', async () => {
  const secret = canary();
  const on = withKeys([OLD], true);
  const sent = [eventWith(secret), cloudEventWith(secret)];
  await on.log.append(sent);
  expect(await rowsWith('raw_events', secret)).toBe(0);

  for (const { view, consumers } of [on, withKeys([NEW, OLD], false)]) {
    for (const { eventId, properties, cloudEvent = null } of sent) {
      expect(await view.findOptional({ tenantId: 'demo', eventId }, 'analytics')).toMatchObject({
        properties,
        cloudEvent,
      });
    }
    const listed = await view.list({ tenantId: 'demo', consumer: 'analytics', limit: 2 });
    expect(listed.events.map(({ properties }) => properties)).toEqual(
      sent.map((event) => event.properties).toReversed(),
    );
    const after = { sequence: 0, receivedAt: new Date(0) };
    const read = await consumers.readNext({ pump: PUMP, after, highWaterMark: 0, limit: 100 });
    expect(read.slice(-2).map(({ properties }) => properties)).toEqual(sent.map((event) => event.properties));
  }
});

it('Events from before sealing stay as they are, and readable', async () => {
  const secret = canary();
  const sent = eventWith(secret);
  await withKeys([OLD], false).log.append([sent]);
  expect(await rowsWith('raw_events', secret)).toBe(1);
  const found = await withKeys([OLD], true).view.findOptional(sent, 'analytics');
  expect(found?.properties).toEqual(sent.properties);
});

async function fail(secret: string): Promise<string> {
  const { log, consumers } = withKeys([OLD], true);
  const [place] = await log.append([eventWith(secret)]);
  const { epoch } = await consumers.claim(PUMP, 'w');
  const after = { sequence: (place?.sequence ?? 1) - 1, receivedAt: new Date(0) };
  const [event] = await consumers.readNext({ pump: PUMP, after, highWaterMark: 0, limit: 1 });
  if (event === undefined) throw new TypeError('the event is not in the log');
  const outcome = { kind: 'failed', code: 'unclassified', message: 'why', attempts: 1 } as const;
  expect(await consumers.write({ ...PUMP, epoch, owner: 'w' }, event, [{ event, outcome }])).toBe(true);
  return event.eventId;
}

it('What producers sent is unreadable in failed events too, and shown to who asks for them', async () => {
  const secret = canary();
  const eventId = await fail(secret);
  expect(await rowsWith('failed_events', eventId)).toBe(1);
  expect(await rowsWith('failed_events', secret)).toBe(0);
  const failed = await withKeys([OLD], true).view.listFailed({ tenantId: 'demo', limit: 1 });
  expect(failed).toMatchObject([{ eventId, properties: { note: secret } }]);
});

it('Events are sealed again with a newer key by the role of the tools, and the old key is needed no more', async () => {
  const secret = canary();
  const sent = [eventWith(secret), cloudEventWith(secret)];
  await withKeys([OLD], true).log.append(sent);
  const failedId = await fail(secret);
  const tools = createDatabases(allAt(urlAs('order_saga_tools', database.url)), {
    poolSize: 1,
    applicationName: 'test',
    onIdleError: () => {},
  });
  onTestFinished(() => tools.close());
  const sources = [
    { kind: 'eventContents', source: 'the log', rows: createSealedEvents(tools.events) },
    { kind: 'failedEventContents', source: 'the log', rows: createSealedFailedEvents(tools.events) },
  ] as const;

  const blind = await reseal(sources, [NEW]);
  expect(blind.resealed).toEqual({ eventContents: 0, failedEventContents: 0 });
  expect(blind.unreadable.map(({ kind, keyId }) => [kind, keyId])).toEqual([
    ['eventContents', 'old'],
    ['failedEventContents', 'old'],
  ]);
  const first = await reseal(sources, [NEW, OLD]);
  expect(first.resealed.eventContents).toBe(blind.unreadable[0]?.count);
  expect(first.resealed.failedEventContents).toBe(blind.unreadable[1]?.count);
  const nothing = { keyId: 'new', resealed: { eventContents: 0, failedEventContents: 0 }, unreadable: [] };
  expect(await reseal(sources, [NEW])).toEqual(nothing);

  const { view } = withKeys([NEW], false);
  for (const { eventId, properties, cloudEvent = null } of sent) {
    const found = await view.findOptional({ tenantId: 'demo', eventId }, 'analytics');
    expect(found).toMatchObject({ properties, cloudEvent });
  }
  expect((await view.listFailed({ tenantId: 'demo', limit: 1 }))[0]).toMatchObject({
    eventId: failedId,
    properties: { note: secret },
  });
});

it('The log lets nothing be changed but one sealed text for another', async () => {
  const plain = eventWith(canary());
  const sealed = eventWith(canary());
  await withKeys([OLD], false).log.append([plain]);
  await withKeys([OLD], true).log.append([sealed]);
  const change = (eventId: string, columns: string) => async () => {
    await database.databases.events.transaction(async (tx) => {
      await tx.run({ name: 'allow', text: `SELECT set_config('order_saga.resealing', 'on', true)` }, []);
      await tx.run({ name: `change ${columns}`, text: `UPDATE events.raw_events SET ${columns} WHERE event_id = $1` }, [
        eventId,
      ]);
    });
  };
  const refused = '23001';
  await expect(change(plain.eventId, `properties = '"sealed:old:AAAA"'`)).rejects.toThrow(refused);
  await expect(change(sealed.eventId, `properties = '{}'`)).rejects.toThrow(refused);
  await expect(change(sealed.eventId, `properties = '"sealed:old:AAAA"', user_id = 'eve'`)).rejects.toThrow(refused);
  await expect(database.query(`UPDATE events.raw_events SET properties = '"sealed:old:AAAA"'`)).rejects.toMatchObject({
    code: refused,
  });
});
