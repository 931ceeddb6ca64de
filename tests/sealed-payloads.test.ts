import { randomBytes, randomUUID } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  ORDER_COMMAND_WORKFLOW,
  ORDER_WORKFLOW,
  orderCommandWorkflowId,
  orderWorkflowId,
} from '../src/workflows/contract.ts';
import { auditOf } from './support/audits.ts';
import { startTestSystem, type TestSystem } from './support/system.ts';

const CUSTOMER = `cust_${randomBytes(8).toString('hex')}`;
const REASON = `because ${randomBytes(8).toString('hex')}`;

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    env: { TEMPORAL_SEALING: 'require', TEMPORAL_SEALING_KEYS: `2026:${randomBytes(32).toString('base64')}` },
  });
});
afterAll(() => system.stop());

function* bytesIn(value: unknown): Generator<string> {
  if (value instanceof Uint8Array) yield Buffer.from(value).toString('utf8');
  else if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) yield* bytesIn(part);
}

/** What Temporal stores about a workflow, as a person with its database would read it. */
async function storedAbout(workflowId: string): Promise<string> {
  const handle = system.client.workflow.getHandle(workflowId);
  const { raw } = await handle.describe();
  return [...bytesIn(await handle.fetchHistory()), ...bytesIn(raw)].join('\n');
}

const ways = [
  { method: 'pm_ok', status: 'CONFIRMED' },
  { method: 'pm_declined', status: 'REJECTED' },
  { method: 'pm_lost_reply', status: 'CONFIRMED' },
  { method: 'pm_wrong_amount', status: 'PENDING' },
];

it.each(ways)(
  'An order with $method ends as without sealing, and Temporal stores nothing that can be read',
  async (way) => {
    const orderId = await system.postOrder({ method: way.method, body: { customer: { id: CUSTOMER } } });
    const order = await system.orderAtRest(orderId);
    expect(order.status).toBe(way.status);
    const stored = await storedAbout(orderWorkflowId(orderId));
    for (const secret of [CUSTOMER, way.method, 'SKU-0001', 'payment_mismatch', 'insufficient']) {
      expect(stored).not.toContain(secret);
    }
    expect(stored).toContain('binary/encrypted');
  },
);

it('A command of an ended order is sealed, and carried out', async () => {
  const orderId = await system.postOrder();
  await system.orderAtRest(orderId);
  const key = randomUUID();
  const { status } = await system.request(`/v1/orders/${orderId}/cancel`, {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify({ reason: REASON }),
  });
  expect(status).toBeLessThan(300);
  await expect.poll(async () => (await system.orderAtRest(orderId)).status).toBe('CANCELLED');
  const { body } = await system.request<{ entries: { reason?: string | null }[] }>(`/v1/orders/${orderId}/timeline`);
  expect(JSON.stringify(body)).toContain(REASON);
  const command = orderCommandWorkflowId(orderId, '');
  const query = `WorkflowType = '${ORDER_COMMAND_WORKFLOW}'`;
  const found = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { workflowId } of system.client.workflow.list({ query })) ids.push(workflowId);
    return ids.filter((workflowId) => workflowId.startsWith(command));
  };
  await expect.poll(found).toHaveLength(1);
  for (const workflowId of await found()) expect(await storedAbout(workflowId)).not.toContain(REASON);
});

it('A plain payload that somebody puts into Temporal stops its own workflow only', async () => {
  const workflowId = orderWorkflowId('ord_aaaaaaaaaaaaaaaaaaaaaaaaaa');
  await system.client.workflowService.startWorkflowExecution({
    namespace: system.namespace,
    requestId: randomUUID(),
    workflowId,
    workflowType: { name: ORDER_WORKFLOW },
    taskQueue: { name: 'orders' },
    input: { payloads: [defaultPayloadConverter.toPayload({ orderId: 'forged' })] },
  });
  const handle = system.client.workflow.getHandle(workflowId);
  const failures = async (): Promise<string[]> => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).flatMap((event) => event.workflowTaskFailedEventAttributes?.failure?.message ?? []);
  };
  await expect.poll(failures).not.toEqual([]);
  const orderId = await system.postOrder();
  expect((await system.orderAtRest(orderId)).status).toBe('CONFIRMED');
  await system.client.workflowService.deleteWorkflowExecution({
    namespace: system.namespace,
    workflowExecution: { workflowId },
  });
  await expect.poll(() => handle.describe().catch(() => null)).toBeNull();
});

it('Operators of the platform open payloads for the Web UI, and each opening is recorded', async () => {
  const orderId = await system.postOrder({ body: { customer: { id: CUSTOMER } } });
  await system.orderAtRest(orderId);
  const { events } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const open = (token: string) =>
    system.request<{ payloads: { data: string }[] }>('/v1/payloads/decode', {
      method: 'POST',
      token,
      body: JSON.stringify({ payloads: [jsonOf(payload ?? {})] }),
    });
  expect((await open(await system.token('demo', ['ops:read']))).status).toBe(403);
  const { status, body } = await open(await system.token('demo', ['platform:read'], 'grace'));
  expect(status).toBe(200);
  expect(Buffer.from(body.payloads[0]?.data ?? '', 'base64').toString('utf8')).toContain(CUSTOMER);
  const acts = await system.database.query<{ actor: string }>(
    `SELECT actor FROM audit.operator_actions WHERE action = 'payloads.open'`,
  );
  expect(acts).toEqual([{ actor: 'grace' }]);
});

it('A browser may ask from the page of the Web UI, and from no other', async () => {
  const ask = (origin: string) =>
    fetch(`${system.url}/v1/payloads/decode`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
  const allowed = await ask('http://localhost:8233');
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe('http://localhost:8233');
  expect((await ask('https://evil.example.com')).headers.get('access-control-allow-origin')).not.toBe(
    'https://evil.example.com',
  );
});

it('Nothing of it changed what the orders did', async () => {
  expect((await auditOf(system)).clean).toBe(true);
});

function jsonOf({ metadata, data }: Payload) {
  const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return { metadata: Object.fromEntries(entries) as Record<string, string>, data: base64(data) };
}
