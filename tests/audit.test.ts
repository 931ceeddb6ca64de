import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { WorkflowExecutionStatusName } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { allAt, createDatabases } from '../db/client.ts';
import { createAudit, type AuditOptions, type AuditReport } from '../src/audit/audit.ts';
import type { FactsSources } from '../src/audit/facts-reader.ts';
import { INVARIANTS } from '../src/audit/invariants/index.ts';
import { createTemporalClient } from '../src/temporal/connection.ts';
import { ORDER_WORKFLOW, orderWorkflowId } from '../src/workflows/contract.ts';
import type { OrderWorkflowInput } from '../src/domain/accepted-order.ts';
import {
  EVENT_PLANTS,
  HISTORY_IS_FIXED,
  HISTORY_MAY_CHANGE,
  ORDER_KINDS,
  PLANTED_PARTITION,
  PLANTS,
  VERSION_WITHOUT_EVENT,
  type OrderKind,
  type OrderOfKind,
} from './support/database/audit-plants.ts';
import { plannedOrder } from './support/faults/evidence.ts';
import { createFaults } from './support/faults/faults.ts';
import { postAtRate, settle } from './support/load.ts';
import { giveCommand, resetToStart, untilStatus } from './support/faults/order-actions.ts';
import { findFreePort } from '../src/dev/processes/ports.ts';
import { startTestSystem, type TestSystem } from './support/system.ts';

const faults = createFaults();
let system: TestSystem;
let sources: FactsSources;

/** The id of each order of `ORDER_KINDS`. A test restores the order that it breaks, unless nothing can restore it. */
const ids = {} as Record<OrderKind, string>;

/** Violations that no SQL can undo, as `invariant subject`. */
const standing = new Set<string>();

/** Long enough for visibility and for a workflow that is about to close, and short enough for a test. */
const PATIENCE_MS = 1_500;

/** On a busy machine another order may need longer than that: then the audit is made again. */
const AUDITS_MAX = 20;

/** Where nothing is wrong: the usual minute, and more for a busy machine. Only what would fail waits for it. */
const CLEAN_PATIENCE_MS = 110_000;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap, events: true });
  sources = { databases: system.database.databases, client: system.client, paymentGatewayUrl: system.simulatorUrl };
  const posted = Object.entries<OrderOfKind>(ORDER_KINDS).map(async ([kind, { order, fault, refundMinor }]) => {
    const { key, orderId } = plannedOrder();
    if (fault !== undefined) fault(faults, orderId);
    ids[kind as OrderKind] = await system.postOrder(order, key);
    if (refundMinor === undefined) return;
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'refunds', amountMinor: refundMinor });
  });
  await Promise.all(posted);
  const atRest = Object.entries(ids).filter(([name]) => name !== 'down');
  await Promise.all(atRest.map(([, orderId]) => system.orderAtRest(orderId, 30)));
});
afterAll(() => system.stop());

function audit(options: AuditOptions = { patienceMs: PATIENCE_MS }): Promise<AuditReport> {
  // The pages are small, so that some dozen orders need several.
  return createAudit(sources, { pageSize: 5, ...options }).run();
}

function found({ violations }: AuditReport): string[] {
  return [...new Set(violations.map(({ invariant, subject }) => `${invariant} ${subject}`))].toSorted();
}

function expectOnly(report: AuditReport, ...expected: string[]): void {
  expect(found(report), JSON.stringify(report.violations, null, 2)).toEqual([...standing, ...expected].toSorted());
}

/** Audits until the report has exactly these violations; else it is the last report. */
async function auditFor(...expected: string[]): Promise<AuditReport> {
  if (expected.length === 0) return audit({ patienceMs: CLEAN_PATIENCE_MS });
  const wanted = String([...standing, ...expected].toSorted());
  let report = await audit();
  for (let audits = 1; audits < AUDITS_MAX && String(found(report)) !== wanted; audits += 1) report = await audit();
  return report;
}

async function expectExactly(...expected: string[]): Promise<AuditReport> {
  const report = await auditFor(...expected);
  expectOnly(report, ...expected);
  return report;
}

async function sql(orderId: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    await system.database.query(statement, statement.includes('$1') ? [orderId] : []);
  }
}

it('The audit of a system with orders of every kind is clean, and has checked every invariant', async () => {
  const report = await expectExactly();
  expect(report).toMatchObject({ clean: true, orders: Object.keys(ids).length, inMotion: 3 });
  const unchecked = Object.entries(report.checked).filter(([, count]) => count === 0);
  expect(unchecked).toEqual([]);
});

