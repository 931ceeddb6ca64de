import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Exchange } from './outside-http.ts';

type Case = [name: string, bytes: string | Buffer, statuses: (readonly number[])[]];

const OK = [200];
const BAD = [400];
const REFUSED = [400, 404, 405, 408, 411, 413, 414, 415, 417, 422, 431];

/** What writes the requests of the corpus: `order` is the JSON of a good order, `event` that of a good event. */
type Writers = ReturnType<typeof createWriters>;

function createWriters({ token, order, event }: GoodRequests) {
  const auth = `Host: a\r\nAuthorization: Bearer ${token}\r\n`;
  let key = 0;
  const post = (path: string, headers: string, body: string | Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(
        `POST ${path} HTTP/1.1\r\n${auth}Idempotency-Key: outside-${process.pid}-${(key += 1)}\r\n${headers}`,
        'latin1',
      ),
      Buffer.from('\r\n'),
      Buffer.from(body as string),
    ]);
  const json = 'Content-Type: application/json\r\n';
  const orders = (headers: string, body: string | Buffer): Buffer => post('/v1/orders', json + headers, body);
  const events = (headers: string, body: string | Buffer): Buffer =>
    post('/v1/events', `${json}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n`, body);
  const get = (target: string, headers = '', version = 'HTTP/1.1'): string =>
    `GET ${target} ${version}\r\n${auth}${headers}\r\n`;
  const livez = get('/livez');
  const length = `Content-Length: ${Buffer.byteLength(order)}\r\n`;
  const chunks = (text: string, size: number, extension = ''): string => {
    let out = '';
    for (let at = 0; at < text.length; at += size) {
      const part = text.slice(at, at + size);
      out += `${Buffer.byteLength(part).toString(16)}${extension}\r\n${part}\r\n`;
    }
    return `${out}0\r\n`;
  };
  const chunked = 'Transfer-Encoding: chunked\r\n';
  const packed = (coding: string, body: Buffer): Buffer => events(`Content-Encoding: ${coding}\r\n`, body);
  return { auth, post, json, orders, events, get, livez, length, chunks, chunked, packed, token, order, event };
}

