import { uptime } from 'node:os';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabases } from '../db/client.ts';
import { createAudit, type AuditOptions, type AuditReport } from '../src/audit/audit.ts';
import type { FactsSources } from '../src/audit/facts-reader.ts';
import type { InvariantId } from '../src/audit/invariants/index.ts';
import { createTemporalClient } from '../src/temporal.ts';
import { ORDER_WORKFLOW, orderWorkflowId, type OrderWorkflowInput } from '../src/workflows/contract.ts';
import { plannedOrder } from './support/evidence.ts';
import { createFaults, failBefore, givenUp } from './support/faults.ts';
import { postAtRate, settle } from './support/load.ts';
import { findTestPort } from './support/ports.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from './support/system.ts';

const faults = createFaults();
let system: TestSystem;
let sources: FactsSources;

/** Orders that stand for what can happen; what a test breaks it mends, unless nothing can mend it. */
const ids = {
  sold: '',
  declined: '',
  outOfStock: '',
  unknownSku: '',
  refunded: '',
  voided: '',
  lostReply: '',
  flaky: '',
  softDeclined: '',
  wrongAmount: '',
  poisoned: '',
  down: '',
};
type OrderName = keyof typeof ids;

/** Violations that no SQL can take back, as `invariant subject`. */
const standing = new Set<string>();

/** Long enough for visibility and for a workflow that is just closing, short enough for a test. */
const PATIENCE_MS = 1_500;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
  sources = { databases: system.database.databases, client: system.client, paymentGatewayUrl: system.simulatorUrl };
  const posted = Object.entries(ORDERS).map(async ([name, { order, prepare }]) => {
    const { key, orderId } = plannedOrder();
    prepare?.(orderId);
    ids[name as OrderName] = await system.postOrder(order, key);
  });
  await Promise.all(posted);
  const atRest = Object.entries(ids).filter(([name]) => name !== 'down');
  await Promise.all(atRest.map(([, orderId]) => system.orderAtRest(orderId, 30)));
});
afterAll(() => system.stop());

const ORDERS: Record<OrderName, { readonly order: OrderOverrides; readonly prepare?: (orderId: string) => void }> = {
  sold: { order: {} },
  declined: { order: { method: 'pm_declined' } },
  outOfStock: { order: { sku: 'SKU-SCARCE', quantity: 6 } },
  unknownSku: { order: { sku: 'SKU-NONE' } },
  refunded: { order: {}, prepare: (orderId) => faults.inject(orderId, 'takePayment', givenUp()) },
  // The charge is never sent, and the order is given up: the void is a tombstone.
  voided: {
    order: {},
    prepare: (orderId) =>
      faults.inject(orderId, 'takePayment', () =>
        Promise.resolve({ kind: 'declined', declineCode: 'given_up', soft: false }),
      ),
  },
  lostReply: { order: { method: 'pm_lost_reply' } },
  flaky: { order: { method: 'pm_flaky' } },
  softDeclined: { order: { method: 'pm_insufficient_funds' } },
  wrongAmount: { order: { method: 'pm_wrong_amount' } },
  poisoned: {
    order: {},
    prepare: (orderId) => faults.inject(orderId, 'commitStock', failBefore(new TypeError('made so by a test'), 99)),
  },
  down: { order: { method: 'pm_down' } },
};

function audit(options: AuditOptions = { patienceMs: PATIENCE_MS }): Promise<AuditReport> {
  // Small pages, so that some dozen orders need several.
  return createAudit(sources, { pageSize: 5, ...options }).run();
}

function found({ violations }: AuditReport): string[] {
  return [...new Set(violations.map(({ invariant, subject }) => `${invariant} ${subject}`))].toSorted();
}

function expectOnly(report: AuditReport, ...expected: string[]): void {
  expect(found(report), JSON.stringify(report.violations, null, 2)).toEqual([...standing, ...expected].toSorted());
}

async function expectExactly(...expected: string[]): Promise<AuditReport> {
  // What is not expected may come right in the usual time.
  const report = await audit(expected.length === 0 ? {} : { patienceMs: PATIENCE_MS });
  expectOnly(report, ...expected);
  return report;
}

async function sql(orderId: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    await system.database.query(statement, statement.includes('$1') ? [orderId] : []);
  }
}

