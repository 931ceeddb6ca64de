import { randomUUID } from 'node:crypto';

/** A body that a client may post, and the statuses of possible answers. */
export interface OutsideBody {
  readonly name: string;
  readonly path: '/v1/orders' | '/v1/events' | '/v1/webhooks';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly statuses: readonly number[];
}

const TAKEN = [202];
const INVALID = [422];
const EITHER = [202, 422];

/** JSON texts that may be the value of any field. */
const VALUES: readonly [string, string, readonly number[]][] = [
  ['-0', '-0', TAKEN],
  ['-0.0e0', '-0.0e0', TAKEN],
  ['the least number', '5e-324', TAKEN],
  ['what is less', '1e-400', TAKEN],
  ['the greatest number', '1.7976931348623157e308', TAKEN],
  ['what is more', '1.7976931348623159e308', INVALID],
  ['-1e400', '-1e400', INVALID],
  ['a thousand digits', '9'.repeat(1_000), INVALID],
  ['300 digits', '8'.repeat(300), TAKEN],
  ['30,000 decimal places', `0.${'1'.repeat(30_000)}`, TAKEN],
  ['an exponent of 30,000 digits', `1e${'0'.repeat(30_000)}1`, TAKEN],
  ['2^63', '9223372036854775808', TAKEN],
  ['an escaped solidus', String.raw`"\/"`, TAKEN],
  ['all escapes', String.raw`"\"\\\/\b\f\n\r\t\u001f"`, TAKEN],
  ['DEL and C1', '"\u007f\u0080\u009f"', TAKEN],
  ['line separators', '"\u2028\u2029"', TAKEN],
  ['a byte order mark', '"\ufeff"', TAKEN],
  ['noncharacters', '"\uffff\ufdd0"', TAKEN],
  ['marks of direction', '"\u202e\u2066\u200f"', TAKEN],
  ['a thousand combining marks', `"a${'\u0301'.repeat(1_000)}"`, TAKEN],
  ['a family of emoji', '"👨‍👩‍👧‍👦🏳️‍🌈"', TAKEN],
  ['a pair as escapes', String.raw`"\ud83d\ude00"`, TAKEN],
  ['a pair the wrong way round', String.raw`"\ude00\ud83d"`, INVALID],
  ['half a pair at the end', String.raw`"a\ud83d"`, INVALID],
  ['half a pair before an escape', String.raw`"\ud83d\n"`, INVALID],
  ['NUL in capitals', String.raw`"a\u0000b"`, INVALID],
  ['an escaped backslash before u0000', String.raw`"\\u0000"`, TAKEN],
  ['a name with NUL', String.raw`{"a\u0000":1}`, INVALID],
  ['a name that is half a pair', String.raw`{"\udc00":1}`, INVALID],
  ['a name of 30,000 letters', `{"${'n'.repeat(30_000)}":1}`, TAKEN],
  ['an empty name', '{"":{"":{"":1}}}', TAKEN],
  ['a name twice', '{"a":1,"a":2}', TAKEN],
  ['a name twice, once as escapes', String.raw`{"a":1,"\u0061":2}`, TAKEN],
  ['names that look like the prototype', '{"__proto__":{"a":1},"constructor":{"prototype":{"b":1}}}', TAKEN],
  ['a prototype in a prototype', '{"__proto__":{"__proto__":{"__proto__":null}}}', TAKEN],
  ['names of methods', '{"toJSON":1,"then":1,"valueOf":1,"toString":1,"hasOwnProperty":1,"length":-1}', TAKEN],
  ['names that are numbers', '{"4294967295":1,"4294967294":1,"0":1,"-1":1,"1e3":1}', TAKEN],
  ['names in other scripts', '{"ключ":1,"キー":2,"مفتاح":3,"🔑":4,"Ω":5,"Ω":6}', TAKEN],
  ['32 levels', `${'['.repeat(31)}${']'.repeat(31)}`, TAKEN],
  ['33 levels', `${'['.repeat(32)}${']'.repeat(32)}`, INVALID],
  ['1,500 levels in little space', `${'['.repeat(1_500)}${']'.repeat(1_500)}`, INVALID],
  ['63 levels of objects and lists', `${'{"a":['.repeat(31)}${']}'.repeat(31)}`, INVALID],
  ['100,000 members', `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":0`).join(',')}}`, INVALID],
  ['40,000 members of one letter', `[${'0,'.repeat(39_000)}0]`, [...EITHER]],
  ['a template of another language', '"{{7*7}}${7*7}<%= 7*7 %>"', TAKEN],
  ['SQL', `"'; DROP TABLE orders.orders; --"`, TAKEN],
  ['a format', '"%s%n%x $1 \\\\x00 E\'\'"', TAKEN],
];

/** Bodies that two JSON parsers might read differently. */
const TEXTS: readonly [string, string, readonly number[]][] = [
  ['blanks of all kinds around', ' \t\r\n{"type":"custom"}\n\t ', TAKEN],
  ['a no-break space around', '\u00a0{"type":"custom"}', [400]],
  ['a comment', '{"type":"custom"/**/}', [400]],
  ['a comma too many', '{"type":"custom",}', [400]],
  ['two values', '{"type":"custom"}{"type":"custom"}', [400]],
  ['two lines', '{"type":"custom"}\n{"type":"custom"}', [400]],
  ['NUL behind it', '{"type":"custom"}\0', [400]],
  ['Infinity', '{"type":"custom","properties":{"a":Infinity}}', [400]],
  ['hexadecimal', '{"type":"custom","properties":{"a":0x1}}', [400]],
  ['a leading plus', '{"type":"custom","properties":{"a":+1}}', [400]],
  ['a type twice, the last one wrong', '{"type":"custom","type":"order.created"}', INVALID],
  ['a type that is a list', '{"type":["custom"]}', INVALID],
  ['a type with a prototype', '{"type":"__proto__"}', INVALID],
  ['a type of an object', '{"type":"constructor"}', INVALID],
  ['events that are an object', '{"events":{"0":{"type":"custom"},"length":1}}', INVALID],
  ['events in events', '{"events":[{"events":[{"type":"custom"}]}]}', INVALID],
  ['events that inherit', '{"__proto__":{"events":[{"type":"custom"}]},"type":"custom"}', EITHER],
  ['an event that is null', '{"events":[null]}', INVALID],
  ['a list', '[{"type":"custom"}]', INVALID],
  ['2 MiB of blanks', ' '.repeat(2 * 1024 * 1024 - 2) + '{}', INVALID],
  ['one text of 2 MiB', JSON.stringify({ type: 'custom', properties: { a: 'x'.repeat(2_000_000) } }), INVALID],
  ['one name of 2 MiB', JSON.stringify({ type: 'custom', properties: { ['x'.repeat(2_000_000)]: 1 } }), INVALID],
  ['one unknown member of 2 MiB', JSON.stringify({ type: 'custom', ['x'.repeat(2_000_000)]: 1 }), INVALID],
  ['2 MiB of escapes', `{"type":"custom","properties":{"a":"${String.raw`\u0041`.repeat(340_000)}"}}`, INVALID],
  ['2 MiB of quotes', `{"type":"custom","properties":{"a":"${String.raw`\"`.repeat(1_000_000)}"}}`, INVALID],
  ['2 MiB of digits with blanks', `{"type":"custom","properties":{"a":"${'1234 '.repeat(400_000)}"}}`, INVALID],
  [
    '2 MiB of groups of digits',
    `{"type":"custom","properties":{"a":"${'1234 123 1234567 '.repeat(120_000)}"}}`,
    INVALID,
  ],
  ['2 MiB of hexadecimal', `{"type":"custom","properties":{"a":"${'deadbeef'.repeat(250_000)}"}}`, INVALID],
  ['a text without an end', `{"type":"custom","properties":{"a":"${'x'.repeat(50_000)}`, [400]],
  ['a user of 2 MiB', JSON.stringify({ type: 'custom', userId: 'u'.repeat(2_000_000) }), INVALID],
  [
    'a time of 2 MiB',
    JSON.stringify({ type: 'custom', occurredAt: '2026-01-01T00:00:00.'.padEnd(2_000_000, '0') }),
    INVALID,
  ],
];

/** Bodies of `/v1/events` in the simple form. */
export function outsideEvents(): OutsideBody[] {
  const json = { 'content-type': 'application/json' };
  const post = (name: string, body: string, statuses: readonly number[]): OutsideBody => ({
    name,
    path: '/v1/events',
    headers: json,
    body,
    statuses,
  });
  return [
    ...VALUES.map(([name, value, statuses]) =>
      post(`${name} in an event`, `{"type":"custom","properties":{"value":${value}}}`, statuses),
    ),
    ...TEXTS.map(([name, body, statuses]) => post(`an event with ${name}`, body, statuses)),
    ...['custom.__proto__', 'custom.constructor', 'custom.then'].map((type) =>
      post(type, JSON.stringify({ type }), EITHER),
    ),
    ...['__proto__', 'constructor', 'toString'].map((word) =>
      post(
        `${word} everywhere`,
        JSON.stringify({ type: 'custom', id: `${word}-${randomUUID()}`, userId: word, key: word }),
        EITHER,
      ),
    ),
  ];
}

const TIMES: readonly [string, readonly number[]][] = [
  ['1970-01-01T00:00:00Z', TAKEN],
  ['1969-12-31T23:59:59Z', INVALID],
  ['1970-01-01T00:00:00+00:01', INVALID],
  ['1969-12-31T23:59:00-00:01', TAKEN],
  ['9999-12-31T23:59:59.999999999Z', TAKEN],
  ['9999-12-31T23:59:59-00:01', INVALID],
  ['2026-02-29T00:00:00Z', INVALID],
  ['2028-02-29T00:00:00Z', TAKEN],
  ['2026-01-01T24:00:00Z', INVALID],
  ['2026-01-01T00:00:00+23:59', TAKEN],
  ['2026-01-01T00:00:00+24:00', INVALID],
  ['2026-01-01T00:00:00-00:00', TAKEN],
  ['2026-01-01T00:00:00.Z', INVALID],
  ['2026-01-01T00:00:00,5Z', INVALID],
  ['2026-01-01 00:00:00Z', INVALID],
  ['2026-01-01T00:00Z', EITHER],
  ['2026-01-01', INVALID],
  ['+002026-01-01T00:00:00Z', INVALID],
  ['-000001-01-01T00:00:00Z', INVALID],
  ['2026-W01-1T00:00:00Z', INVALID],
  ['2015-06-30T23:59:60Z', TAKEN],
  ['2015-07-01T01:59:60+02:00', TAKEN],
  ['2015-06-30T23:59:61Z', INVALID],
  ['٢٠٢٦-01-01T00:00:00Z', INVALID],
  ['2026-01-01T00:00:00Z\u0000', INVALID],
];

function event(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    specversion: '1.0',
    id: randomUUID(),
    source: '/outside',
    type: 'custom',
    ...members,
  };
}

