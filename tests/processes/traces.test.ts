import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { orphansOf, startTraceSink, type ReceivedSpan, type TraceSink } from '../support/http/trace-sink.ts';
import { answerWith, startReceiver, subscribe, type WebhookReceiver } from '../support/http/webhook-receiver.ts';
import { startApiProcess } from '../support/processes/another-api.ts';
import { freshKey, startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';
import { timed } from '../support/stopwatch.ts';
import { orderBody } from '../support/system.ts';

/** An API and a worker as processes, whose spans all arrive at one collector. */

let sink: TraceSink;
let merchant: WebhookReceiver;
let hookId: string;
let alerts: Server;
/** Answers that the receiver of alerts gives next, before it is well. */
const refusals: number[] = [];
let system: ProcessSystem;
beforeAll(async () => {
  sink = await startTraceSink();
  merchant = await startReceiver();
  alerts = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(refusals.shift() ?? 204).end());
  });
  await new Promise<void>((resolve) => alerts.listen(0, '127.0.0.1', resolve));
  system = await startProcessSystem(['api', 'worker'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_TRACES_SAMPLER_ARG: '1',
    WORKER_QUEUES: TASK_QUEUES.join(','),
    LOG_LEVEL: 'info',
    HIGH_VALUE_ALERT_URL: `http://127.0.0.1:${(alerts.address() as AddressInfo).port}/`,
    EVENT_FIRST_WAIT_SECONDS: 'analytics=1',
  });
  hookId = (await subscribe(system, merchant.url)).id;
});
afterAll(async () => {
  await system.stop();
  alerts.close();
  merchant.close();
  await sink.close();
});

/** Posts an order; answers its id and the id of the trace that the API named. */
async function postTraced(method: string, headers: Record<string, string> = {}) {
  const { body, headers: answered } = await system.request<{ id: string }>('/v1/orders', {
    method: 'POST',
    headers: { 'idempotency-key': freshKey(), ...headers },
    body: JSON.stringify(orderBody({ method })),
  });
  const [, traceId = ''] = (answered.get('traceparent') ?? '').split('-');
  return { orderId: body.id, traceId };
}

/** The trace, as soon as it has all of the spans. */
async function traceWith(traceId: string, names: readonly string[]): Promise<readonly ReceivedSpan[]> {
  for (const name of names) {
    await expect.poll(() => sink.of(traceId).map((span) => span.name)).toContain(name);
  }
  return sink.of(traceId);
}

function namesIn(traceId: string, name: string): number {
  return sink.of(traceId).filter((span) => span.name === name).length;
}

function failuresOf(spans: readonly ReceivedSpan[], name: string): unknown[] {
  return spans.filter((span) => span.name === name).map(({ attributes }) => attributes['error.type'] ?? null);
}

/** No attempt of the order's activities is in another trace, and no span hangs under one that never came. */
function expectWhole(spans: readonly ReceivedSpan[], orderId: string): void {
  expect(orphansOf(spans)).toEqual([]);
  expect(spans.filter(({ parentSpanId }) => parentSpanId === null)).toHaveLength(1);
  const attempts = sink.spans
    .filter(({ attributes }) => 'temporal.attempt' in attributes)
    .filter(({ attributes }) => String(attributes['temporal.workflow_id']).includes(orderId));
  expect(new Set(attempts.map(({ traceId }) => traceId))).toEqual(new Set(spans.map(({ traceId }) => traceId)));
}

const STEPS = ['openOrder', 'holdStock', 'takePayment', 'commitStock', 'confirmOrder', 'sendMessage'];

it('A plain order is one trace from the door to its last mail and webhook, which the order names', async () => {
  const { orderId, traceId } = await postTraced('pm_ok');
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED', traceId });
  const spans = await traceWith(traceId, [
    'POST /v1/orders',
    'start orderWorkflow',
    'tryFastPath',
    ...STEPS,
    'open_order',
    'payment.charge',
    'mail.send',
    'process webhooks',
    'deliverWebhook',
    'webhook.send',
  ]);
  expectWhole(spans, orderId);
  expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['order-saga-api', 'order-saga-worker']));
});

