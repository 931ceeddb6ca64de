import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/api/http/problem.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { expectCompleteProblem, expectProblem, type Problem } from '../support/http/problems.ts';
import { parseRaw, sendRaw } from '../support/http/raw-http.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

type Sent = string | Uint8Array<ArrayBuffer>;

const MiB = 1024 * 1024;

function gzip(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(text));
}

function nested(levels: number, open: string, close: string): string {
  return `{"type":"custom","properties":${open.repeat(levels)}${close.repeat(levels)}}`;
}

const event = JSON.stringify(purchase());

it.each<[string, Sent, ProblemCode]>([
  ['nothing', '', 'malformed_json'],
  ['half an event', event.slice(0, 20), 'malformed_json'],
  ['no JSON', '{type:purchase}', 'malformed_json'],
  ['a NUL byte', `${event.slice(0, 5)}\0${event.slice(5)}`, 'malformed_json'],
  ['Latin-1', new Uint8Array(Buffer.from('{"type":"custom","userId":"caf\u00e9"}', 'latin1')), 'malformed_json'],
  ['UTF-16', new Uint8Array(Buffer.from(event, 'utf16le')), 'malformed_json'],
  ['null', 'null', 'validation_failed'],
  ['a number', '7', 'validation_failed'],
  ['a text', '"purchase"', 'validation_failed'],
  ['an array', `[${event}]`, 'validation_failed'],
  ['an empty object', '{}', 'validation_failed'],
  ['events that are an object', `{"events":${event}}`, 'validation_failed'],
  ['events that are null', '{"events":null}', 'validation_failed'],
  ['events beside a type', `{"events":[${event}],"type":"purchase"}`, 'validation_failed'],
  ['an event that is null', '{"events":[null]}', 'validation_failed'],
  ['events within events', `{"events":[{"events":[${event}]}]}`, 'validation_failed'],
  ['more than 2 MiB', event.padEnd(2 * MiB + 1), 'payload_too_large'],
  ['arrays 100,000 deep', nested(100_000, '[', ']'), 'validation_failed'],
  ['properties 33 levels deep', nested(33, '{"a":', '}').replace(':}', ':1}'), 'validation_failed'],
  [
    'arrays 100,000 deep below properties',
    nested(1, `{"a":${'['.repeat(100_000)}`, `${']'.repeat(100_000)}}`),
    'validation_failed',
  ],
  ['properties of 65 KiB', JSON.stringify(purchase({ properties: { a: 'x'.repeat(65 * 1024) } })), 'validation_failed'],
])('A malformed body is refused: %s', async (_, body, code) => {
  expectProblem(await sendEvents(system, body), code);
});

const wrong: Record<string, readonly string[]> = {
  type: [
    'null',
    '7',
    '[]',
    '""',
    String.raw`"custom.\u0000"`,
    String.raw`"custom.\ud800"`,
    `"custom.${'x'.repeat(200)}"`,
  ],
  id: ['null', '7', '""', '{}', String.raw`"a\u0000"`, String.raw`"\udc00"`, `"${'x'.repeat(201)}"`],
  key: ['7', '""', '[]', String.raw`"\u0000"`, `"${'x'.repeat(201)}"`],
  userId: ['7', '""', '{}', String.raw`"\uD800\u0041"`, `"${'x'.repeat(201)}"`],
  occurredAt: ['null', '7', '""', '"now"', '"2026-02-30T00:00:00Z"', '"1969-12-31T00:00:00Z"', '"2026-01-01"', '1e400'],
  properties: [
    'null',
    '7',
    '"a"',
    '[]',
    String.raw`{"a":"\u0000"}`,
    String.raw`{"\u0000":1}`,
    String.raw`{"a":["\ud83d"]}`,
    '{"a":1e400}',
    '{"a":[-1e999]}',
  ],
  userid: ['"u1"'],
  __proto__x: ['1'],
  ['__proto__']: ['{"type":"custom"}'],
  constructor: ['1'],
};

it.each(Object.entries(wrong).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])))(
  'A malformed field is refused: %s is %s',
  async (name, value) => {
    const good = purchase({ occurredAt: '2026-01-01T00:00:00Z', id: 'a', key: 'k' });
    const rest = Object.entries(good).filter(([field]) => field !== name);
    const fields = rest.map(([field, given]) => `${JSON.stringify(field)}:${JSON.stringify(given)}`);
    const body = `{${[...fields, `"${name}":${value}`].join(',')}}`;
    expectProblem(await sendEvents(system, body), 'validation_failed');
    expectProblem(await sendEvents(system, `{"events":[${event},${body}]}`), 'validation_failed');
  },
);

it.each(['text/plain', 'application/xml', 'application/jsonx', 'application/x-ndjson', ''])(
  'The media type %j is refused',
  async (type) => {
    expectProblem(await sendEvents(system, event, { headers: { 'content-type': type } }), 'unsupported_media_type');
  },
);

it.each(['br', 'deflate', 'gzip, gzip', 'zstd', 'x'])('A body of another coding is refused: %s', async (coding) => {
  const headers = { 'content-encoding': coding };
  expectProblem(await sendEvents(system, event, { headers }), 'unsupported_media_type');
});

it('A CloudEvent in binary mode that lacks an attribute is refused, not ignored', async () => {
  const headers = { 'ce-specversion': '1.0', 'ce-type': 'purchase', 'ce-id': 'a' };
  expectProblem(await sendEvents(system, event, { headers }), 'validation_failed');
});

it.each<[string, Sent, ProblemCode]>([
  ['that are none', event, 'malformed_json'],
  ['that are cut off', gzip(event).subarray(0, 40), 'malformed_json'],
  ['of no JSON', gzip('{'), 'malformed_json'],
  ['that become 4 MiB and one byte', gzip(event.padEnd(4 * MiB + 1)), 'payload_too_large'],
  ['that become 1 GiB', gzip(' '.repeat(400 * MiB)), 'payload_too_large'],
])('A malformed compressed body is refused: %s', async (_, body, code) => {
  const memory = process.memoryUsage().rss;
  expectProblem(await sendEvents(system, body, { headers: { 'content-encoding': 'gzip' } }), code);
  expect(process.memoryUsage().rss - memory).toBeLessThan(300 * MiB);
});

it.each([
  ['chunks of more than 2 MiB', `100000\r\n${'x'.repeat(MiB)}\r\n`.repeat(3)],
  ['chunks that are no JSON', '3\r\n{a}\r\n'],
])('A malformed raw request is refused: %s', async (_, chunks) => {
  const head = [
    'POST /v1/events HTTP/1.1',
    'Host: a',
    `Authorization: Bearer ${await system.token()}`,
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
  ];
  const { status, contentType, body } = parseRaw(
    await sendRaw(system.url, `${head.join('\r\n')}\r\n\r\n${chunks}0\r\n\r\n`),
  );
  expect([400, 413]).toContain(status);
  expectCompleteProblem(contentType, JSON.parse(body) as Problem);
});

it('A request in chunks is accepted when it is right', async () => {
  const tenant = await system.token('chunks');
  const head = `POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tenant}\r\nContent-Type: application/json\r\n`;
  const text = JSON.stringify({ type: 'unknown' });
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  expect(parseRaw(await sendRaw(system.url, chunked)).status).toBe(422);
});

it('Malformed requests leave nothing behind', async () => {
  expect(await system.database.query('SELECT event_id FROM events.raw_events')).toEqual([]);
  expect(await system.database.query('SELECT event_id FROM events.event_ids')).toEqual([]);
  expect((await sendEvents(system, event)).body).toMatchObject({ accepted: 1 });
});
