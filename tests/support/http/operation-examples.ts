import { randomBytes, randomUUID } from 'node:crypto';
import type { DecisionAction } from '../../../src/domain/case.ts';
import type { Operation } from '../../../tools/role-matrix.ts';
import { PaymentContractError } from '../../../src/domain/errors.ts';
import { plannedOrder } from '../faults/evidence.ts';
import { failBefore, type createFaults } from '../faults/faults.ts';
import { openCaseOf } from '../faults/order-actions.ts';
import { orderBody, type TestSystem } from '../system.ts';

type Faults = ReturnType<typeof createFaults>;

/** Things of one tenant that the operations of the API are about. */
export interface TenantThings {
  readonly orderId: string;
  readonly authorizedId: string;
  readonly soldId: string;
  readonly caseId: string;
  /** The version that a decision about the case must name. */
  readonly caseVersion: number;
  readonly redriveId: string;
  readonly sku: string;
  readonly eventId: string;
  readonly webhookId: string;
  readonly deliveryId: string;
}

/** Makes one of each, as an admin of the tenant `demo`. */
export async function makeThings(system: TestSystem, faults: Faults, token: string): Promise<TenantThings> {
  const post = async (path: string, body: unknown): Promise<string> => {
    const headers = { 'idempotency-key': randomUUID() };
    const answer = await system.request(path, { method: 'POST', token, headers, body: JSON.stringify(body) });
    if (answer.status > 202) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return String(answer.body['id']);
  };
  const orderId = await post('/v1/orders', orderBody());
  const soldId = await post('/v1/orders', orderBody());
  const authorizedId = await post(
    '/v1/orders',
    orderBody({ body: { payment: { method: 'pm_ok', capture: 'manual' } } }),
  );
  const { key, orderId: parkedId } = plannedOrder();
  faults.inject(parkedId, 'takePayment', failBefore(new PaymentContractError(parkedId, 'made so'), 1_000));
  await system.postOrder({}, key);
  const { id: caseId } = await openCaseOf(system, parkedId);
  for (const id of [orderId, soldId, authorizedId]) await system.request(`/v1/orders/${id}?wait=20`, { token });
  const redriveId = await post('/v1/cases/redrive', { fingerprint: 'nothing/at_all' });
  const sku = 'SKU-0001';
  const eventId = randomUUID();
  await post('/v1/events', { type: 'purchase', userId: 'u1', id: eventId, properties: { amount: 12 } });
  const webhookId = await post('/v1/webhooks', { url: 'https://shop.example/hooks', events: ['order.confirmed'] });
  const deliveryId = `dlv_${randomUUID()}`;
  await system.database.query(
    `INSERT INTO notifications.webhook_deliveries
       (delivery_id, subscription_id, tenant_id, event_id, event_type, event_key, body, state, attempts)
     SELECT $1, subscription_id, tenant_id, 'evt', 'order.confirmed', $3, '{}', 'GAVE_UP', 1
     FROM notifications.webhook_subscriptions WHERE subscription_id = $2`,
    [deliveryId, webhookId, orderId],
  );
  return { orderId, authorizedId, soldId, caseId, caseVersion: 1, redriveId, sku, eventId, webhookId, deliveryId };
}

/** A request that the operation carries out, if the caller may. */
interface ExampleRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Bodies and parameters that differ from the usual ones. */
interface Example {
  readonly id?: Exclude<keyof TenantThings, 'caseVersion'>;
  readonly body?: unknown;
  readonly query?: string;
}

const FROM_START = { partition: 0, fromSequence: 1, toSequence: 2 };