it('An order takes over the trace of its caller', async () => {
  const caller = '4bf92f3577b34da6a3ce929d0e0e4736';
  const { orderId, traceId } = await postTraced('pm_ok', { traceparent: `00-${caller}-00f067aa0ba902b7-01` });
  expect(traceId).toBe(caller);
  expect((await system.orderAtRest(orderId)).traceId).toBe(caller);
  const spans = await traceWith(caller, ['POST /v1/orders', 'confirmOrder']);
  // Only the caller's own span is not ours to send.
  expect(orphansOf(spans)).toEqual(['POST /v1/orders']);
});

it('An order whose worker is killed in the middle of its payment is one trace without an orphan', async () => {
  const { orderId, traceId } = await postTraced('pm_slow');
  const isHeld = async (): Promise<boolean> =>
    (await system.request<OrderView>(`/v1/orders/${orderId}`)).body.holdExpiresAt !== null;
  await expect.poll(isHeld).toBe(true);
  const killed = system.pidOf('worker');
  await system.signal('worker', 'SIGKILL');
  await system.start('worker');
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED', traceId });
  const spans = await traceWith(traceId, ['takePayment', 'confirmOrder', 'mail.send', 'webhook.send']);
  expectWhole(spans, orderId);
  expect(spans.find(({ name }) => name === 'confirmOrder')?.pid).not.toBe(killed);
});

it('A payment that is retried has a span for each attempt in the trace of its order', async () => {
  const { orderId, traceId } = await postTraced('pm_flaky');
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED' });
  const spans = await traceWith(traceId, ['confirmOrder', 'mail.send', 'webhook.send']);
  expectWhole(spans, orderId);
  const tries = failuresOf(spans, 'takePayment');
  expect(tries.length).toBeGreaterThanOrEqual(3);
  expect(tries.slice(0, 2)).toEqual(['payment_outcome_unknown', 'payment_outcome_unknown']);
  expect(tries.at(-1)).toBeNull();
});

it('Every line that a worker logs about a traced order names the trace', async () => {
  const gone = await startReceiver(answerWith(410));
  await subscribe(system, gone.url, { events: ['order.created'] });
  const { orderId, traceId } = await postTraced('pm_ok', { 'x-correlation-id': 'lines-1' });
  const linesOf = async (program: 'api' | 'worker') =>
    (await system.log(program))
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes(orderId))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const ofWorker = async () =>
    (await linesOf('worker')).map((line) => [line['msg'], line['correlationId'], line['traceId']]);
  // The process itself writes the first line, and an activity the second, by the SDK.
  for (const msg of ['order', 'webhook subscription disabled']) {
    await expect.poll(ofWorker).toContainEqual([msg, 'lines-1', traceId]);
  }
  expect(await ofWorker()).toEqual((await ofWorker()).map(([msg]) => [msg, 'lines-1', traceId]));
  const [posted] = (await linesOf('api')).filter(({ method }) => method === 'POST');
  expect(posted).toMatchObject({ msg: 'request', orderId, traceId });
  gone.close();
});

/** The traces that the trace of a request leads to. */
async function linksOf(answered: Headers): Promise<readonly string[]> {
  const [, traceId = ''] = (answered.get('traceparent') ?? '').split('-');
  const links = () => sink.of(traceId).flatMap((span) => span.links);
  await expect.poll(links).not.toEqual([]);
  return links();
}

it('A case names the trace of its order, in which the decision of an operator is carried out', async () => {
  const { orderId, traceId } = await postTraced('pm_wrong_amount');
  const { attention } = await system.orderAtRest(orderId);
  const path = `/v1/cases/${attention?.caseId}`;
  const { body } = await system.request<{ version: number; traceId: string }>(path);
  expect(body.traceId).toBe(traceId);
  const { status, headers } = await system.request(`${path}/resolve`, {
    method: 'POST',
    headers: { 'idempotency-key': freshKey() },
    body: JSON.stringify({ action: 'abort', reason: 'a test', version: body.version }),
  });
  expect(status).toBe(200);
  const spans = await traceWith(traceId, ['openCase', 'open_case', 'resolveCase', 'payment.void']);
  // The request has a trace of its own, which leads to the order's.
  expect(await linksOf(headers)).toEqual([traceId]);
  expectWhole(spans, orderId);
});

