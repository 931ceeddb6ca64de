import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { CloudEvent, HTTP } from 'cloudevents';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { offer } from '../support/offered-events.ts';
import { sendEvents } from '../support/events.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

function send(type: string, body: object | string) {
  return sendEvents(system, body, { headers: { 'content-type': type } });
}

/** The minimal CloudEvent of the specification, with the changes of the test. */
function cloudEvent(event: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { specversion: '1.0', id: randomUUID(), source: '/shop', type: 'purchase', ...event };
}

function without(name: string): Record<string, unknown> {
  const { [name]: _, ...rest } = cloudEvent();
  return rest;
}

async function stored(id: unknown): Promise<Record<string, unknown> | undefined> {
  const [row] = await system.database.query<Record<string, unknown>>(
    `SELECT type, key, user_id AS "userId", source, occurred_at AS "occurredAt", properties
     FROM events.raw_events WHERE event_id = $1`,
    [id],
  );
  return row;
}

/** The event in the API's answer. */
async function shown({ id, source }: Readonly<Record<string, unknown>>): Promise<unknown> {
  const path = `/v1/events/${String(id)}?source=${encodeURIComponent(String(source))}`;
  return (await system.request<{ raw: { cloudEvent: unknown } }>(path)).body.raw.cloudEvent;
}

async function countStored(): Promise<number> {
  const [row] = await system.database.query<{ count: number }>('SELECT count(*)::integer FROM events.raw_events');
  return row?.count ?? 0;
}

it('Structured mode takes the least that the specification asks for', async () => {
  const event = cloudEvent();
  const { status, body } = await send(STRUCTURED, event);
  expect(status).toBe(202);
  expect(body).toMatchObject({ accepted: 1, events: [{ id: event['id'] }] });
  expect(await stored(event['id'])).toMatchObject({
    type: 'purchase',
    key: event['id'],
    userId: null,
    source: '/shop',
    properties: {},
  });
});

it('Structured mode maps data, time and subject', async () => {
  const event = cloudEvent({
    id: 'A234-1234-1234',
    source: 'https://github.com/cloudevents/spec/pull',
    subject: '123',
    time: '2018-04-05T17:31:00.123456Z',
    datacontenttype: 'application/json; charset=utf-8',
    dataschema: 'https://example.com/schema',
    data: { amount: 12.5, nested: { appinfoA: 'abc' } },
  });
  expect(await send(`${STRUCTURED}; charset=UTF-8`, event)).toMatchObject({ status: 202 });
  expect(await stored('A234-1234-1234')).toEqual({
    type: 'purchase',
    key: '123',
    userId: '123',
    source: 'https://github.com/cloudevents/spec/pull',
    occurredAt: new Date('2018-04-05T17:31:00.123Z'),
    properties: { amount: 12.5, nested: { appinfoA: 'abc' } },
  });
});

it('Structured mode takes the key and the user from extensions, and keeps all of them', async () => {
  const event = cloudEvent({
    subject: 'cart',
    userid: 'u7',
    partitionkey: 'cart-7',
    comexampleextension1: 'value',
    comexampleothervalue: 5,
    sampled: true,
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  });
  expect(await send(STRUCTURED, event)).toMatchObject({ status: 202 });
  expect(await stored(event['id'])).toMatchObject({ key: 'cart-7', userId: 'u7', properties: {} });
  expect(await shown(event)).toEqual(event);
});

it.each([
  ['a text', { data: '<xml/>', datacontenttype: 'text/xml' }],
  ['an array', { data: [1, { a: null }] }],
  ['a number', { data: 0 }],
  ['false', { data: false }],
  ['an object', { data: { amount: 12.5 }, dataschema: 'https://example.com/schema', time: '2018-04-05t17:31:00.5z' }],
  ['binary data', { data_base64: 'AAEC/w==', datacontenttype: 'image/png' }],
  ['no data', {}],
])('Structured mode takes and keeps %s as it came', async (_, parts) => {
  const event = cloudEvent({ type: 'custom', ...parts });
  expect(await send(STRUCTURED, event)).toMatchObject({ status: 202 });
  expect(await shown(event)).toEqual(event);
});

it('Structured mode may carry the header of its version too', async () => {
  const event = cloudEvent();
  const headers = { 'content-type': STRUCTURED, 'ce-specversion': '1.0', 'ce-id': 'another' };
  expect(await sendEvents(system, event, { headers })).toMatchObject({
    status: 202,
    body: { events: [{ id: event['id'] }] },
  });
});

it('Structured mode takes what the library of CloudEvents sends', async () => {
  const event = new CloudEvent({ source: '/lib', type: 'custom.lib', subject: 'u1', data: { a: 1 } });
  const { headers, body } = HTTP.structured(event);
  expect(await send(String(headers['content-type']), String(body))).toMatchObject({ status: 202 });
  expect(await stored(event.id)).toMatchObject({ type: 'custom.lib', properties: { a: 1 } });
});