it('The audit raises no false alarm while orders run', async () => {
  const methods = ['pm_ok', 'pm_declined', 'pm_lost_reply', 'pm_slow', 'pm_insufficient_funds'];
  const posts = postAtRate(system, {
    count: 50,
    perSecond: 10,
    orderOf: (index) => ({ method: methods[index % methods.length] ?? 'pm_ok' }),
  });
  const sent = new AbortController();
  void posts.finally(() => sent.abort());
  const reports: AuditReport[] = [];
  // Everything runs in this process: the audits leave the orders some time.
  for (; !sent.signal.aborted; await sleep(100)) reports.push(await audit({ patienceMs: CLEAN_PATIENCE_MS }));

  const orderIds = (await posts).map(({ orderId }) => orderId ?? 'lost');
  await settle(system, orderIds, 180_000);
  expect(reports.flatMap(({ violations }) => violations)).toEqual([]);
  expect(reports.some(({ inMotion }) => inMotion > 3)).toBe(true);
  await expectExactly();
}, 600_000);

it('The audit takes the newest run of an order whose workflow was reset', async () => {
  await resetToStart(system, orderWorkflowId(ids.down));
  await expectExactly();
});

it.each(Object.entries(PLANTS))(
  'The audit finds and names a planted violation: %s',
  async (_, { invariant, order, subject, plant, mend }) => {
    const orderId = ids[order];
    await sql(orderId, plant);
    const broken = await auditFor(`${invariant} ${subject ?? orderId}`);
    await sql(orderId, mend);
    expectOnly(broken, `${invariant} ${subject ?? orderId}`);
  },
);

it('Every invariant has a planted violation', () => {
  const planted = new Set([
    ...Object.values(PLANTS).map(({ invariant }) => invariant),
    ...EVENT_PLANTS.map(([, invariant]) => invariant),
  ]);
  expect([...planted]).toEqual(Object.keys(INVARIANTS));
});

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

it('The audit command exits 0 when all is well, and tells a script how much it has checked', async () => {
  const { code, output } = await command(['--json']);
  const report = JSON.parse(output) as { clean: boolean; invariants: { id: string; checked: number }[] };
  expect(report.clean, output).toBe(true);
  expect(report.invariants.map(({ id }) => id)).toEqual(Object.keys(INVARIANTS));
  expect(report.invariants.filter(({ checked }) => checked === 0)).toEqual([]);
  expect(code).toBe(0);
});

it('The audit command exits 1 and names the order when a rule is broken', async () => {
  const { invariant, plant, mend } = VERSION_WITHOUT_EVENT;
  await sql(ids.sold, plant);
  const { code, output } = await command();
  await sql(ids.sold, mend);
  expect(output.match(/^I\d+ +ok /gm)).toHaveLength(Object.keys(INVARIANTS).length - 1);
  expect(output).toMatch(new RegExp(`^${invariant} +BROKEN .*\\n +${ids.sold}: .+ version`, 'm'));
  expect(code).toBe(1);
});

it('The audit command exits 2 and says what is down', async () => {
  const address = `http://127.0.0.1:${await findFreePort()}`;
  const { code, output, errors } = await command([], { PAYMENT_GATEWAY_URL: address });
  expect(errors).toContain(`the audit could not be done: the payment ledger at ${address} cannot be read`);
  expect(output).toBe('');
  expect(code).toBe(2);
});

it('The audit command does not ask a provider for a ledger that it shows to nobody, and says so', async () => {
  const { code, output } = await command([], {
    PAYMENT_PROVIDER: 'stripe',
    STRIPE_SECRET_KEY: 'sk_test_audit',
    PAYMENT_GATEWAY_URL: `http://127.0.0.1:${await findFreePort()}`,
  });
  expect(output).toMatch(/^I6 +not checked/m);
  expect(output).toMatch(/^clean, I6 not checked: /m);
  expect(code).toBe(0);
});

it('The audit command exits 2 for an argument that it does not know', async () => {
  expect(await command(['--fix'])).toMatchObject({ code: 2, output: '' });
});

it.for(EVENT_PLANTS)('The audit finds a violation in the event log: %s', async ([, invariant, whose, plant, mend]) => {
  const [{ partition } = { partition: -1 }] = await system.database.query<{ partition: number }>(PLANTED_PARTITION);
  await system.database.query(plant);
  try {
    await expectExactly(`${invariant} ${whose}/${partition}`);
  } finally {
    await system.database.query(mend);
  }
  await expectExactly();
});

/** What is broken here stays broken, so each test has orders of its own and the next ones know of it. */

