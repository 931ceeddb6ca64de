import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { createWebhookDeliveryRepository } from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import type { LoggedEvent } from '../../../src/domain/event.ts';
import type { EventPorts } from '../../../src/events/ports.ts';
import { createWebhookPublisher } from '../../../src/activities/webhooks/webhook-publisher.ts';
import { wakeWebhookQueue } from '../../../src/temporal/workflow-starts.ts';
import type { SystemClient, TestSystem } from '../system.ts';

/** One message as it arrived. */
export interface ReceivedWebhook {
  readonly id: string;
  readonly type: string;
  readonly orderId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers one message; 200 by default. */
export type WebhookReply = (message: ReceivedWebhook, response: ServerResponse) => void;

/** A merchant's server. */
export interface WebhookReceiver {
  readonly url: string;
  readonly received: ReceivedWebhook[];
  reply: WebhookReply;
  /** Throws unless every message has a signature of this secret. */
  verify(secret: string): void;
  close(): void;
}

/** Starts a receiver on this machine. */
export async function startReceiver(reply: WebhookReply = accept): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await buffer(request)).toString('utf8');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const { type, data } = JSON.parse(body) as { type: string; data: { orderId: string } };
    const message = { id: headers['webhook-id'] ?? '', type, orderId: data.orderId, headers, body };
    received.push(message);
    receiver.reply(message, response);
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    reply,
    verify: (secret) => {
      for (const { body, headers } of received) new Webhook(secret).verify(body, headers);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}

/** Accepts every message. */
export function accept(_: ReceivedWebhook, response: ServerResponse): void {
  response.end();
}

/** Answers every message with a status. */
export function answerWith(status: number): WebhookReply {
  return (_, response) => void response.writeHead(status).end('not now');
}

/** An event of an order in the form of the log. */
export function orderEvent(orderId: string, type: string, changes: Partial<LoggedEvent> = {}): LoggedEvent {
  return {
    tenantId: 'demo',
    eventId: randomUUID(),
    type,
    key: orderId,
    userId: null,
    source: 'order-saga',
    correlationId: 'correlation',
    occurredAt: new Date(),
    properties: { orderId, status: type.replace('order.', '').toUpperCase() },
    partition: 0,
    sequence: 1,
    receivedAt: new Date(),
    ...changes,
  };
}

/** The function that the consumer calls. */
export function publisherOf(system: TestSystem): EventPorts['publishToWebhooks'] {
  const repository = createWebhookDeliveryRepository(system.database.databases.notifications);
  return createWebhookPublisher({
    repository,
    wake: (queue, origin) => wakeWebhookQueue(system.client, queue, origin),
  }).publishToWebhooks;
}

/** A subscription with its secret, made over the API. */
export async function subscribe(
  system: SystemClient,
  url: string,
  { events = ['order.*'], token }: { readonly events?: readonly string[] | undefined; readonly token?: string } = {},
): Promise<{ readonly id: string; readonly secret: string }> {
  const answer = await system.request<{ id: string; secret: string }>('/v1/webhooks', {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ url, events }),
    ...(token === undefined ? {} : { token }),
  });
  if (answer.status !== 201) throw new Error(`expected 201, got ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