/** Two readings of one connection. */
function twoReadingsOfOneConnectionCases({
  auth,
  json,
  orders,
  get,
  livez,
  length,
  chunks,
  chunked,
  order,
}: Writers): Case[] {
  return [
    ['the same length twice', orders(`${length}${length}`, order), [BAD]],
    ['a list of lengths', orders(`Content-Length: ${order.length}, ${order.length}\r\n`, order), [BAD]],
    ['a length with a sign', orders(`Content-Length: +${order.length}\r\n`, order), [BAD]],
    ['a length in hexadecimal', orders('Content-Length: 0x20\r\n', order), [BAD]],
    ['a length with a blank in it', orders('Content-Length: 1 0\r\n', order), [BAD]],
    ['an empty length', orders('Content-Length: \r\n', order), [BAD]],
    ['a length behind a tab', orders(`Content-Length:\t${order.length}\t\r\n`, order), [[202]]],
    ['a length with leading zeros', orders(`Content-Length: 000${order.length}\r\n`, order), [[202, 400]]],
    ['chunks and a length behind them', orders(`${chunked}${length}`, chunks(order, 9)), [BAD]],
    ['a coding with a vertical tab', orders('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), [BAD]],
    ['a coding in capital letters', orders('TRANSFER-ENCODING: CHUNKED\r\n', `${chunks(order, 50)}\r\n`), [[202]]],
    ['a coding behind a blank name', orders('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), [BAD]],
    ['a coding over two lines', orders('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'), [BAD]],
    ['two codings in two headers', orders(`Transfer-Encoding: identity\r\n${chunked}`, '0\r\n\r\n'), [BAD]],
    ['an empty coding', orders('Transfer-Encoding: \r\n', ''), [BAD]],
    ['a coding with a parameter', orders('Transfer-Encoding: chunked;a=b\r\n', '0\r\n\r\n'), [BAD]],
    [
      'chunks of HTTP/1.0',
      `POST /v1/orders HTTP/1.0\r\n${auth}${json}${chunked}\r\n${chunks(order, 9)}\r\n`,
      [REFUSED],
    ],
    ['a header over two lines', get('/livez', 'X-A: a\r\n b\r\n'), [BAD]],
    ['a header over two lines by a tab', get('/livez', 'X-A: a\r\n\tb\r\n'), [BAD]],
    ['a header without a name', get('/livez', ': a\r\n'), [BAD]],
    ['a bare line feed', 'GET /livez HTTP/1.1\nHost: a\n\n', [BAD]],
    ['a bare execution return', get('/livez', 'X-A: a\rX-B: b\r\n'), [BAD]],
    ['a blank line before the request', `\r\n\r\n${livez}`, [OK]],
    [
      'a request hidden behind a body',
      orders(length, `${order}GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n`),
      [[202], [401]],
    ],
    ['bytes behind a body', orders(length, `${order}}}}}`), [[202], BAD]],
    [
      'a request in the body of a GET',
      get('/livez', 'Content-Length: 46\r\n') + 'POST /v1/orders HTTP/1.1\r\nHost: a\r\nX-A: bbbb\r\n',
      [OK],
    ],
    ['a GET in chunks', `${get('/livez', chunked)}0\r\n\r\n${livez}`, [OK, OK]],
    ['a HEAD with a body', `HEAD /livez HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`, [OK]],
  ];
}

/** Chunks. */
function chunksCases({ orders, chunks, chunked, order }: Writers): Case[] {
  return [
    ['one byte a chunk', orders(chunked, `${chunks(order, 1)}\r\n`), [[202]]],
    ['extensions of chunks', orders(chunked, `${chunks(order, 40, ';a="b;c";d')}\r\n`), [[202]]],
    ['an extension of 20 KB', orders(chunked, chunks(order, 999, `;${'a'.repeat(20_000)}`)), [[413, 400]]],
    [
      'extensions of 20 KB together',
      orders(chunked, `${chunks(order, 1, `;${'a'.repeat(300)}`)}\r\n`),
      [[202, 413, 400]],
    ],
    [
      'trailers',
      orders(chunked, `${chunks(order, 40)}X-Trailer: a\r\nContent-Length: 5\r\nHost: b\r\n\r\n`),
      [[202, 400]],
    ],
    [
      'trailers of 20 KB',
      orders(chunked, `${chunks(order, 40)}X-Trailer: ${'a'.repeat(20_000)}\r\n\r\n`),
      [[431, 400]],
    ],
    ['a chunk with a sign', orders(chunked, '+2\r\n{}\r\n0\r\n\r\n'), [BAD]],
    ['a chunk in 0x', orders(chunked, '0x2\r\n{}\r\n0\r\n\r\n'), [BAD]],
    ['a chunk that is longer than it says', orders(chunked, '2\r\n{}}\r\n0\r\n\r\n'), [BAD]],
    ['a chunk with a line feed alone', orders(chunked, '2\n{}\n0\n\n'), [BAD]],
    ['a chunk of 80 bits', orders(chunked, 'fffffffffffffffffffe\r\n{}'), [BAD]],
    ['a chunk with leading zeros', orders(chunked, `${'0'.repeat(40)}2\r\n{}\r\n0\r\n\r\n`), [[400, 422]]],
  ];
}

/** Targets. */
function targetsCases({ get }: Writers): Case[] {
  return [
    ['an address of this server', get('http://a/livez'), [OK]],
    ['an address of another server', get('http://other.example/livez'), [OK]],
    ['an address with a user', get('http://u:p@a/livez'), [[200, 400]]],
    ['an address of https', get('https://a/livez'), [[200, 400]]],
    ['an address of IPv6', get('http://[::1]/livez'), [OK]],
    ['an address of half an IPv6', get('http://[::1/livez'), [BAD]],
    ['an address with a port too high', get('http://a:70000/livez'), [BAD]],
    ['an address without path', get('http://a'), [REFUSED]],
    ['an address in capital letters', get('HTTP://A/livez'), [[200, 400]]],
    ['javascript', get('javascript:alert(1)'), [REFUSED]],
    ['two slashes', get('//livez'), [REFUSED]],
    ['two slashes and a host', get('//evil.example/v1/orders'), [REFUSED]],
    ['a backslash', get('/\\livez'), [REFUSED]],
    ['a fragment', get('/livez#a'), [[200, 400]]],
    ['a question mark alone', get('?'), [REFUSED]],
    ['an asterisk', get('*'), [REFUSED]],
    ['a way out and in, without token', 'GET /livez/../v1/orders HTTP/1.1\r\nHost: a\r\n\r\n', [[401, 404]]],
    [
      'a way out and in, encoded, without token',
      'GET /livez/%2e%2e/v1/orders HTTP/1.1\r\nHost: a\r\n\r\n',
      [[401, 404]],
    ],
    [
      'a way through the reports, without token',
      'GET /v1/payment-webhooks/../orders HTTP/1.1\r\nHost: a\r\n\r\n',
      [[401]],
    ],
    ['an encoded path, without token', 'GET /v1/%6frders HTTP/1.1\r\nHost: a\r\n\r\n', [[401, 404]]],
    ['an encoded path in capitals, without token', 'GET /%561/orders HTTP/1.1\r\nHost: a\r\n\r\n', [[401, 404]]],
    ['an encoded slash, without token', 'GET /v1%2forders HTTP/1.1\r\nHost: a\r\n\r\n', [[401, 404]]],
    ['a path of dots', get('/../../../../etc/passwd'), [[404]]],
    ['a file of the server', get('/docs/..%5c..%5cpackage.json'), [[404]]],
    ['a file behind NUL', get('/docs/swagger-ui.css%00.png'), [[404]]],
    ['a console file of elsewhere', get('/console/x/..%2f..%2fserver.ts'), [[404]]],
    ...['%', '%4', '%zz', '%u0041', '%c0%ae', '%f8%88%80%80%80', '%ed%a0%80', '%fe%ff'].flatMap(
      (odd): [string, string, (readonly number[])[]][] => [
        [`${odd} in a path`, get(`/v1/orders/${odd}`), [[400, 404, 422]]],
        [`${odd} in a query`, get(`/v1/orders?reference=${odd}`), [[200, 400, 422]]],
        [`${odd} in the name of a query`, get(`/v1/orders?${odd}=1`), [[400, 422]]],
        [`${odd} in a product`, get(`/v1/stock/${odd}`), [[400, 404, 422]]],
        [`${odd} in an event`, get(`/v1/events/${odd}?source=${odd}`), [[200, 400, 404, 422]]],
      ],
    ),
    ['a query of 15 KB', get(`/v1/orders?reference=${'a'.repeat(15_000)}`), [[422, 431]]],
    ['5,000 parameters', get(`/v1/orders?${'a&'.repeat(5_000)}`), [[422]]],
    ['a semicolon in a query', get('/v1/orders?limit=1;limit=2'), [[422]]],
    ['a plus in a query', get('/v1/orders?limit=+1'), [[200, 422]]],
  ];
}

/** Methods and versions. */
function methodsAndVersionsCases({ auth, orders, get, livez, length, order }: Writers): Case[] {
  return [
    ['OPTIONS of an address', `OPTIONS /v1/orders HTTP/1.1\r\n${auth}\r\n`, [[405]]],
    [
      'a preflight',
      `OPTIONS /v1/orders HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: POST\r\n\r\n`,
      [[401, 405]],
    ],
    ['TRACE with a body', `TRACE /livez HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`, [REFUSED]],
    ['CONNECT with a body', `CONNECT a:1 HTTP/1.1\r\n${auth}\r\n${livez}`, [BAD]],
    ['CONNECT to nothing', `CONNECT / HTTP/1.1\r\n\r\n`, [BAD]],
    ['QUERY', `QUERY /v1/orders HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`, [REFUSED]],
    ['PURGE and M-SEARCH', `PURGE / HTTP/1.1\r\n${auth}\r\nM-SEARCH * HTTP/1.1\r\n${auth}\r\n`, [REFUSED, REFUSED]],
    ['DELETE with a body', `DELETE /v1/orders HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`, [[405]]],
    ['a method of another that is sent along', orders(`${length}X-HTTP-Method-Override: DELETE\r\n`, order), [[202]]],
    ['HTTP/1.0', 'GET /livez HTTP/1.0\r\n\r\n', [OK]],
    [
      'HTTP/1.0 that stays',
      `GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n`,
      [OK, OK],
    ],
    ['HTTP/0.9', 'GET /livez\r\n\r\n', [BAD]],
    ['HTTP/1.2', get('/livez', '', 'HTTP/1.2'), [BAD]],
    ['HTTP/2.0', get('/livez', '', 'HTTP/2.0'), [BAD]],
    ['http/1.1', get('/livez', '', 'http/1.1'), [BAD]],
  ];
}

/** Upgrades and expectations. */
function upgradesAndExpectationsCases({ auth, json, orders, get, length, order }: Writers): Case[] {
  return [
    [
      'an upgrade to WebSocket',
      get(
        '/v1/console/stream',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-A: b\r\n',
      ).replace('/v1/console/stream', '/livez'),
      [OK],
    ],
    [
      'an upgrade to HTTP/2',
      get('/livez', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'),
      [OK],
    ],
    ['an upgrade of an order', orders(`${length}Connection: Upgrade\r\nUpgrade: a/1\r\n`, order), [[202]]],
    ['an expectation that is met', orders(`${length}Expect: 100-Continue\r\n`, order), [[202]]],
    ['an expectation of a GET', get('/livez', 'Expect: 100-continue\r\n'), [OK]],
    ['two expectations', orders(`${length}Expect: 100-continue, a\r\n`, order), [[202, 400]]],
    [
      'an expectation of HTTP/1.0',
      `POST /v1/orders HTTP/1.0\r\n${auth}${json}${length}Expect: 100-continue\r\n\r\n${order}`,
      [BAD],
    ],
  ];
}

/** Headers. */
function headersCases({ orders, get, length, token, order }: Writers): Case[] {
  return [
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'then'].map(
      (name): [string, string, (readonly number[])[]] => [
        `a header named ${name}`,
        get('/v1/orders?limit=1', `${name}: a\r\n${name}: b\r\n`),
        [OK],
      ],
    ),
    ['headers just below the limit', get('/livez', `X-A: ${'a'.repeat(15_000)}\r\n`), [OK]],
    ['a name of 20 KB', get('/livez', `${'a'.repeat(20_000)}: a\r\n`), [[431]]],
    ['900 headers', get('/livez', Array.from({ length: 900 }, (_, index) => `X-${index}: a\r\n`).join('')), [OK]],
    ['Latin-1 in a header', Buffer.from(get('/livez', 'X-Correlation-Id: \xfc\xff\r\n'), 'latin1'), [OK]],
    ['a control character in a header', get('/livez', 'X-A: a\x01b\r\n'), [[200, 400]]],
    [
      'Authorization twice',
      `GET /v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer x\r\n\r\n`,
      [[400, 401]],
    ],
    [
      'Authorization twice, the other way round',
      `GET /v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nauthorization: Bearer ${token}\r\n\r\n`,
      [[400, 401]],
    ],
    ['two content types', orders(`${length}Content-Type: text/plain\r\n`, order), [[400, 415]]],
    ['Idempotency-Key twice', orders(`${length}Idempotency-Key: another-key-1\r\n`, order), [BAD]],
    ['two connection options', get('/livez', 'Connection: close, keep-alive\r\n'), [OK]],
    ['a range', get('/docs', 'Range: bytes=0-1,5-2,-99999999999\r\n'), [[200, 206]]],
    ['an odd condition', get('/console', `If-None-Match: ${'W/"",'.repeat(2_000)}\r\n`), [OK]],
    ['an odd date', get('/docs', 'If-Modified-Since: tomorrow\r\n'), [OK]],
    ['an odd Accept', get('/v1/orders?limit=1', 'Accept: ;q=;;,,,\r\nAccept-Encoding: br;q=0, *;q=9\r\n'), [OK]],
    ['a long X-Forwarded-For', get('/livez', `X-Forwarded-For: ${'1.1.1.1,'.repeat(1_500)}\r\n`), [OK]],
  ];
}

/** Codings of bodies. */
function codingsOfBodiesCases({ packed, event }: Writers): Case[] {
  return [
    ['brotli', packed('br', brotliCompressSync(event)), [[415]]],
    ['deflate', packed('deflate', deflateSync(event)), [[415]]],
    ['zstd', packed('zstd', Buffer.from('28b52ffd', 'hex')), [[415]]],
    ['gzip in gzip', packed('gzip, gzip', gzipSync(gzipSync(event))), [[415]]],
    ['gzip in gzip under one name', packed('gzip', gzipSync(gzipSync(event))), [BAD]],
    ['raw deflate as gzip', packed('gzip', deflateRawSync(event)), [BAD]],
    ['zlib as gzip', packed('gzip', deflateSync(event)), [BAD]],
    ['x-gzip', packed('x-gzip', gzipSync(event)), [[202, 415]]],
    [
      'gzip of two members',
      packed('gzip', Buffer.concat([gzipSync(event.slice(0, 9)), gzipSync(event.slice(9))])),
      [[202]],
    ],
    ['gzip with bytes behind it', packed('gzip', Buffer.concat([gzipSync(event), Buffer.from('tail')])), [BAD]],
    ['gzip with a wrong sum', packed('gzip', wrongSum(gzipSync(event))), [BAD]],
    ['gzip of nothing', packed('gzip', gzipSync('')), [BAD]],
    ['no byte as gzip', packed('gzip', Buffer.alloc(0)), [BAD]],
    ['gzip of a million blanks', packed('gzip', gzipSync(' '.repeat(1_000_000) + event)), [[202, 413]]],
    ['a bomb of 100 MB', packed('gzip', gzipSync(Buffer.alloc(100_000_000))), [[413]]],
    [
      '50,000 empty members',
      packed('gzip', Buffer.concat(Array.from({ length: 50_000 }, () => gzipSync('')))),
      [[400, 413]],
    ],
  ];
}

/** Charsets. */
function charsetsCases({ post, orders, events, order, event }: Writers): Case[] {
  return [
    ['a byte order mark before an event', events('', `\ufeff${event}`), [[202, 400]]],
    [
      'a byte order mark before an order',
      orders(`Content-Length: ${order.length + 3}\r\n`, `\ufeff${order}`),
      [[202, 400]],
    ],
    [
      'UTF-16 that says so',
      post(
        '/v1/events',
        `Content-Type: application/json; charset=utf-16\r\nContent-Length: ${event.length * 2}\r\n`,
        Buffer.from(event, 'utf16le'),
      ),
      [[400, 415]],
    ],
    [
      'UTF-7 that says so',
      post('/v1/events', `Content-Type: application/json; charset=utf-7\r\nContent-Length: ${event.length}\r\n`, event),
      [[202, 415]],
    ],
    [
      'a surrogate pair in CESU-8',
      events(
        '',
        Buffer.concat([
          Buffer.from('{"type":"custom","properties":{"a":"'),
          Buffer.from('eda0bdedb882', 'hex'),
          Buffer.from('"}}'),
        ]),
      ),
      [BAD],
    ],
  ];
}

/** Many at once. */
function manyAtOnceCases({ orders, get, livez, length, order }: Writers): Case[] {
  return [
    ['30 requests in a row', livez.repeat(30), Array.from({ length: 30 }, () => OK)],
    [
      'an order between reads',
      Buffer.concat([Buffer.from(livez), orders(length, order), Buffer.from(livez)]),
      [OK, [202], OK],
    ],
    ['a read behind a refused head', `${get('/livez', 'Host: b\r\n')}${livez}`, [BAD]],
    ['a read behind one that closes', `${get('/livez', 'Connection: close\r\n')}${livez}`, [OK]],
  ];
}

/** A token and bodies that the API accepts. */
export interface GoodRequests {
  readonly token: string;
  readonly order: string;
  readonly event: string;
}

/** Odd HTTP, made from good requests. */
export function outsideHttp(good: GoodRequests): Exchange[] {
  const writers = createWriters(good);
  const themes = [
    twoReadingsOfOneConnectionCases,
    chunksCases,
    targetsCases,
    methodsAndVersionsCases,
    upgradesAndExpectationsCases,
    headersCases,
    codingsOfBodiesCases,
    charsetsCases,
    manyAtOnceCases,
  ];
  return themes.flatMap((casesOf) => casesOf(writers)).map(([name, bytes, statuses]) => ({ name, bytes, statuses }));
}

function wrongSum(packed: Buffer): Buffer {
  const copy = Buffer.from(packed);
  copy.writeUInt32LE(0x12345678, copy.byteLength - 8);
  return copy;
}