function structured(
  name: string,
  members: Readonly<Record<string, unknown>>,
  statuses: readonly number[],
): OutsideBody {
  return {
    name: `a CloudEvent with ${name}`,
    path: '/v1/events',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(event(members)),
    statuses,
  };
}

/** CloudEvents in structured and batched mode; `sku` is nothing to them. */
export function outsideCloudEvents(): OutsideBody[] {
  const long = 'x'.repeat(1_500_000);
  const methods = ['constructor', 'validate', 'emit', 'valueof', 'then', 'prototype', 'length', 'schemaurl'];
  return [
    ...TIMES.map(([time, statuses]) => structured(`the time ${JSON.stringify(time)}`, { time }, statuses)),
    ...methods.map((name) => structured(`an extension named ${name}`, { [name]: 'a' }, TAKEN)),
    structured('an extension named toJSON', { toJSON: 'a' }, INVALID),
    structured(
      'an extension named __proto__',
      JSON.parse('{"__proto__":"a"}') as object as Record<string, unknown>,
      INVALID,
    ),
    structured('a name of 1 MB', { [long]: 'a' }, INVALID),
    structured('a name of 64 letters', { [`a${'b'.repeat(63)}`]: 'a' }, EITHER),
    structured('a name of an umlaut', { größe: 'a' }, INVALID),
    structured('an empty name', { '': 'a' }, INVALID),
    structured('a list as extension', { ext: ['a'] }, INVALID),
    structured('an empty extension', { ext: '' }, EITHER),
    structured('an extension of 60 KB', { ext: 'x'.repeat(60_000) }, TAKEN),
    structured(
      '100 extensions',
      Object.fromEntries(Array.from({ length: 96 }, (_, index) => [`e${index}`, index])),
      TAKEN,
    ),
    structured('the least integer', { ext: -2_147_483_648 }, TAKEN),
    structured('-0 as extension', { ext: -0 }, TAKEN),
    structured('a schema of 1 MB', { dataschema: `http://a/${long}` }, INVALID),
    structured('a schema of 1 MB that is nearly a URI', { dataschema: `http://a/${'%41'.repeat(500_000)}%` }, INVALID),
    structured('a relative schema', { dataschema: 'a/b' }, EITHER),
    structured('a source of 1 MB', { source: `/${long}` }, INVALID),
    structured('a source that is a fragment', { source: '#' }, EITHER),
    structured('a source of another script', { source: '/größe' }, EITHER),
    structured('a source with a template', { source: '/{a}' }, EITHER),
    structured('a subject of 1 MB', { subject: long }, INVALID),
    structured('a content type of 1 MB of blanks', { datacontenttype: `a/b${' '.repeat(1_500_000)}` }, INVALID),
    structured('a content type of 1 MB of parameters', { datacontenttype: `a/b${';a=b'.repeat(300_000)};` }, INVALID),
    structured('a content type with a blank before it', { datacontenttype: ' application/json' }, INVALID),
    structured('a content type that is a number', { datacontenttype: 1 }, INVALID),
    structured('base64 of 1.5 MB', { data_base64: 'AAAA'.repeat(375_000) }, INVALID),
    structured('base64 of 60 KB', { data_base64: 'AAAA'.repeat(15_000) }, TAKEN),
    structured('base64 with line breaks', { data_base64: 'AAAA\r\nAAAA' }, INVALID),
    structured('base64 of URLs', { data_base64: '__--' }, INVALID),
    structured('base64 with bits too many', { data_base64: 'AB==' }, EITHER),
    structured('empty base64', { data_base64: '' }, EITHER),
    structured('base64 that is null beside data', { data_base64: null, data: 1 }, TAKEN),
    structured('base64 that is a number', { data_base64: 1 }, INVALID),
    structured('data that is null', { data: null, datacontenttype: 'application/json' }, TAKEN),
    structured('data that is a CloudEvent', { data: event({ data: event({}) }) }, TAKEN),
    structured('data that is a text of JSON', { data: '{"a":', datacontenttype: 'application/json' }, TAKEN),
    structured('a version of a blank', { specversion: '1.0 ' }, INVALID),
    structured('an id that is a path', { id: '../../stats' }, EITHER),
    structured('an id of a blank', { id: ' ' }, EITHER),
    structured('an id of emoji', { id: `🦄${randomUUID()}` }, EITHER),
    structured('an id of 200 marks', { id: '\u0301'.repeat(200) }, EITHER),
    ...outsideBinaryEvents(),
    ...outsideBatches(event),
  ];
}