describe('the audit', () => {
  it('of a system with orders of every kind is clean, and has checked every invariant', async () => {
    const report = await expectExactly();
    expect(report).toMatchObject({ clean: true, orders: Object.keys(ids).length, inMotion: 3 });
    const unchecked = Object.entries(report.checked).filter(([, count]) => count === 0);
    expect(unchecked).toEqual([]);
  });

  it('raises no false alarm while orders run', async () => {
    const methods = ['pm_ok', 'pm_declined', 'pm_lost_reply', 'pm_ok', 'pm_flaky', 'pm_insufficient_funds'];
    const posts = postAtRate(system, {
      count: 90,
      perSecond: 30,
      orderOf: (index) => ({ method: methods[index % methods.length] ?? 'pm_ok' }),
    });
    let running = true;
    const finished = posts.then((sent) => settle(system, sent.map(({ orderId }) => orderId ?? 'lost'), 90_000));
    const isOver = finished.then(
      () => (running = false),
      () => (running = false),
    );
    const reports: AuditReport[] = [];
    while (running) { reports.push(await audit({})); console.log(uptime(), reports.at(-1)?.tookMs, reports.at(-1)?.orders, reports.at(-1)?.inMotion, found(reports.at(-1) as AuditReport)); }
    await isOver;
    await finished;
    expect(reports.flatMap(({ violations }) => violations)).toEqual([]);
    expect(reports.some(({ inMotion }) => inMotion > 3)).toBe(true);
    await expectExactly();
  }, 180_000);

  it('takes the newest run of an order whose workflow was reset', async () => {
    const handle = system.client.workflow.getHandle(orderWorkflowId(ids.down));
    const { runId } = await handle.describe();
    const { events } = await handle.fetchHistory();
    const finished = events?.find(({ workflowTaskCompletedEventAttributes: completed }) => completed != null);
    await system.client.workflowService.resetWorkflowExecution({
      namespace: system.namespace,
      workflowExecution: { workflowId: orderWorkflowId(ids.down), runId },
      workflowTaskFinishEventId: finished?.eventId ?? null,
      requestId: randomUUID(),
      reason: 'test',
    });
    await expectExactly();
  });
});

/** One broken rule: what breaks it in an order, and what mends it again. `$1` is the order's id. */
interface Plant {
  readonly invariant: InvariantId;
  readonly order: OrderName;
  readonly plant: readonly string[];
  readonly mend: readonly string[];
  /** Unless it is the order's id. */
  readonly subject?: string;
}

const HISTORY_MAY_CHANGE = 'ALTER TABLE orders.order_events DISABLE TRIGGER order_events_append_only';
const HISTORY_IS_FIXED = 'ALTER TABLE orders.order_events ENABLE TRIGGER order_events_append_only';

function moveEvent(interval: string): string[] {
  const update = `UPDATE orders.order_events SET at = at + interval '${interval}' WHERE order_id = $1 AND seq = 2`;
  return [HISTORY_MAY_CHANGE, update, HISTORY_IS_FIXED];
}

