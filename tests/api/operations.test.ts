import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { timed } from '../support/stopwatch.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ events: true });
});
afterAll(() => system.stop());

const ALL_OK = {
  database: 'ok',
  temporal: 'ok',
  paymentGateway: 'ok',
  mail: 'ok',
  backlog: 'ok',
  queues: 'ok',
  clock: 'ok',
};

/**
 * Expects the readiness of another API with a different environment, at both addresses. It is asked until it says so,
 * because a check that a busy machine makes late counts as failed, as it should.
 */
async function expectReadiness(env: Record<string, string>, expected: object): Promise<void> {
  const api = await startAnotherApi(system, env);
  try {
    for (const path of ['/readyz', '/health']) await expect.poll(() => api.request(path)).toMatchObject(expected);
  } finally {
    await api.stop();
  }
}

it.each(['/readyz', '/health'])('Readiness is ok at %s while everything answers', async (path) => {
  await expect.poll(() => system.request(path)).toMatchObject({ status: 200, body: { status: 'ok', checks: ALL_OK } });
});

it.each([
  ['the payment gateway', 'paymentGateway', (port: number) => ({ PAYMENT_GATEWAY_URL: `http://127.0.0.1:${port}` })],
  ['the mail server', 'mail', (port: number) => ({ SMTP_URL: `smtp://127.0.0.1:${port}` })],
])('Readiness is degraded, and still 200, without %s', async (_, check, env) => {
  await expectReadiness(env(await findFreePort()), {
    status: 200,
    body: { status: 'degraded', checks: { ...ALL_OK, [check]: 'degraded' } },
  });
});

it('Readiness is down without the database, no matter what else is missing', async () => {
  const port = await findFreePort();
  const env = { DATABASE_URL: `postgres://a:b@127.0.0.1:${port}/c`, SMTP_URL: `smtp://127.0.0.1:${port}` };
  await expectReadiness(env, { status: 503, body: { status: 'down', checks: { database: 'down', mail: 'degraded' } } });
});