it('A mail and a webhook that an operator has sent again are in the trace of their order', async () => {
  const { orderId, traceId } = await postTraced('pm_ok');
  await system.orderAtRest(orderId);
  await traceWith(traceId, ['mail.send', 'webhook.send']);
  const again = (path: string, body: object = {}) =>
    system.request(path, { method: 'POST', headers: { 'idempotency-key': freshKey() }, body: JSON.stringify(body) });
  const mail = await again(`/v1/orders/${orderId}/notifications/order-confirmed/resend`);
  expect(await linksOf(mail.headers)).toEqual([traceId]);
  await expect.poll(() => namesIn(traceId, 'mail.send')).toBe(2);
  const { body } = await system.request<{ items: { id: string; key: string }[] }>(`/v1/webhooks/${hookId}/deliveries`);
  const sent = namesIn(traceId, 'webhook.send');
  const delivery = body.items.find(({ key }) => key === orderId)?.id;
  const webhook = await again(`/v1/webhooks/${hookId}/deliveries/${delivery}/redeliver`);
  expect(await linksOf(webhook.headers)).toEqual([traceId]);
  await expect.poll(() => namesIn(traceId, 'webhook.send')).toBe(sent + 1);
  expectWhole(sink.of(traceId), orderId);
});

it('A command on a sold order, and its mail, are in the trace of the order', async () => {
  const { orderId, traceId } = await postTraced('pm_ok');
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED' });
  const { status, headers } = await system.request(`/v1/orders/${orderId}/cancel`, {
    method: 'POST',
    headers: { 'idempotency-key': freshKey() },
    body: JSON.stringify({ reason: 'changed my mind' }),
  });
  expect(status).toBe(200);
  const spans = await traceWith(traceId, ['payment.refund']);
  await expect.poll(() => sink.of(traceId).filter(({ name }) => name === 'mail.send')).toHaveLength(2);
  expect(await linksOf(headers)).toEqual([traceId]);
  expectWhole(spans, orderId);
});

it('An event that is tried again is one trace from the door to each of its consumers', async () => {
  refusals.push(500);
  const { status, headers } = await sendEvents(system, purchase({ properties: { amount: 5_000 } }));
  expect(status).toBe(202);
  const [, traceId = ''] = (headers.get('traceparent') ?? '').split('-');
  await expect.poll(() => failuresOf(sink.of(traceId), 'process analytics')).toEqual(['effect_unavailable', null]);
  const spans = await traceWith(traceId, ['POST /v1/events', 'append_events']);
  expect(orphansOf(spans)).toEqual([]);
  expect(spans.every(({ attributes }) => !JSON.stringify(attributes).includes('5000'))).toBe(true);
});

it('Reads, long polls and probes begin no trace', async () => {
  for (const path of ['/livez', '/readyz', '/v1/orders?limit=1']) {
    expect((await system.request(path)).headers.get('traceparent')).toBeNull();
  }
});

/** One order through a process that runs both, with its own collector; answers how long the order and the end took. */
async function runOnce(env: Record<string, string>) {
  const api = await startApiProcess(system, { LOG_LEVEL: 'info', ...env }, 'src/combined.ts');
  const { result: order, seconds: orderSeconds } = await timed(api.postOrder().then((id) => api.orderAtRest(id)));
  const { seconds: stopSeconds } = await timed(api.stop());
  return { order, orderSeconds, stopSeconds };
}

it('A ratio of 0 keeps every span from being sent, and the order names no trace', async () => {
  const idle = await startTraceSink();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: idle.url, OTEL_TRACES_SAMPLER_ARG: '0' };
  const { order } = await runOnce(env);
  expect(order).toMatchObject({ status: 'CONFIRMED', traceId: null });
  expect(idle.bodies).toEqual([]);
  await idle.close();
});

it.each(['hangs', 'is gone'])('A collector that %s slows no order and holds up no end of a process', async (state) => {
  const broken = await startTraceSink();
  if (state === 'hangs') broken.hang();
  else await broken.close();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: broken.url, OTEL_TRACES_SAMPLER_ARG: '1' };
  const { order, orderSeconds, stopSeconds } = await runOnce(env);
  expect(order).toMatchObject({ status: 'CONFIRMED' });
  expect(orderSeconds).toBeLessThan(5);
  expect(stopSeconds).toBeLessThan(10);
  if (state === 'hangs') await broken.close();
});