const PLANTS: Readonly<Record<string, Plant>> = {
  'an order under an id that is not of its key': {
    invariant: 'I1',
    order: 'sold',
    plant: [`UPDATE orders.orders SET idempotency_key = idempotency_key || '!' WHERE order_id = $1`],
    mend: [`UPDATE orders.orders SET idempotency_key = rtrim(idempotency_key, '!') WHERE order_id = $1`],
  },
  'stock on hand that no movement explains': {
    invariant: 'I2',
    order: 'sold',
    subject: 'demo/SKU-0001',
    plant: [`UPDATE inventory.stock SET on_hand = on_hand + 1 WHERE tenant_id = 'demo' AND sku = 'SKU-0001'`],
    mend: [`UPDATE inventory.stock SET on_hand = on_hand - 1 WHERE tenant_id = 'demo' AND sku = 'SKU-0001'`],
  },
  'stock that is reserved for nobody': {
    invariant: 'I2',
    order: 'sold',
    subject: 'demo/SKU-0777',
    plant: [`UPDATE inventory.stock SET reserved = 3 WHERE tenant_id = 'demo' AND sku = 'SKU-0777'`],
    mend: [`UPDATE inventory.stock SET reserved = 0 WHERE tenant_id = 'demo' AND sku = 'SKU-0777'`],
  },
  'a total that is not what was captured': {
    invariant: 'I3',
    order: 'sold',
    plant: ['UPDATE orders.orders SET total_minor = total_minor + 1 WHERE order_id = $1'],
    mend: ['UPDATE orders.orders SET total_minor = total_minor - 1 WHERE order_id = $1'],
  },
  'a balance that is not the sum of its operations': {
    invariant: 'I3',
    order: 'refunded',
    plant: ['UPDATE payments.balances SET refunded_minor = refunded_minor - 1 WHERE order_id = $1'],
    mend: ['UPDATE payments.balances SET refunded_minor = refunded_minor + 1 WHERE order_id = $1'],
  },
  'a charge after the order was rejected': {
    invariant: 'I4',
    order: 'refunded',
    plant: [
      `UPDATE payments.operations SET updated_at = updated_at + interval '1 hour' WHERE order_id = $1 AND kind = 'sale'`,
    ],
    mend: [
      `UPDATE payments.operations SET updated_at = updated_at - interval '1 hour' WHERE order_id = $1 AND kind = 'sale'`,
    ],
  },
  'a rejected order without its tombstone': {
    invariant: 'I5',
    order: 'outOfStock',
    plant: ['DELETE FROM inventory.reservations WHERE order_id = $1'],
    mend: [
      `INSERT INTO inventory.reservations (order_id, sku, tenant_id, quantity, state)
       VALUES ($1, 'SKU-SCARCE', 'demo', 6, 'RELEASED')`,
    ],
  },
  'an operation with another amount than in the ledger': {
    invariant: 'I6',
    order: 'declined',
    plant: ['UPDATE payments.operations SET amount_minor = amount_minor + 1 WHERE order_id = $1'],
    mend: ['UPDATE payments.operations SET amount_minor = amount_minor - 1 WHERE order_id = $1'],
  },
  'a charge in the ledger whose outcome the books call unknown': {
    invariant: 'I6',
    order: 'declined',
    plant: [`UPDATE payments.operations SET state = 'UNKNOWN' WHERE order_id = $1`],
    mend: [`UPDATE payments.operations SET state = 'DECLINED' WHERE order_id = $1`],
  },
  'an operation that the ledger does not have': {
    invariant: 'I6',
    order: 'declined',
    plant: [
      `INSERT INTO payments.operations (key, order_id, tenant_id, kind, generation, amount_minor, currency, state)
       VALUES ($1 || ':sale:2', $1, 'demo', 'sale', 2, 100, 'EUR', 'DECLINED')`,
    ],
    mend: [`DELETE FROM payments.operations WHERE order_id = $1 AND generation = 2`],
  },
  'a version without an event': {
    invariant: 'I7',
    order: 'sold',
    plant: ['UPDATE orders.orders SET version = version + 1 WHERE order_id = $1'],
    mend: ['UPDATE orders.orders SET version = version - 1 WHERE order_id = $1'],
  },
  'a history that runs backwards': {
    invariant: 'I7',
    order: 'sold',
    plant: moveEvent('-1 hour'),
    mend: moveEvent('1 hour'),
  },
  'a status change after a terminal status': {
    invariant: 'I8',
    order: 'unknownSku',
    plant: [
      'UPDATE orders.orders SET version = version + 1 WHERE order_id = $1',
      `INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
       SELECT order_id, version, tenant_id, 'order.rejected', 'REJECTED', 'REJECTED', 'test', '{}'
       FROM orders.orders WHERE order_id = $1`,
    ],
    mend: [
      HISTORY_MAY_CHANGE,
      `DELETE FROM orders.order_events WHERE order_id = $1 AND actor = 'test'`,
      HISTORY_IS_FIXED,
      'UPDATE orders.orders SET version = version - 1 WHERE order_id = $1',
    ],
  },
  "a message that carries another tenant's id": {
    invariant: 'I9',
    order: 'sold',
    plant: [`UPDATE notifications.messages SET tenant_id = 'other' WHERE order_id = $1`],
    mend: [`UPDATE notifications.messages SET tenant_id = 'demo' WHERE order_id = $1`],
  },
  'a case that is open for an order at rest': {
    invariant: 'I10',
    order: 'sold',
    plant: [
      `INSERT INTO orders.cases (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version)
       VALUES ('case_test', $1, 'demo', 'take-payment', 'x', 'x', 'x', 1, 'open', 1)`,
    ],
    mend: ['DELETE FROM orders.cases WHERE order_id = $1'],
  },
  'a parked workflow without an open case': {
    invariant: 'I10',
    order: 'wrongAmount',
    plant: [`UPDATE orders.cases SET state = 'resolved', resolved_at = now() WHERE order_id = $1`],
    mend: [`UPDATE orders.cases SET state = 'open', resolved_at = NULL WHERE order_id = $1`],
  },
};

