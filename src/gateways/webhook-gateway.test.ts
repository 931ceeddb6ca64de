import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import {
  createServer as createSocketServer,
  type AddressInfo,
  type Server as SocketServer,
  type Socket,
} from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, it } from 'vitest';
import { createWebhookGateway, type WebhookGateway, type WebhookGatewayOptions } from './webhook-gateway.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const BODY = '{"type":"order.confirmed","timestamp":"2026-11-21T10:00:00.000Z","data":{"orderId":"ord_1"}}';

const servers: (Server | SocketServer)[] = [];
const gateways: WebhookGateway[] = [];
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});

async function receiver(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

/** Answers the first bytes of each connection by hand. */
async function rawReceiver(answer: (socket: Socket) => void): Promise<string> {
  const server = createSocketServer((socket) => {
    socket.on('error', () => {}).once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

function gatewayOf(options: Partial<WebhookGatewayOptions> = {}): WebhookGateway {
  const gateway = createWebhookGateway({ allowPrivate: true, ...options });
  gateways.push(gateway);
  return gateway;
}

function send(url: string, options?: Partial<WebhookGatewayOptions>) {
  return gatewayOf(options).send({ messageId: 'msg_1', url, secret: SECRET, body: BODY });
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

it('A message carries a signature that the reference verifier accepts, and that was not made for another body', async () => {
  const received = Promise.withResolvers<{ headers: Record<string, string>; body: string }>();
  const url = await receiver((request, response) => {
    void buffer(request).then((bytes) => {
      received.resolve({ headers: headersOf(request), body: bytes.toString('utf8') });
      response.end('thanks');
    });
  });
  expect(await send(url)).toEqual({ kind: 'accepted', status: 200, excerpt: 'thanks' });

  const { headers, body } = await received.promise;
  expect(body).toBe(BODY);
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'order-saga-webhooks/1',
    'webhook-id': 'msg_1',
  });
  expect(Math.abs(Number(headers['webhook-timestamp']) * 1_000 - Date.now())).toBeLessThan(5_000);
  expect(new Webhook(SECRET).verify(body, headers)).toEqual(JSON.parse(BODY));
  expect(() => new Webhook(SECRET).verify(body.replace('ord_1', 'ord_2'), headers)).toThrow('No matching signature');
  expect(() => new Webhook(SECRET).verify(body, { ...headers, 'webhook-id': 'msg_2' })).toThrow(
    'No matching signature',
  );
  const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  expect(() => new Webhook(other).verify(body, headers)).toThrow('No matching signature');
});

it('A message is signed as the specification says, computed by hand', () => {
  // HMAC-SHA-256 over "id.timestamp.body" with the decoded secret; the vector of the specification's test suite.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const [id, seconds, body] = ['msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}'];
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const byHand = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  expect(byHand).toBe('g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  expect(new Webhook(secret).sign(id, new Date(seconds * 1_000), body)).toBe(`v1,${byHand}`);
});

it.each([
  [200, 'accepted'],
  [204, 'accepted'],
  [299, 'accepted'],
  [304, 'refused'],
  [400, 'refused'],
  [404, 'refused'],
  [410, 'gone'],
  [429, 'refused'],
  [500, 'refused'],
  [503, 'refused'],
])('A receiver that answers %i has %s the message', async (status, kind) => {
  const url = await receiver((_, response) => response.writeHead(status).end());
  expect(await send(url)).toMatchObject({ kind, status });
});

it.each([301, 302, 303, 307, 308])('A receiver that redirects with %i is not followed', async (status) => {
  let followed = 0;
  const elsewhere = await receiver((_, response) => {
    followed += 1;
    response.end();
  });
  const url = await receiver((_, response) => response.writeHead(status, { location: elsewhere }).end());
  expect(await send(url)).toMatchObject({ kind: 'refused', status });
  expect(followed).toBe(0);
});

it('A receiver whose answer never ends is cut, and is no failure', async () => {
  let written = 0;
  const url = await receiver((_, response) => {
    const flood = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16_384))) written += 16_384;
      response.once('drain', flood);
    };
    flood();
  });
  const answer = await send(url);
  expect(answer).toMatchObject({ kind: 'accepted', status: 200, excerpt: 'x'.repeat(512) });
  expect(written).toBeLessThan(64 * 1024 * 1024);
});

it('A receiver whose answer stalls after its head has accepted the message', async () => {
  const url = await receiver((_, response) => void response.writeHead(202).write('so far'));
  expect(await send(url, { timeoutMs: 2_000 })).toEqual({ kind: 'accepted', status: 202, excerpt: 'so far' });
});

it('A receiver that says nothing is given up after the time limit', async () => {
  const url = await receiver(() => {});
  const startedAt = performance.now();
  expect(await send(url, { timeoutMs: 400 })).toEqual({ kind: 'silent', why: 'timeout' });
  expect(performance.now() - startedAt).toBeLessThan(9_000);
});

