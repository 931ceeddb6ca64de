import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SmsRejectedError, SmsUnavailableError } from '../domain/errors.ts';
import { createHttpSmsGateway, type SmsGateway } from './sms-gateway.ts';

const MESSAGE = { orderId: 'ord_1', messageId: 'ord_1.order-confirmed.sms', to: '+4930123456', text: 'confirmed' };

let server: Server;
let url: string;
let status = 202;
const received: { headers: IncomingHttpHeaders; body: unknown }[] = [];

beforeAll(async () => {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    received.push({ headers: request.headers, body: JSON.parse((await buffer(request)).toString('utf8')) });
    const headers = status === 302 ? { location: `${url}/elsewhere` } : {};
    response.writeHead(status, headers).end(`no such number ${MESSAGE.to}`);
  };
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/messages`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  received.length = 0;
});

function gatewayOf(token: string | null = null, at = url): SmsGateway {
  return createHttpSmsGateway({ url: at, token, onBreakerChange: () => {} });
}

it('The SMS gateway gets the message under an id that stays the same, with the token', async () => {
  status = 202;
  await gatewayOf('a-secret-token').send(MESSAGE);
  const [{ headers, body } = { headers: {}, body: null }] = received;
  expect(headers).toMatchObject({ 'idempotency-key': MESSAGE.messageId, authorization: 'Bearer a-secret-token' });
  expect(body).toEqual({ id: MESSAGE.messageId, to: MESSAGE.to, text: MESSAGE.text, reference: MESSAGE.orderId });
});

it.each([400, 409, 410, 422])('The SMS gateway refuses for good with %i', async (answer) => {
  status = answer;
  await expect(gatewayOf().send(MESSAGE)).rejects.toBeInstanceOf(SmsRejectedError);
});

it.each([302, 401, 403, 404, 408, 425, 429, 500, 503])(
  'The SMS gateway may take the message later after %i',
  async (answer) => {
    status = answer;
    await expect(gatewayOf().send(MESSAGE)).rejects.toBeInstanceOf(SmsUnavailableError);
    expect(received).toHaveLength(1);
  },
);

it('The SMS gateway may take the message later when nobody is there, and no error repeats the number', async () => {
  const failure: unknown = await gatewayOf(null, 'http://127.0.0.1:1/')
    .send(MESSAGE)
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SmsUnavailableError);
  expect(JSON.stringify(failure) + String(failure)).not.toContain(MESSAGE.to);
});