describe('a planted violation', () => {
  it.each(Object.entries(PLANTS))('is found and named: %s', async (_, { invariant, order, subject, plant, mend }) => {
    const orderId = ids[order];
    await sql(orderId, plant);
    const broken = await audit();
    await sql(orderId, mend);
    expectOnly(broken, `${invariant} ${subject ?? orderId}`);
  });

  it('has a row for every invariant', () => {
    const planted = new Set(Object.values(PLANTS).map(({ invariant }) => invariant));
    expect([...planted]).toEqual(['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10']);
  });
});

describe('the audit as a command', () => {
  const run = promisify(execFile);
  const command = async (
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; output: string; errors: string }> => {
    const options = { env: { PATH: process.env['PATH'], ...system.env, ...env } };
    return run(process.execPath, ['src/audit/main.ts', ...args], options).then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout, errors: stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        code,
        output: stdout,
        errors: stderr,
      }),
    );
  };

  it('exits 0 and has a line for every invariant when all is well', async () => {
    const { code, output } = await command();
    expect(output.match(/^I\d+ +ok /gm)).toHaveLength(10);
    expect(output).toContain(`clean: `);
    expect(code).toBe(0);
  });

  it('exits 1 and names the order when a rule is broken, for people and for scripts', async () => {
    const { invariant, plant, mend } = PLANTS['a version without an event'] as Plant;
    await sql(ids.sold, plant);
    const printed = await command();
    const json = await command(['--json']);
    await sql(ids.sold, mend);
    expect(printed.output).toMatch(new RegExp(`^${invariant} +BROKEN .*\\n +${ids.sold}: .+ version`, 'm'));
    expect(JSON.parse(json.output)).toMatchObject({
      clean: false,
      violations: [{ invariant, subject: ids.sold }],
    });
    expect([printed.code, json.code]).toEqual([1, 1]);
  });

  it.each([
    ['PAYMENT_GATEWAY_URL', 'http://127.0.0.1:%d', 'the payment ledger'],
    ['INVENTORY_DATABASE_URL', 'postgresql://x@127.0.0.1:%d/x', 'the inventory database'],
    ['TEMPORAL_ADDRESS', '127.0.0.1:%d', 'Temporal'],
  ])('exits 2 and says what is down: %s', async (variable, address, named) => {
    const { code, output, errors } = await command([], {
      [variable]: address.replace('%d', String(await findTestPort())),
    });
    expect(errors).toMatch(new RegExp(`^the audit could not be done: ${named}.* cannot be read`));
    expect(output).toBe('');
    expect(code).toBe(2);
  });

  it('exits 2 for an argument that it does not know', async () => {
    expect(await command(['--fix'])).toMatchObject({ code: 2, output: '' });
  });
});