function outsideBinaryEvents(): OutsideBody[] {
  type Sent = Record<string, string> & { readonly body?: string };
  const binary = (name: string, { body = '{}', ...headers }: Sent, statuses: readonly number[]): OutsideBody => ({
    name: `a binary CloudEvent with ${name}`,
    path: '/v1/events',
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': randomUUID(),
      'ce-source': '/outside',
      'ce-type': 'custom',
      ...headers,
    },
    body,
    statuses,
  });
  return [
    binary('__proto__', { 'ce-__proto__': 'a' }, INVALID),
    binary('a name without letters', { 'ce-': 'a' }, INVALID),
    binary('a name with a prefix twice', { 'ce-ce-id': 'a' }, INVALID),
    binary('a subject of half an escape', { 'ce-subject': '%e2%82' }, INVALID),
    binary('a subject of overlong UTF-8', { 'ce-subject': '%c0%af' }, INVALID),
    binary('a subject of an encoded surrogate', { 'ce-subject': '%ed%a0%80' }, INVALID),
    binary('a subject in quotes that do not end', { 'ce-subject': '"a' }, TAKEN),
    binary('a subject of backslashes', { 'ce-subject': `"${'\\\\'.repeat(3_000)}` }, INVALID),
    binary('an empty subject', { 'ce-subject': '' }, INVALID),
    binary('a subject of a line break', { 'ce-subject': 'a%0d%0aX-A: b' }, EITHER),
    binary('an id of percent signs', { 'ce-id': '%25%2525' }, TAKEN),
    binary('a time in small letters', { 'ce-time': '2026-01-01t00:00:00z' }, TAKEN),
    binary('no type of content', { 'content-type': '' }, [202, 415, 422]),
    binary('a type of content that is none', { 'content-type': 'json' }, INVALID),
    binary('a form', { 'content-type': 'application/x-www-form-urlencoded', body: 'a=b&c' }, TAKEN),
    binary('a form of parts', { 'content-type': 'multipart/form-data; boundary=a', body: '--a--' }, TAKEN),
    binary('JSON that is a text', { 'content-type': 'text/json', body: '"a"' }, TAKEN),
    binary('NUL in a text', { 'content-type': 'text/plain', body: 'a\0b' }, INVALID),
    binary('a card number', { 'content-type': 'text/plain', body: '4111 1111 1111 1111' }, INVALID),
    binary(
      '100 headers',
      Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`ce-e${index}`, 'a'])),
      INVALID,
    ),
  ];
}