it('A receiver that drips its head byte by byte is given up after the same limit', async () => {
  const url = await receiver((request) => {
    const { socket } = request;
    socket.write('HTTP/1.1 200 OK\r\n');
    const drip = setInterval(() => socket.write('x'), 50);
    socket.once('close', () => clearInterval(drip)).on('error', () => {});
  });
  expect(await send(url, { timeoutMs: 500 })).toEqual({ kind: 'silent', why: 'timeout' });
});

it('A receiver that hangs up, is not there, has no name, no TLS, or no HTTP is told apart', async () => {
  const url = await receiver((request) => request.socket.destroy());
  expect(await send(url)).toEqual({ kind: 'silent', why: 'unreachable' });
  expect(await send('http://127.0.0.1:1/')).toEqual({ kind: 'silent', why: 'connection_refused' });
  expect(await send('https://127.0.0.1:1/')).toEqual({ kind: 'silent', why: 'connection_refused' });
  const nowhere = 'https://shop.invalid/';
  expect(await send(nowhere)).toEqual({ kind: 'silent', why: 'name_not_resolved' });
  expect(await send(nowhere, { allowPrivate: false })).toEqual({ kind: 'silent', why: 'name_not_resolved' });
  expect(await send(url.replace('http:', 'https:'))).toEqual({ kind: 'silent', why: 'tls_failed' });
  const odd = await rawReceiver((socket) => socket.write('HELO shop.example\r\n\r\n'));
  expect(await send(odd)).toEqual({ kind: 'silent', why: 'invalid_http' });
  const closing = await rawReceiver((socket) => socket.destroy());
  expect(await send(closing.replace('http:', 'https:'))).toEqual({ kind: 'silent', why: 'tls_failed' });
});

it('A receiver may send informational answers that nobody asked for', async () => {
  const head = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n';
  const url = await rawReceiver((socket) =>
    socket.write(`${head}HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok`),
  );
  expect(await send(url)).toEqual({ kind: 'accepted', status: 202, excerpt: 'ok' });
});

it.each([
  [429, '120', 120_000],
  [503, '7', 7_000],
  [503, 'Thu, 01 Jan 1970 00:00:00 GMT', 0],
  [503, '-5', null],
  [503, '1.5', null],
  [503, 'soon', null],
  [500, '120', null],
])('A receiver that answers %i with Retry-After %s asks for %s ms', async (status, retryAfter, expected) => {
  const url = await receiver((_, response) => response.writeHead(status, { 'retry-after': retryAfter }).end());
  expect(await send(url)).toMatchObject({ kind: 'refused', status, retryAfterMs: expected });
});

it('A receiver may name the time after which it is asked again', async () => {
  const at = new Date(Date.now() + 3_600_000).toUTCString();
  const url = await receiver((_, response) => response.writeHead(503, { 'retry-after': at }).end());
  const answer = await send(url);
  const asked = answer.kind === 'refused' ? answer.retryAfterMs : null;
  expect(asked).toBeGreaterThan(3_590_000);
  expect(asked).toBeLessThanOrEqual(3_600_000);
});

it('A receiver may answer anything: what is kept of it is text that can be stored', async () => {
  const url = await receiver((_, response) => response.writeHead(500).end(Buffer.from([0x61, 0, 0xff, 0xd8, 0x62])));
  const answer = await send(url);
  expect(answer).toMatchObject({ kind: 'refused', status: 500 });
  expect('excerpt' in answer && answer.excerpt.isWellFormed() && !answer.excerpt.includes('\0')).toBe(true);
});

it.each(['http://127.0.0.1', 'http://localhost', 'http://0177.0.0.1', 'http://2130706433', 'http://[::1]'])(
  'A receiver at the private address %s gets no connection',
  async (origin) => {
    let connections = 0;
    const url = await receiver((_, response) => response.end());
    servers.at(-1)?.on('connection', () => (connections += 1));
    const { port } = new URL(url);
    expect(await send(`${origin}:${port}/`, { allowPrivate: false })).toEqual({
      kind: 'silent',
      why: 'address_not_allowed',
    });
    expect(connections).toBe(0);
  },
);

it('A receiver behind a name that was public a moment ago gets no connection', async () => {
  let connections = 0;
  const url = await receiver((_, response) => response.end());
  servers.at(-1)?.on('connection', () => (connections += 1));
  const asked: string[] = [];
  const gateway = gatewayOf({
    allowPrivate: false,
    timeoutMs: 500,
    // Nothing answers at the first address; the second one is this machine.
    resolve: (hostname) => {
      asked.push(hostname);
      return Promise.resolve([{ address: asked.length === 1 ? '192.0.1.1' : '127.0.0.1', family: 4 }]);
    },
  });
  const message = { messageId: 'msg_1', url: `http://rebind.example.com:${new URL(url).port}/`, secret: SECRET };
  const first = await gateway.send({ ...message, body: BODY });
  expect(first.kind === 'silent' && first.why).toMatch(/timeout|unreachable|connection_refused/);
  expect(await gateway.send({ ...message, body: BODY })).toEqual({ kind: 'silent', why: 'address_not_allowed' });
  expect(asked).toEqual(['rebind.example.com', 'rebind.example.com']);
  expect(connections).toBe(0);
});