/** What is broken here stays broken, so each test has orders of its own and the next ones know of it. */
describe('a violation that cannot be taken back', () => {
  let orderId: string;
  let key: string;
  beforeEach(() => {
    ({ orderId, key } = plannedOrder());
  });

  const stays = (violation: string): void => {
    standing.add(violation);
  };

  it('is found: an accepted order that is nowhere', async () => {
    await system.postOrder({ sku: 'SKU-NONE' }, key);
    await system.orderAtRest(orderId);
    await sql(orderId, [
      HISTORY_MAY_CHANGE,
      'DELETE FROM orders.order_events WHERE order_id = $1',
      HISTORY_IS_FIXED,
      'DELETE FROM orders.order_lines WHERE order_id = $1',
      'DELETE FROM orders.orders WHERE order_id = $1',
      'DELETE FROM inventory.reservations WHERE order_id = $1',
    ]);
    await expectExactly(`I1 ${orderId}`);
    stays(`I1 ${orderId}`);
  });

  it('is found: effects without an order', async () => {
    await system.postOrder({}, key);
    await system.orderAtRest(orderId);
    await sql(orderId, [
      HISTORY_MAY_CHANGE,
      'DELETE FROM orders.order_events WHERE order_id = $1',
      HISTORY_IS_FIXED,
      'DELETE FROM orders.orders WHERE order_id = $1',
    ]);
    await expectExactly(`I1 ${orderId}`);
    stays(`I1 ${orderId}`);
  });

  it('is found: a second charge in the ledger, and a charge of no order', async () => {
    await system.postOrder({}, key);
    await system.orderAtRest(orderId);
    await charge(orderId, `${orderId}:sale:2`);
    await charge('ord_of_nobody', 'ord_of_nobody:sale:1');
    await expectExactly(`I6 ${orderId}`, 'I6 ord_of_nobody');
    stays(`I6 ${orderId}`);
    stays('I6 ord_of_nobody');
  });

  it('is found: a workflow that is open for an order at rest, and then one that was terminated', async () => {
    await system.postOrder({}, key);
    await system.orderAtRest(orderId);
    const input = await inputOf(orderId);
    const handle = await startAgain(orderId, input, 'nobody-serves-this');
    const open = await expectExactly(`I10 ${orderId}`);
    expect(messagesOf(open, orderId)).toEqual(['it is CONFIRMED, but its workflow is still open']);
    await handle.terminate('test');
    const dead = await expectExactly(`I10 ${orderId}`);
    expect(messagesOf(dead, orderId)).toEqual(['its workflow ended as TERMINATED, the order is CONFIRMED']);

    // A run that finds the order done is a duplicate, and no violation.
    expect(await (await startAgain(orderId, input, 'orders')).result()).toEqual({ status: 'DUPLICATE' });
    await expectExactly();
  });

  it('is found: an order in motion that no workflow carries', async () => {
    await system.postOrder({ method: 'pm_down' }, key);
    await expect
      .poll(() => system.database.query('SELECT FROM payments.operations WHERE order_id = $1', [orderId]))
      .toHaveLength(1);
    const input = await inputOf(orderId);
    await system.client.workflow.getHandle(orderWorkflowId(orderId)).terminate('test');
    const dead = await expectExactly(`I10 ${orderId}`);
    expect(messagesOf(dead, orderId)).toEqual(['its workflow ended as TERMINATED, the order is PENDING']);

    expect(await (await startAgain(orderId, input, 'orders')).result()).toEqual({ status: 'DUPLICATE' });
    const left = await expectExactly(`I10 ${orderId}`);
    expect(messagesOf(left, orderId)).toEqual(['it is PENDING, but no workflow carries it']);
    stays(`I10 ${orderId}`);
  });
});

describe('an audit that cannot read a source', () => {
  it('is refused, and names the source', async () => {
    const port = await findTestPort();
    const nowhere = `postgresql://x@127.0.0.1:${port}/x`;
    const databases = createDatabases(
      { orders: nowhere, inventory: nowhere, payments: nowhere, notifications: nowhere },
      { poolSize: 1, applicationName: 'test', onIdleError: () => {} },
    );
    const temporal = createTemporalClient({ address: `127.0.0.1:${port}`, namespace: system.namespace });
    const refusals: [Partial<FactsSources>, string][] = [
      [{ databases }, 'the orders database'],
      [{ paymentGatewayUrl: `http://127.0.0.1:${port}` }, `the payment ledger at http://127.0.0.1:${port}`],
      [{ client: temporal }, `Temporal (namespace ${system.namespace})`],
    ];
    for (const [broken, source] of refusals) {
      await expect(createAudit({ ...sources, ...broken }).run()).rejects.toMatchObject({ source });
    }
    await temporal.connection.close();
    await databases.close();
  });
});

function messagesOf({ violations }: AuditReport, orderId: string): string[] {
  return violations.filter(({ subject }) => subject === orderId).map(({ message }) => message);
}

async function charge(orderId: string, key: string): Promise<void> {
  await fetch(`${system.simulatorUrl}/v1/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ orderId, kind: 'sale', amountMinor: 4_500, currency: 'EUR', method: 'pm_ok' }),
  });
}

/** What the order's own workflow was started with. */
async function inputOf(orderId: string): Promise<OrderWorkflowInput> {
  const { events } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return JSON.parse(Buffer.from(payload?.data ?? []).toString('utf8')) as OrderWorkflowInput;
}

/** A second workflow of the same id, as only a person can start one before the retention is over. */
function startAgain(orderId: string, input: OrderWorkflowInput, taskQueue: string) {
  return system.client.workflow.start(ORDER_WORKFLOW, {
    workflowId: orderWorkflowId(orderId),
    taskQueue,
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
}