it('Structured mode takes null for an attribute that is absent', async () => {
  const event = cloudEvent({ subject: null, time: null, data: null, datacontenttype: null, userid: null });
  expect(await send(STRUCTURED, event)).toMatchObject({ status: 202 });
});

const attributes = (id: string) => ({
  'ce-specversion': '1.0',
  'ce-id': id,
  'ce-source': '/shop',
  'ce-type': 'custom',
});

it.for<[string, string | Uint8Array<ArrayBuffer>, string, Record<string, unknown>]>([
  ['JSON', '{"amount":1}', 'application/json', { data: { amount: 1 } }],
  ['other JSON', '[1]', 'application/vnd.shop+json; charset=utf-8', { data: [1] }],
  ['a text', 'über', 'text/plain', { data: 'über' }],
  ['bytes', new Uint8Array([0, 1, 255]), 'application/octet-stream', { data_base64: 'AAH/' }],
  ['nothing', '', 'application/json', {}],
])('Binary mode takes %s', async ([, body, type, data]) => {
  const id = randomUUID();
  const headers = {
    ...attributes(id),
    'content-type': type,
    'ce-subject': 'Euro%20%E2%82%AC',
    'ce-traceparent': '"a \\"b\\""',
  };
  expect(await sendEvents(system, body, { headers })).toMatchObject({ status: 202, body: { events: [{ id }] } });
  const event = { ...cloudEvent({ id, type: 'custom' }), subject: 'Euro €', traceparent: 'a "b"' };
  expect(await shown(event)).toEqual({ ...event, datacontenttype: type, ...data });
  expect(await stored(id)).toMatchObject({ userId: 'Euro €' });
});

it('Binary mode takes what the library of CloudEvents sends, compressed too', async () => {
  const event = new CloudEvent({ source: '/lib', type: 'custom.lib', data: { a: 1 } });
  const { headers, body } = HTTP.binary(event);
  const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const packed = new Uint8Array(gzipSync(String(body)));
  const answer = await sendEvents(system, packed, { headers: { ...sent, 'content-encoding': 'gzip' } });
  expect(answer).toMatchObject({ status: 202 });
  expect(await stored(event.id)).toMatchObject({ type: 'custom.lib', properties: { a: 1 } });
});

it.each([
  ['specversion', { 'ce-specversion': '0.3' }],
  ['source', { 'ce-source': '' }],
  ['my_ext', { 'ce-my_ext': 'a' }],
  ['datacontenttype', { 'ce-datacontenttype': 'text/plain' }],
  ['data', { 'ce-data': 'a' }],
  ['subject', { 'ce-subject': '%ff' }],
  ['subject', { 'ce-subject': '\u00fc' }],
  ['ext', { 'ce-ext': 'a%00' }],
])('Binary mode points at %s when it is wrong', async (name, headers) => {
  const answer = await sendEvents(system, '{}', { headers: { ...attributes(randomUUID()), ...headers } });
  expect(pointersOf(expectProblem(answer, 'validation_failed'))).toEqual([`/${name}`]);
});

it('Binary mode refuses a body that is not what it says', async () => {
  expectProblem(await sendEvents(system, '{', { headers: attributes(randomUUID()) }), 'malformed_json');
});

it('The identity of a CloudEvent is its source and its id', async () => {
  const id = randomUUID();
  const [a, b] = [
    cloudEvent({ id, source: '/a', data: { amount: 1 } }),
    cloudEvent({ id, source: '/b', data: { amount: 2 } }),
  ];
  expect((await send(BATCH, [a, b, a])).body).toMatchObject({ accepted: 2, duplicates: 1 });
  expect((await send(STRUCTURED, b)).body).toMatchObject({ accepted: 0, duplicates: 1 });
  expect(await shown(a)).toEqual(a);
  expect(await shown(b)).toEqual(b);
  expect(await system.request(`/v1/events/${id}`)).toMatchObject({ body: { raw: { source: '/a' } } });
  expectProblem(await system.request(`/v1/events/${id}?source=%2Fc`), 'not_found');
  // An event of no source is another one, and known by its id alone.
  const plain = { type: 'custom', id };
  expect((await sendEvents(system, plain)).body).toMatchObject({ accepted: 1 });
  expect((await sendEvents(system, { ...plain, userId: 'u' })).body).toMatchObject({ duplicates: 1 });
});

it('The identity of a CloudEvent is that of its row where it came before sources counted', async () => {
  const id = randomUUID();
  const log = createEventLogRepository(system.database.databases.events, 1);
  const [old] = await log.append([offer({ eventId: id, source: '/old' })]);
  const again = await send(STRUCTURED, cloudEvent({ id, source: '/old' }));
  expect(again.body).toMatchObject({ accepted: 0, duplicates: 1, events: [{ sequence: old?.sequence }] });
  expect((await send(STRUCTURED, cloudEvent({ id, source: '/new' }))).body).toMatchObject({ accepted: 1 });
});