function outsideBatches(event: (members: Readonly<Record<string, unknown>>) => object): OutsideBody[] {
  const batch = (name: string, body: string, statuses: readonly number[]): OutsideBody => ({
    name: `a batch of ${name}`,
    path: '/v1/events',
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    body,
    statuses,
  });
  const id = randomUUID();
  return [
    batch(
      'one id of 300 sources',
      JSON.stringify(Array.from({ length: 300 }, (_, index) => event({ id, source: `/${index}` }))),
      TAKEN,
    ),
    batch('one event 500 times', JSON.stringify(Array.from({ length: 500 }, () => event({ id, source: '/a' }))), TAKEN),
    batch('lists', '[[],[]]', INVALID),
    batch('nulls', '[null,null]', INVALID),
    batch('40,000 nulls', `[${'null,'.repeat(39_999)}null]`, INVALID),
    batch('a list that is an object', '{"0":{},"length":1}', INVALID),
    batch(
      '500 events with 90 extensions',
      JSON.stringify(
        Array.from({ length: 400 }, () =>
          event(Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`e${index}`, index]))),
        ),
      ),
      TAKEN,
    ),
  ];
}

/** Bodies of orders; each is a valid one with one odd part. */
export function outsideOrders(order: string): OutsideBody[] {
  const post = (name: string, body: string, statuses: readonly number[]): OutsideBody => ({
    name: `an order with ${name}`,
    path: '/v1/orders',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body,
    statuses,
  });
  const quantity = (value: string): string => order.replace('"quantity":1', `"quantity":${value}`);
  const reference = (value: string): string => order.replace('{', `{"reference":${value},`);
  return [
    ...['1.0', '1e0', '10e-1', '0.1e1'].map((value) => post(`the quantity ${value}`, quantity(value), TAKEN)),
    ...['-0', '0.9999999999999999', '1.0000000000000001e16', '1e-400', '"1"', '[1]', '{"valueOf":1}', '1e400'].map(
      (value) => post(`the quantity ${value}`, quantity(value), INVALID),
    ),
    post('a quantity of so many digits that it is 1', quantity(`1.${'0'.repeat(20_000)}1`), TAKEN),
    post('a quantity that is hidden', quantity('1,"__proto__":{"quantity":9}'), INVALID),
    post('an expected total of -0', order.replace('{', '{"expectedTotalMinor":-0,'), EITHER),
    post('an expected total beyond 2^53', order.replace('{', '{"expectedTotalMinor":9007199254740992,'), INVALID),
    post('a product named __proto__', order.replace('SKU-0001', '__proto__'), TAKEN),
    post('a product named constructor', order.replace('SKU-0001', 'constructor'), TAKEN),
    post('a currency of another alphabet', order.replace('EUR', 'ЕUR'), INVALID),
    post('a currency that inherits', order.replace('"currency":"EUR"', '"__proto__":{"currency":"EUR"}'), INVALID),
    post('an address of 60 KB', order.replace('a@example.com', `${'a'.repeat(60_000)}@example.com`), INVALID),
    post('an address of 20,000 labels', order.replace('a@example.com', `a@${'a.'.repeat(20_000)}com`), INVALID),
    post(
      'an address of quotes',
      order.replace('a@example.com', String.raw`\"${'\\\\\\"'.repeat(5_000)}@example.com`),
      INVALID,
    ),
    post(
      'a line of a mail in the address',
      order.replace('a@example.com', String.raw`a@example.com\r\nBcc: b@example.com`),
      INVALID,
    ),
    post('a reference of marks', reference(`"${'\u0301'.repeat(60)}"`), EITHER),
    post('a reference against the direction', reference('"\u202efdp.exe"'), EITHER),
    post('a reference of half a pair', reference(String.raw`"\ud83d"`), INVALID),
    post('a reference of digits of another script', reference('"４１１１１１１１１１１１１１１１"'), EITHER),
    post(
      'a thousand members',
      order.replace('{', `{${Array.from({ length: 1_000 }, (_, index) => `"m${index}":0,`).join('')}`),
      INVALID,
    ),
    post(
      '100 lines of one product',
      order.replace(
        /"lines":\[(.*?)\]/,
        (_, line: string) => `"lines":[${Array.from({ length: 100 }, () => line).join(',')}]`,
      ),
      TAKEN,
    ),
    post('20,000 lines', order.replace(/"lines":\[.*?\]/, `"lines":[${'{},'.repeat(20_000)}{}]`), INVALID),
    post('one unknown member of 60 KB', order.replace('{', `{"${'x'.repeat(60_000)}":0,`), INVALID),
  ];
}
