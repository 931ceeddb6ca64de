import { orderBody } from '../system.ts';

/** A request that no client should send; `fetch` sends it with a valid token and key unless it says otherwise. */
export interface MalformedRequest {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const PRODUCT = { name: 'Tea pot', priceMinor: 2_250, currency: 'EUR' };
const ADJUSTMENT = { delta: 1, reason: 'restock' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** JSON texts that no field of any body accepts. */
const WRONG_VALUES = [
  'null',
  'true',
  '1.5',
  '1e400',
  '-1e400',
  '9007199254740993',
  '""',
  String.raw`"\u0000"`,
  String.raw`"a\ud800"`,
  `"${'x'.repeat(300)}"`,
  '[]',
  '[[]]',
  '{}',
  '{"__proto__":{}}',
];

const ORDER_FIELDS = [
  'customer',
  'customer.id',
  'customer.email',
  'customer.phone',
  'currency',
  'lines',
  'lines.0',
  'lines.0.sku',
  'lines.0.quantity',
  'payment',
  'payment.method',
  'payment.capture',
  'expectedTotalMinor',
  'reference',
];

/** Each field of each body with each wrong value. */
export function wrongFields(): MalformedRequest[] {
  const targets = [
    { method: 'POST', path: '/v1/orders', body: orderBody(), fields: ORDER_FIELDS },
    { method: 'PUT', path: '/v1/products/SKU-0001', body: PRODUCT, fields: Object.keys(PRODUCT) },
    { method: 'POST', path: '/v1/stock/SKU-0001/adjustments', body: ADJUSTMENT, fields: Object.keys(ADJUSTMENT) },
  ];
  return targets.flatMap(({ method, path, body, fields }) =>
    fields.flatMap((field) =>
      WRONG_VALUES.map((value) => ({
        name: `${field} of ${method} ${path} is ${value.slice(0, 24)}`,
        method,
        path,
        headers: JSON_TYPE,
        body: withValue(body, field, value),
      })),
    ),
  );
}

/** The body's JSON with one field's text replaced, because JSON.stringify could not write these values. */
function withValue(body: object, field: string, json: string): string {
  const marker = '@@marker@@';
  const copy = structuredClone(body) as Record<string, unknown>;
  const names = field.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((at, name) => at[name] as Record<string, unknown>, copy);
  parent[last] = marker;
  return JSON.stringify(copy).replace(JSON.stringify(marker), () => json);
}

/** Whole bodies that are not JSON, not UTF-8, too large, too deep, or of another shape. */
export function wrongBodies(): MalformedRequest[] {
  const order = JSON.stringify(orderBody());
  const texts: [string, string | Uint8Array][] = [
    ['an empty body', ''],
    ...Array.from({ length: 8 }, (_, index): [string, string] => [
      `a body cut after ${index + 1} ninths`,
      order.slice(0, Math.ceil((order.length * (index + 1)) / 9)),
    ]),
    ...['NaN', 'undefined', '// a', '{"a":1,}', "{'a':1}", '{a:1}', '01', '"\n"', '{} {}'].map(
      (text): [string, string] => [`the body ${text}`, text],
    ),
    ...['null', 'true', '7', '1e400', '"text"', '[]', '{}', `[${order}]`].map((text): [string, string] => [
      `the body ${text.slice(0, 10)}`,
      text,
    ]),
    ['100 NUL bytes', '\0'.repeat(100)],
    ['a byte order mark alone', '\ufeff'],
    ['UTF-16', Buffer.from(order, 'utf16le')],
    ['Latin-1', Buffer.from(order.replace('cust_42', 'caf\u00e9'), 'latin1')],
    ['overlong UTF-8', Buffer.concat([Buffer.from('{"reference":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
    ['random bytes', Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 151) % 256))],
    ['10 MB', 'x'.repeat(10_000_000)],
    ['one byte more than 64 KiB', order.padEnd(65_537)],
    ['arrays 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['arrays 30,000 deep', '['.repeat(30_000) + ']'.repeat(30_000)],
    ['arrays 60,000 deep without end', '['.repeat(60_000)],
    ['objects 10,000 deep', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
    ['a SKU 25,000 deep', order.replace('"SKU-0001"', '['.repeat(25_000) + ']'.repeat(25_000))],
    ['a number of 60,000 digits', order.replace('"quantity":2', `"quantity":${'9'.repeat(60_000)}`)],
    ['a field twice, the last one wrong', order.replace('"quantity":2', '"quantity":2,"quantity":0')],
    ['a customer twice, the last one wrong', order.replace('{', '{"customer":{"id":"a"},').replace('cust_42', '')],
    ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', ''].flatMap(
      (name): [string, string][] => [
        [`the unknown field "${name}"`, order.replace('{', `{"${name}":{"currency":"EUR"},`)],
        [
          `the unknown field "${name}" of the customer`,
          order.replace('"customer":{', `"customer":{"${name}":{"id":1},`),
        ],
      ],
    ),
  ];
  return texts.map(([name, body]) => ({ name, method: 'POST', path: '/v1/orders', headers: JSON_TYPE, body }));
}

/** Valid bodies under headers that make them something else. */
export function wrongHeaders(): MalformedRequest[] {
  const types = [
    'text/plain',
    'application/xml',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    'json',
    '*/*',
  ];
  const more = ['application/x-www-form-urlencoded', 'image/png', 'application/json5', 'application/cbor', 'a/b; c'];
  const headers = [
    ...[...types, ...more].map((type) => ({ 'content-type': type })),
    ...['gzip', 'br', 'deflate', 'gzip, gzip', 'x'].map((coding) => ({ ...JSON_TYPE, 'content-encoding': coding })),
    ...['', 'short', 'with blank in it', 'a/b/c/d/e/f', '"only-half', 'x'.repeat(256), 'umläut-key', '{}{}{}{}'].map(
      (key) => ({ ...JSON_TYPE, 'idempotency-key': key }),
    ),
    ...['', 'Bearer', 'Bearer x', 'Bearer a.b.c', 'Basic YTpi', `Bearer ${'x'.repeat(8_000)}`, 'Digest x', 'null'].map(
      (authorization) => ({ ...JSON_TYPE, authorization }),
    ),
  ];
  return headers.map((given) => ({
    name: `an order with ${JSON.stringify(given).slice(0, 90)}`,
    method: 'POST',
    path: '/v1/orders',
    headers: given,
    body: JSON.stringify(orderBody()),
  }));
}

const QUERIES = [
  ...['0', '-1', '101', '1.5', 'ten', '', '1e9', '9007199254740993', 'NaN', '1&limit=2', '%00'].map(
    (value) => `limit=${value}`,
  ),
  ...['', 'abc', '%00', '%ff', 'W10', 'bnVsbA', 'e30', 'x'.repeat(500), 'a&cursor=b'].map((value) => `cursor=${value}`),
  ...['x', '', 'pending', 'PENDING&status=CONFIRMED', 'PENDING%00'].map((value) => `status=${value}`),
  ...['', '%00', 'a%00b', 'x'.repeat(200), 'a&customerId=b'].map((value) => `customerId=${value}`),
  ...['', '%00', 'x'.repeat(200)].map((value) => `reference=${value}`),
  ...['x', '', '2026', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '1e400'].map(
    (value) => `createdAfter=${value}`,
  ),
  'stauts=PENDING',
  '__proto__=1',
  'constructor=1',
  'a[b]=c',
  '%00=%00',
];

const ODD_PATHS = [
  '/v1/orders/%00',
  '/v1/orders/%ff',
  '/v1/orders/%c0%af',
  '/v1/orders/%',
  '/v1/orders/%2e%2e%2f',
  '/v1/orders/..%2f..%2fetc%2fpasswd',
  `/v1/orders/${'x'.repeat(8_000)}`,
  '/v1/orders/ord_x/timeline/more',
  '/v1/orders/',
  '/v1//orders',
  '/V1/Orders',
  '/v1/stock/%00',
  '/v1/stock/%ff',
  '/v1/stock/a%2fb',
  '/v1/products/SKU-0001',
  '/v2/orders',
  '/docs/%2e%2e%2fpackage.json',
  '/docs/__proto__',
  '/docs/constructor',
  '/docs/toString',
  '/.env',
];

/** Reads of things that cannot exist, and methods that addresses do not support. */
export function wrongTargets(): MalformedRequest[] {
  const get = (path: string): MalformedRequest => ({
    name: `GET ${path.slice(0, 80)}`,
    method: 'GET',
    path,
    headers: {},
  });
  const waits = ['31', '-1', '1.5', 'x', '1e400', '%00', '1&wait=1'].map((wait) => `/v1/orders/ord_x?wait=${wait}`);
  const methods: [string, readonly string[]][] = [
    ['/v1/orders', ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'LOCK']],
    ['/v1/orders/ord_x', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']],
    ['/v1/products', ['POST', 'DELETE', 'OPTIONS']],
    ['/v1/stock/SKU-0001', ['POST', 'PUT', 'DELETE']],
    ['/v1/stock/SKU-0001/adjustments', ['PUT', 'PATCH', 'DELETE']],
    ['/livez', ['POST', 'DELETE', 'OPTIONS']],
    ['/metrics', ['POST', 'PUT']],
    ['/openapi.json', ['POST', 'DELETE']],
    ['/docs', ['POST', 'PUT']],
  ];
  return [
    ...QUERIES.map((query) => get(`/v1/orders?${query}`)),
    ...['limit=0', 'limit=x', 'cursor=abc', 'cursor=WyJcdTAwMDAiXQ', 'sku=A'].map((query) =>
      get(`/v1/products?${query}`),
    ),
    ...waits.map(get),
    ...ODD_PATHS.map(get),
    ...methods.flatMap(([path, names]) =>
      names.map((method) => ({ name: `${method} ${path}`, method, path, headers: {} })),
    ),
  ];
}

/** Bytes that are not an HTTP request, or a request that no client library sends; `token` authorizes some of them. */
export function rawRequests(token: string): ReadonlyMap<string, string | Uint8Array> {
  const host = `Host: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n`;
  const post = `POST /v1/orders HTTP/1.1\r\n${host}Content-Type: application/json\r\nIdempotency-Key: raw-request-1\r\n`;
  const chunk = `${(40_000).toString(16)}\r\n${'x'.repeat(40_000)}\r\n`;
  return new Map<string, string | Uint8Array>([
    ['words', 'hello there\r\n\r\n'],
    ['a TLS greeting', Buffer.from('16030100c8010000c40303', 'hex')],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['bytes', Buffer.from(Array.from({ length: 256 }, (_, index) => 255 - index))],
    ['HTTP/9.9', `GET /livez HTTP/9.9\r\n${host}\r\n`],
    ['a method of its own', `BREW /v1/orders HTTP/1.1\r\n${host}\r\n`],
    ['a method in small letters', `get /livez HTTP/1.1\r\n${host}\r\n`],
    ['TRACE', `TRACE /v1/orders HTTP/1.1\r\n${host}\r\n`],
    ['TRACK', `TRACK /v1/orders HTTP/1.1\r\n${host}\r\n`],
    ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${host}\r\n`],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${host}\r\n`],
    ['no host', `GET /livez HTTP/1.1\r\n\r\n`],
    ['a host with a blank', 'GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['a host with a path', 'GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['an address that is none', `GET http://[ HTTP/1.1\r\n${host}\r\n`],
    ['an address of another scheme', `GET ftp://127.0.0.1/livez HTTP/1.1\r\n${host}\r\n`],
    ['a target without slash', `GET livez HTTP/1.1\r\n${host}\r\n`],
    ['bytes above ASCII in the target', Buffer.from(`GET /v1/orders/\xff\xfe HTTP/1.1\r\n${host}\r\n`, 'latin1')],
    ['NUL in the target', `GET /v1/\0orders HTTP/1.1\r\n${host}\r\n`],
    ['a target of 20 KB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`],
    ['a header of 20 KB', `GET /livez HTTP/1.1\r\n${host}X-A: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['1,500 headers', `GET /livez HTTP/1.1\r\n${host}${'X-A: 12345\r\n'.repeat(1_500)}\r\n`],
    ['a header without colon', `GET /livez HTTP/1.1\r\n${host}nothing\r\n\r\n`],
    ['a blank before the colon', `GET /livez HTTP/1.1\r\n${host}X-A : 1\r\n\r\n`],
    ['NUL in a header', `GET /livez HTTP/1.1\r\n${host}X-A: a\0b\r\n\r\n`],
    ['an expectation', `${post}Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}`],
    ['a negative length', `${post}Content-Length: -5\r\n\r\n`],
    ['a length in words', `${post}Content-Length: two\r\n\r\n{}`],
    ['two lengths', `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length beyond all bounds', `${post}Content-Length: 99999999999999999999\r\n\r\n{}`],
    ['a length of a terabyte', `${post}Content-Length: 1000000000000\r\n\r\n{}`],
    ['a length and chunks', `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an unknown transfer coding', `${post}Transfer-Encoding: rot13\r\n\r\n{}`],
    ['a chunk of no size', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a chunk of endless size', `${post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n`],
    ['chunks of 80 KB', `${post}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`],
    ['chunks that are no JSON', `${post}Transfer-Encoding: chunked\r\n\r\n3\r\n{a}\r\n0\r\n\r\n`],
  ]);
}