it('Batched mode takes several events, in their order, and answers duplicates', async () => {
  const events = [cloudEvent(), cloudEvent({ type: 'custom' }), cloudEvent({ type: 'page_view' })];
  const { body } = await send(BATCH, [...events, events[0] ?? {}]);
  expect(body).toMatchObject({ accepted: 3, duplicates: 1 });
  expect(body.events.map(({ id }) => id)).toEqual([...events, events[0]].map((event) => event?.['id']));
});

it('Batched mode takes 500 events, compressed', async () => {
  const events = Array.from({ length: 500 }, () => cloudEvent({ data: { amount: 1 } }));
  const { status, body } = await sendEvents(system, new Uint8Array(gzipSync(JSON.stringify(events))), {
    headers: { 'content-type': BATCH, 'content-encoding': 'gzip' },
  });
  expect([status, body.accepted]).toEqual([202, 500]);
});

it.each([
  ['501 events', Array.from({ length: 501 }, () => cloudEvent()), ''],
  ['none', [], ''],
  ['an object', cloudEvent(), ''],
  ['a wrong one', [cloudEvent(), without('source')], '/1/source'],
  ['an unknown type', [cloudEvent(), cloudEvent({ type: 'com.example.purchase' })], '/1/type'],
  ['a wrong extension', [cloudEvent({ wrongname_: 1 })], '/0/wrongname_'],
])('Batched mode refuses %s and stores nothing', async (_, body, pointer) => {
  const before = await countStored();
  expect(pointersOf(expectProblem(await send(BATCH, body), 'validation_failed'))).toEqual([pointer]);
  expect(await countStored()).toBe(before);
});

let before: number;
beforeEach(async () => {
  before = await countStored();
});

it.each([
  ['no specversion', without('specversion'), '/specversion'],
  ['no id', without('id'), '/id'],
  ['no source', without('source'), '/source'],
  ['no type', without('type'), '/type'],
  ['an empty id', cloudEvent({ id: '' }), '/id'],
  ['an empty source', cloudEvent({ source: '' }), '/source'],
  ['an empty type', cloudEvent({ type: '' }), '/type'],
  ['specversion 0.3', cloudEvent({ specversion: '0.3' }), '/specversion'],
  ['specversion 1.1', cloudEvent({ specversion: '1.1' }), '/specversion'],
  ['specversion 1 as a number', cloudEvent({ specversion: 1 }), '/specversion'],
  ['a number as id', cloudEvent({ id: 7 }), '/id'],
  ['a time that is none', cloudEvent({ time: 'yesterday' }), '/time'],
  ['an empty subject', cloudEvent({ subject: '' }), '/subject'],
  ['binary data that is no base64', cloudEvent({ data_base64: 'AAE' }), '/data_base64'],
  ['binary data beside other data', cloudEvent({ data_base64: 'AAEC', data: 1 }), '/data_base64'],
  ['a content type that is none', cloudEvent({ datacontenttype: 'json', data: 1 }), '/datacontenttype'],
  ['NUL in an extension', cloudEvent({ ext: 'a\0' }), '/ext'],
  ['half a surrogate pair in a text', cloudEvent({ data: '\ud800' }), '/data'],
  ['a text beyond 64 KiB', cloudEvent({ data: 'x'.repeat(70_000) }), '/data'],
  ['an extension beyond 64 KiB', cloudEvent({ ext: 'x'.repeat(70_000) }), '/ext'],
  ['a name with a slash', cloudEvent({ 'a/b~c': 'a' }), '/a~1b~0c'],
  ['an extension that is an object', cloudEvent({ ext: { a: 1 } }), '/ext'],
  ['an extension that is a fraction', cloudEvent({ ext: 1.5 }), '/ext'],
  ['an extension beyond 32 bits', cloudEvent({ ext: 2_147_483_648 }), '/ext'],
  ['an extension with a capital letter', cloudEvent({ myExt: 'a' }), '/myExt'],
  ['a source that is no URI reference', cloudEvent({ source: 'a b\\c' }), '/source'],
  ['a schema that is no URI', cloudEvent({ dataschema: 'no uri' }), '/dataschema'],
  ['NUL in the id', cloudEvent({ id: 'a\0b' }), '/id'],
  ['half a surrogate pair in the data', cloudEvent({ data: { a: '\ud800' } }), '/data'],
  ['an array', [cloudEvent()], ''],
  ['a type of the service itself', cloudEvent({ type: 'order.created' }), '/type'],
])('A body that is no CloudEvent is refused: %s', async (_, body, pointer) => {
  expect(pointersOf(expectProblem(await send(STRUCTURED, body), 'validation_failed'))).toEqual([pointer]);
  expect(await countStored()).toBe(before);
});

it('A media type that is no CloudEvent is refused', async () => {
  const charset = 'application/cloudevents+json; charset=utf-16';
  for (const type of [
    'application/cloudevents',
    'application/cloudevents+xml',
    'application/cloudevents+avro',
    charset,
  ]) {
    expectProblem(await send(type, cloudEvent()), 'unsupported_media_type');
  }
});