/** One entry per operation: the test of the matrix fails for an operation without one. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  'POST /v1/orders': { body: orderBody() },
  'GET /v1/orders': { query: '?limit=50' },
  'GET /v1/orders/{id}': {},
  'GET /v1/orders/{id}/timeline': {},
  'GET /v1/orders/{id}/explain': {},
  'GET /v1/orders/{id}/receipt': {},
  'POST /v1/orders/{id}/cancel': { body: { reason: 'asked' } },
  'POST /v1/orders/{id}/capture': { id: 'authorizedId', body: { amountMinor: 100 } },
  'POST /v1/orders/{id}/refunds': { body: { amountMinor: 1 } },
  'POST /v1/orders/{id}/give-back': { body: { reason: 'asked' } },
  'POST /v1/orders/{id}/payments/reconcile': { id: 'soldId', body: {} },
  'POST /v1/orders/{id}/notifications/{template}/resend': {},
  'POST /v1/customers/erasures': { body: { customerId: 'cust_nobody', reason: 'a test' } },
  'GET /v1/audit/actions': { query: '?limit=50' },
  'GET /v1/audit/actions/export': {},
  'GET /v1/cases': { query: '?limit=50' },
  'POST /v1/cases/redrive': { body: { fingerprint: 'nothing/at_all' } },
  'GET /v1/cases/redrives/{id}': { id: 'redriveId' },
  'GET /v1/cases/{id}': { id: 'caseId' },
  'POST /v1/cases/{id}/resolve': { id: 'caseId' },
  'GET /v1/products': { query: '?limit=2' },
  'PUT /v1/products/{sku}': { body: { name: 'Cup', priceMinor: 2250, currency: 'EUR' } },
  'GET /v1/stock/{sku}': {},
  'POST /v1/stock/{sku}/adjustments': { body: { delta: 1, reason: 'restock' } },
  'POST /v1/events': { body: { type: 'page_view', userId: 'u1', properties: { path: '/' } } },
  'GET /v1/events': { query: '?limit=50' },
  'GET /v1/events/stats': {},
  'GET /v1/events/consumers': {},
  'POST /v1/events/failed/reprocess': { body: { errorCode: 'invalid_event' } },
  'POST /v1/events/replays': { body: FROM_START },
  'POST /v1/events/consumers/{name}/pause': {},
  'POST /v1/events/consumers/{name}/resume': {},
  'POST /v1/events/consumers/{name}/rewind': { body: { partition: 0, sequence: 1 } },
  'GET /v1/events/failed': {},
  'GET /v1/events/{id}': { id: 'eventId' },
  'GET /v1/console/stream': {},
  'POST /v1/payloads/decode': { body: { payloads: [] } },
  'POST /v1/payloads/encode': { body: { payloads: [] } },
  'POST /v1/webhooks': { body: { url: 'https://shop.example/hooks', events: ['order.confirmed'] } },
  'GET /v1/webhooks': {},
  'GET /v1/webhooks/{id}': { id: 'webhookId' },
  'DELETE /v1/webhooks/{id}': { id: 'webhookId' },
  'POST /v1/webhooks/{id}/enable': { id: 'webhookId' },
  'GET /v1/webhooks/{id}/deliveries': { id: 'webhookId' },
  'POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver': { id: 'webhookId' },
};

const DECISIONS: Readonly<Record<DecisionAction, Record<string, unknown>>> = {
  retry: {},
  retryWith: { patch: { method: 'pm_ok' } },
  skip: {},
  abort: {},
  forceResolve: { evidence: 'bank-1' },
  withdraw: {},
};

/**
 * The request that tries an operation on these things.
 * @throws {TypeError} when the operation has no example.
 */
export function exampleOf({ name, method, path, action }: Operation, things: TenantThings): ExampleRequest {
  const example = EXAMPLES[`${method} ${path}`];
  if (example === undefined) throw new TypeError(`${name} has no example in operation-examples.ts`);
  const filled = path
    .replace('{id}', things[example.id ?? 'orderId'])
    .replace('{sku}', things.sku)
    .replace('{template}', 'order-confirmed')
    .replace('{name}', 'analytics')
    .replace('{deliveryId}', things.deliveryId);
  const decision =
    action === null ? null : { action, reason: 'a test', version: things.caseVersion, ...DECISIONS[action] };
  return { method, path: `${filled}${example.query ?? ''}`, body: decision ?? example.body };
}

/** The answer of an operation. */
export interface OperationAnswer {
  readonly status: number;
  readonly text: string;
}

/** Carries out an operation on the things; of a stream it reads only the first bytes. */
export async function askOperation(
  { url }: Pick<TestSystem, 'url'>,
  operation: Operation,
  { token, things }: { readonly token: string; readonly things: TenantThings },
): Promise<OperationAnswer> {
  const { method, path, body } = exampleOf(operation, things);
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'idempotency-key': randomUUID(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!operation.path.endsWith('/stream')) return { status: response.status, text: await response.text() };
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return { status: response.status, text: new TextDecoder().decode(value) };
}

/** Whether an operation was carried out. */
export function succeeds({ status }: Pick<OperationAnswer, 'status'>): boolean {
  return status >= 200 && status < 300;
}

/** Whether the caller was let in: carried out, or the thing is in another state or offers other actions. */
export function isLetIn(answer: OperationAnswer): boolean {
  const { status, text } = answer;
  return succeeds(answer) || status === 409 || (status === 422 && text.includes('action_not_allowed'));
}

/** Decisions that the case of `makeThings` never offers. */
export const NEVER_OFFERED = ['skip', 'forceResolve', 'withdraw'].map(
  (action) => `POST /v1/cases/{id}/resolve ${action}`,
);

/** Prepares what decisions and cursors need before the next operation. */
export async function refreshThings(system: TestSystem, things: TenantThings): Promise<TenantThings> {
  const [row] = await system.database.query<{ version: number }>(
    'SELECT version FROM orders.cases WHERE case_id = $1',
    [things.caseId],
  );
  // A cursor can be moved back only from a later place.
  await system.database.query(
    `INSERT INTO events.cursors (consumer, partition, owner, sequence) VALUES ('analytics', 0, 'nobody', 100)
     ON CONFLICT (consumer, partition) DO UPDATE SET sequence = 100`,
  );
  return { ...things, caseVersion: row?.version ?? 0 };
}

/** Settings without which some operations are not there. */
export const EVERY_OPERATION = {
  TEMPORAL_SEALING: 'seal',
  TEMPORAL_SEALING_KEYS: `test:${randomBytes(32).toString('base64')}`,
};
