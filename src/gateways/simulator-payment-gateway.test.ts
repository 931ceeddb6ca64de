import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentOutcomeUnknownError } from '../domain/errors.ts';
import type { ChargeRequest } from './payment-gateway.ts';
import { createSimulatorPaymentGateway } from './simulator-payment-gateway.ts';

const CHARGE: ChargeRequest = {
  key: 'ord_1:sale:1',
  kind: 'sale',
  orderId: 'ord_1',
  amountMinor: 1_299,
  currency: 'EUR',
  method: 'pm_ok',
};

const TOO_LONG = JSON.stringify({ code: 'x'.repeat(70_000) });

let server: Server;
let url: string;
let answer: RequestListener;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it.each<[what: string, listener: RequestListener]>([
  ['points elsewhere', (_, response) => response.writeHead(307, { location: `${url}/elsewhere` }).end()],
  ['is not JSON', (_, response) => response.writeHead(201).end('<html>')],
  ['never ends', (_, response) => response.writeHead(201).write('{')],
  ['is longer than any of ours', (_, response) => response.writeHead(402).end(TOO_LONG)],
  ['breaks off', (_, response) => response.writeHead(201, { 'content-length': 99 }).destroy()],
  ['is a 503', (_, response) => response.writeHead(503).end('{}')],
  ['is a 429', (_, response) => response.writeHead(429).end('{}')],
])('A charge at the simulator whose answer %s has an unknown outcome, and is sent once', async (_, listener) => {
  answer = listener;
  requests = 0;
  const gateway = createSimulatorPaymentGateway({ baseUrl: url, onBreakerChange: () => {} });
  const charging = gateway.charge(CHARGE, AbortSignal.timeout(2_000));
  await expect(charging).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
  expect(requests).toBe(1);
});