it('Readiness is computed once for many callers at the same time', async () => {
  const connections = async (): Promise<number> => {
    const [row] = await system.database.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database()`,
    );
    return row?.count ?? 0;
  };
  const before = await connections();
  const answers = await Promise.all(Array.from({ length: 200 }, () => system.request('/readyz')));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect((await connections()) - before).toBeLessThanOrEqual(3);
});

it('Readiness of the task queues tells how many workers poll each, and how old its backlog is', async () => {
  const served = { status: 'ok', pollers: 1, backlogTasks: 0, backlogAgeSeconds: 0 };
  const queues = Object.fromEntries(TASK_QUEUES.map((queue) => [queue, served]));
  await expect.poll(() => system.request('/readyz')).toMatchObject({ status: 200, body: { queues } });
});

it('Readiness is degraded, and still 200, when no worker serves a task queue', async () => {
  const served = TASK_QUEUES.filter((queue) => queue !== 'payments');
  const partly = await startTestSystem({ events: true, env: { WORKER_QUEUES: served.join(',') } });
  try {
    await expect
      .poll(() => partly.request('/readyz'))
      .toMatchObject({
        status: 200,
        body: {
          status: 'degraded',
          checks: { ...ALL_OK, queues: 'degraded' },
          queues: { payments: { status: 'degraded', pollers: 0 }, orders: { status: 'ok', pollers: 1 } },
        },
      });
    const metrics = await fetch(`${partly.url}/metrics`).then((response) => response.text());
    expect(metrics).toMatch(/^task_queue_pollers\{queue="payments".*\} 0$/m);
    expect(metrics).toMatch(/^task_queue_pollers\{queue="orders".*\} 1$/m);
    expect(metrics).toMatch(/^task_queue_backlog_age_seconds\{queue="payments".*\} \d/m);
  } finally {
    await partly.stop();
  }
});

it('Readiness is degraded soon after the last worker of a task queue has gone', async () => {
  const partly = await startTestSystem();
  try {
    await expect.poll(() => partly.request('/readyz')).toMatchObject({ body: { queues: { orders: { pollers: 1 } } } });
    await partly.stopWorker();
    await partly.postOrder();
    await expect
      .poll(() => partly.request('/readyz'))
      .toMatchObject({ body: { queues: { orders: { status: 'degraded', pollers: 0 } } } });
  } finally {
    await partly.stop();
  }
});

it('Liveness is told without looking at anything else', async () => {
  expect(await system.request('/livez', { headers: { authorization: '' } })).toMatchObject({
    status: 200,
    body: { status: 'ok' },
  });
});

it('A shutdown answers long polls at once with what is known', async () => {
  const api = await startAnotherApi(system, {});
  const orderId = await system.postOrder({ method: 'pm_down' });
  const poll = api.request<OrderView>(`/v1/orders/${orderId}?wait=30`);
  await sleep(300);
  const { result, seconds } = await timed(api.stop().then(() => poll));
  expect(result).toMatchObject({ status: 200, body: { id: orderId, status: 'PENDING' } });
  // A shutdown cuts what it has not answered after `SHUTDOWN_GRACE_SECONDS`, which are 5 here.
  expect(seconds).toBeLessThan(4);
  await expect(api.request('/livez')).rejects.toThrow('fetch failed');
});

async function scrape(): Promise<string> {
  const response = await fetch(`${system.url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
  return response.text();
}

it('Metrics count requests by route, method and status, never by id', async () => {
  const orderId = await system.postOrder();
  await system.orderAtRest(orderId);
  await system.request('/v1/orders/ord_x');
  await system.request('/v1/orders', { headers: { authorization: '' } });
  const text = await scrape();
  for (const labels of [
    'http_route="/v1/orders",http_request_method="POST",http_response_status_code="202"',
    'http_route="/v1/orders/:id",http_request_method="GET",http_response_status_code="200"',
    'http_route="/v1/orders/:id",http_request_method="GET",http_response_status_code="404"',
  ]) {
    expect(text).toContain(`http_server_request_duration_seconds_bucket{${labels}`);
  }
  expect(text).toContain('http_response_status_code="401"');
  expect(text).not.toContain('ord_');
  expect(text).not.toContain('demo');
});

it('Metrics have every series that an alert needs from the start, at 0', async () => {
  const fresh = await startAnotherApi(system, {});
  try {
    const text = await (await fetch(`${fresh.url}/metrics`)).text();
    for (const series of [
      'orders_started_total{dispatch="queue"',
      'orders_posted_total{answer="5xx"',
      'events_oldest_age_seconds{consumer="webhooks",partition="0"',
      'orders_accepted_total{replayed="false"',
      'requests_refused_total{reason="signature"',
      'order_transitions_total{status="CANCELLING",reason="none"',
      'order_transitions_total{status="REJECTED",reason="unknown_sku"',
      'events_received_total{type="purchase",outcome="refused"',
      'events_unfinished{consumer="webhooks",state="failed"',
      'orders_in_motion_oldest_age_seconds{status="REFUNDING"',
      'audit_violations{invariant="I3"',
    ]) {
      const line = text.split('\n').find((candidate) => candidate.startsWith(series));
      expect(line, series).toMatch(/\} 0$/);
    }
    expect(text).toMatch(/^target_info\{.*service_name="order-saga-api"/m);
  } finally {
    await fresh.stop();
  }
});

it('Metrics tell of the process: its CPU, memory, event loop and connections', async () => {
  const text = await scrape();
  expect(text).toMatch(/^process_cpu_seconds_total\{.*\} [\d.e-]+$/m);
  expect(text).toMatch(/^process_resident_memory_bytes\{.*\} \d{7,}$/m);
  expect(text).toMatch(/^nodejs_eventloop_delay_p99_seconds\{.*\} [\d.e-]+$/m);
  expect(text).toMatch(/^database_pool_connections\{pool="orders",state="idle".*\} \d+$/m);
  expect(text).toMatch(/^database_pool_waiting\{pool="events".*\} 0$/m);
});

it('Metrics tell the accepted orders and the state of the process', async () => {
  const text = await scrape();
  expect(text).toMatch(/^orders_accepted_total\{replayed="false".*\} [1-9]/m);
  for (const gauge of ['temporal_up', 'orders_backlog_age_seconds', 'eager_slots_in_use']) {
    expect(text).toMatch(new RegExp(`^# HELP ${gauge} .+\\n# TYPE ${gauge} gauge\\n${gauge}\\{.*\\} \\d`, 'm'));
  }
  expect(text).toMatch(/^target_info\{.*service_name="order-saga-combined"/m);
  expect(text).not.toContain(process.execPath);
  expect(text).toMatch(/^clock_ahead_seconds\{.*\} -?[\d.e-]+$/m);
});