let orderId: string;
let key: string;
beforeEach(() => {
  ({ orderId, key } = plannedOrder());
});

const stays = (violation: string): void => {
  standing.add(violation);
};

it('The audit finds an accepted order that is nowhere', async () => {
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

it('The audit finds effects without an order', async () => {
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

it('The audit finds a second charge in the ledger, and a charge without an order', async () => {
  await system.postOrder({}, key);
  await system.orderAtRest(orderId);
  await charge(orderId, `${orderId}:sale:2`);
  await charge('ord_of_nobody', 'ord_of_nobody:sale:1');
  await expectExactly(`I6 ${orderId}`, 'I6 ord_of_nobody');
  const withoutLedger = await createAudit({ ...sources, paymentGatewayUrl: null }, { patienceMs: PATIENCE_MS }).run();
  expect(withoutLedger.skipped).toEqual(['I6']);
  expect(withoutLedger.checked.I6).toBe(0);
  expect(withoutLedger.checked.I3).toBeGreaterThan(0);
  expect(withoutLedger.violations.filter(({ subject }) => subject === orderId)).toEqual([]);
  stays(`I6 ${orderId}`);
  stays('I6 ord_of_nobody');
});

it('The audit finds a workflow that is open for an order at rest, and nothing once it has ended in any way', async () => {
  await system.postOrder({}, key);
  await system.orderAtRest(orderId);
  const input = await inputOf(orderId);
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).result();
  const handle = await startAgain(orderId, input, 'nobody-serves-this');
  await untilListed(orderId, 'RUNNING');
  const open = await expectExactly(`I10 ${orderId}`);
  expect(messagesOf(open, orderId)).toEqual(['it is CONFIRMED, but its workflow is still open']);
  await handle.terminate('test');
  await untilListed(orderId, 'TERMINATED');
  // The order is sold and told: nobody could repair anything.
  await expectExactly();

  // A run that finds the order done is a duplicate, and no violation.
  expect(await (await startAgain(orderId, input, 'orders')).result()).toMatchObject({ status: 'DUPLICATE' });
  await untilListed(orderId, 'COMPLETED');
  await expectExactly();
});

it('The audit finds an order in motion that no workflow carries', async () => {
  await system.postOrder({ method: 'pm_down' }, key);
  await expect
    .poll(() => system.database.query('SELECT FROM payments.operations WHERE order_id = $1', [orderId]))
    .toHaveLength(1);
  const input = await inputOf(orderId);
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).terminate('test');
  await untilListed(orderId, 'TERMINATED');
  const dead = await expectExactly(`I10 ${orderId}`);
  expect(messagesOf(dead, orderId)).toEqual(['its workflow ended as TERMINATED, the order is PENDING']);

  expect(await (await startAgain(orderId, input, 'orders')).result()).toMatchObject({ status: 'DUPLICATE' });
  await untilListed(orderId, 'COMPLETED');
  const left = await expectExactly(`I10 ${orderId}`);
  expect(messagesOf(left, orderId)).toEqual(['it is PENDING, but no workflow carries it']);
  stays(`I10 ${orderId}`);
});

it('An audit that cannot read a source is refused, and names the source', async () => {
  const port = await findFreePort();
  const nowhere = `postgresql://x@127.0.0.1:${port}/x`;
  const databases = createDatabases(allAt(nowhere), { poolSize: 1, applicationName: 'test', onIdleError: () => {} });
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

/** The input of the order's own workflow. */
async function inputOf(orderId: string): Promise<OrderWorkflowInput> {
  const { events } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return JSON.parse(Buffer.from(payload?.data ?? []).toString('utf8')) as OrderWorkflowInput;
}

/** A second workflow with the same id, which only a person can start before the retention is over. */
function startAgain(orderId: string, input: OrderWorkflowInput, taskQueue: string) {
  return system.client.workflow.start(ORDER_WORKFLOW, {
    workflowId: orderWorkflowId(orderId),
    taskQueue,
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
}

/** Temporal's list is a moment late, and the audit reads the list. */
async function untilListed(orderId: string, status: WorkflowExecutionStatusName): Promise<void> {
  const newest = async (): Promise<string | undefined> => {
    const runs = system.client.workflow.list({ query: `WorkflowId = '${orderWorkflowId(orderId)}'` });
    const found: { status: string; startedAt: number }[] = [];
    for await (const run of runs) found.push({ status: run.status.name, startedAt: run.startTime.getTime() });
    return found.toSorted((one, other) => other.startedAt - one.startedAt)[0]?.status;
  };
  await expect.poll(newest).toBe(status);
}
