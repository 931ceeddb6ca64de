import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import type { Resealed } from '../../src/cli/reseal.ts';
import { loadConfig } from '../../src/config.ts';
import { DatabaseUnavailableError } from '../../src/domain/errors.ts';
import { createContactSealer, type SealedContact } from '../../src/domain/personal-data/contact-sealer.ts';
import { createTextSealer } from '../../src/domain/personal-data/text-sealer.ts';
import { webhookSecretSubject } from '../../src/domain/webhook.ts';
import { takeNamespace } from '../support/database/database.ts';
import { plannedOrder } from '../support/faults/evidence.ts';
import { failBefore } from '../support/faults/faults.ts';
import { openCaseOf, untilStatus } from '../support/faults/order-actions.ts';
import { subscribe } from '../support/http/webhook-receiver.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { grow } from '../archive/archived-orders.ts';
import { startOrdersCommand, type OrdersCommand } from '../support/processes/orders-command.ts';
import { describeWorkflow } from '../../src/temporal/calls.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { auditOf } from '../support/audits.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let cli: OrdersCommand;
let system: TestSystem;
beforeAll(async () => {
  cli = await startOrdersCommand();
  ({ system } = cli);
});
afterAll(() => cli.stop());

it('`orders policies` shows how steps and events are retried under the settings', async () => {
  const set = {
    ...system.env,
    STEP_BUDGET_SECONDS: 'take-payment=900',
    STEP_MAX_ATTEMPTS: 'hold-stock=20',
    EVENT_MAX_ATTEMPTS: 'webhooks=3',
  };
  const { code, output } = await cli.run(['policies', '--json'], set);
  expect(code).toBe(0);
  const { steps, events } = JSON.parse(output) as Record<'steps' | 'events', Record<string, unknown>[]>;
  expect(steps).toContainEqual({
    step: 'take-payment',
    localTrySeconds: 2,
    attemptSeconds: 5,
    waitsSeconds: [1, 5, 30, 120, 600],
    budgetSeconds: 900,
    maxAttempts: null,
    whenSpent: 'park',
  });
  expect(steps).toContainEqual(expect.objectContaining({ step: 'hold-stock', budgetSeconds: 600, maxAttempts: 20 }));
  expect(events).toContainEqual({
    name: 'webhooks/order',
    maxAttempts: 3,
    firstWaitSeconds: 1,
    longestWaitSeconds: 600,
    waitsSeconds: 3,
  });
  const { output: text } = await cli.run(['policies'], set);
  expect(text).toMatch(/^take-payment +2 s +5 s +1 to 600 s +900 s +- +park$/m);
  expect(text).toMatch(/^webhooks\/order +3 +1 s +600 s +3 s$/m);
});

it('`orders audit` is the audit of `npm run audit`', async () => {
  const { code, output } = await cli.run(['audit', '--json'], system.env);
  expect(JSON.parse(output)).toMatchObject({ clean: true });
  expect(code).toBe(0);
  expect((await cli.run(['audit'], system.env)).output).toMatch(/^clean: \d+ orders/m);
});

it('`orders audit` says when it could not look, with exit code 2', async () => {
  const address = `http://127.0.0.1:${await findFreePort()}`;
  const { code, output, errors } = await cli.run(['audit'], { ...system.env, PAYMENT_GATEWAY_URL: address });
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors).toContain(`the payment ledger at ${address} cannot be read`);
});

it('`orders archive` moves orders that ended long ago, and nothing younger than the setting allows', async () => {
  const orderId = await cli.sold();
  await grow(system, [orderId]);
  expect(await cli.run(['archive'], system.env)).toMatchObject({ code: 2, errors: expect.stringContaining('--days') });
  expect(await cli.run(['archive', '--days', '29'], system.env)).toMatchObject({ code: 2, output: '' });
  expect(await cli.run(['archive', '--days', '200', '--json'], system.env)).toMatchObject({
    output: '{"archived":0}\n',
  });
  const days = { ...system.env, ORDER_ARCHIVE_AFTER_DAYS: '90' };
  expect(await cli.run(['archive'], days)).toMatchObject({ code: 0, output: '1 order(s) moved to the archive\n' });
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED' });
});

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

it('`orders reseal` seals everything with the newest key, once, and says what it cannot open', async () => {
  const { CONTACT_KEYS: old = '' } = system.env;
  const { id, secret } = await subscribe(system, 'http://127.0.0.1:9/hook');
  const orderId = await system.postOrder({ body: { customer: { id: 'cust_1', email: 'ada@example.com' } } });
  await untilStatus(system, orderId, 'CONFIRMED');
  const newest = key('newest');
  const reseal = async (keys: string) => {
    const { code, output, errors } = await cli.run(['reseal', '--json'], { ...system.env, CONTACT_KEYS: keys });
    return { code, errors, ...(JSON.parse(output) as Resealed) };
  };
  const none = {
    webhookSecrets: 0,
    webhookAddresses: 0,
    orderContacts: 0,
    eventContents: 0,
    failedEventContents: 0,
  };
  const blind = await reseal(newest);
  expect(blind).toMatchObject({ code: 1, keyId: 'newest', resealed: none });
  expect(blind.unreadable).toContainEqual({ kind: 'webhookSecrets', keyId: 'test', count: 1, first: id });
  expect(blind.errors).toContain(`1 secret(s) of webhooks (the first is ${id}): the key test is not in CONTACT_KEYS`);
  const first = await reseal(`${newest},${old}`);
  expect(first).toMatchObject({ code: 0, resealed: { webhookSecrets: 1 }, unreadable: [] });
  expect(first.resealed.orderContacts).toBeGreaterThanOrEqual(1);
  expect(await reseal(newest)).toMatchObject({ code: 0, keyId: 'newest', resealed: none, unreadable: [] });

  const subscriptions = createWebhookSubscriptionRepository(system.database.databases.notifications);
  const sealed = (await subscriptions.findOptional('demo', id))?.sealedSecret ?? { keyId: '', box: '' };
  const { contactKeys } = loadConfig({ ...system.env, CONTACT_KEYS: newest });
  expect(createTextSealer(contactKeys).open(webhookSecretSubject(id), sealed)).toBe(secret);
  const [order] = await system.database.query<{ sealedContact: SealedContact }>(
    'SELECT sealed_contact AS "sealedContact" FROM orders.orders WHERE order_id = $1',
    [orderId],
  );
  const contact = order && createContactSealer(contactKeys).open(orderId, order.sealedContact);
  expect(contact?.email).toBe('ada@example.com');
});

interface Found {
  readonly orderId: string;
  readonly status: string;
  readonly openCases: string[];
  readonly repair: { kind: string; commandId: string } | null;
}
interface Repaired {
  readonly repaired: { orderId: string; outcome: string }[];
  readonly started: number;
  readonly settled: number;
  readonly parked: number;
}

const repair = <Body>(...args: string[]): Promise<Body> =>
  cli.run(['repair', '--json', ...args], system.env).then(({ code, output, errors }) => {
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    return JSON.parse(output) as Body;
  });

/** As the Web UI does it. */
const terminate = (workflowId: string): Promise<unknown> =>
  system.client.workflow.getHandle(workflowId).terminate('by a test');

const terminateWorkflow = async (orderId: string): Promise<void> => {
  const { id } = await openCaseOf(system, orderId);
  const { body } = await system.request<{ workflow: { id: string } }>(`/v1/cases/${id}`);
  await terminate(body.workflow.id);
};

/** Parks the first calls of a step. */
const poison = (
  orderId: string,
  step: 'commitStock' | 'releaseStock' | 'capturePayment' | 'closeCommand',
  times = 1,
): void => cli.faults.inject(orderId, step, failBefore(new TypeError('made so by a test'), times));

/** Parked before the payment, parked after it, awaiting its capture: each with its workflow terminated. */
async function withoutWorkflow(): Promise<{ unpaid: string; paid: string; authorized: string }> {
  const unpaid = await cli.parked();
  await terminateWorkflow(unpaid);
  const { key, orderId: paid } = plannedOrder();
  poison(paid, 'commitStock');
  await system.postOrder({}, key);
  await terminateWorkflow(paid);
  const authorized = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, authorized, 'AWAITING_CAPTURE');
  await terminate(`order/${authorized}`);
  return { unpaid, paid, authorized };
}

/**
 * A cancel, a refund that is refused, one that is paid but not written, and a further capture: all promised, each
 * with its command workflow terminated.
 */
async function withoutCommandWorkflow() {
  const cancelling = await cli.sold();
  poison(cancelling, 'releaseStock');
  await cli.answerOf('cancel', cancelling);
  await terminateWorkflow(cancelling);
  const refunding = await cli.sold({ method: 'pm_refund_fails' });
  await cli.answerOf('refund', refunding, '--amount', '1');
  await terminateWorkflow(refunding);
  const refunded = await cli.sold();
  poison(refunded, 'closeCommand');
  await cli.answerOf('refund', refunded);
  await terminateWorkflow(refunded);
  const capturing = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, capturing, 'AWAITING_CAPTURE');
  await cli.answerOf('capture', capturing, '--amount', '1');
  await untilStatus(system, capturing, 'CONFIRMED');
  poison(capturing, 'capturePayment', 2);
  await cli.answerOf('capture', capturing);
  await terminateWorkflow(capturing);
  return { cancelling, refunding, refunded, capturing };
}

/** The orders that the audit finds broken, sorted. */
async function brokenOrders(): Promise<string[]> {
  const { violations } = await auditOf(system, { patienceMs: 1_500 });
  return [...new Set(violations.map(({ subject }) => subject))].toSorted();
}

it('`orders repair` finds nothing while every order is carried, also when it is parked', async () => {
  await cli.parked();
  expect(await repair('--dry-run')).toEqual({ found: [] });
  expect((await cli.run(['repair', '--yes'], system.env)).output).toBe(
    'Nothing is left behind: every order is carried.\n',
  );
});

it('`orders repair` brings everything that a terminate has left behind to its end', async () => {
  const { unpaid, paid, authorized } = await withoutWorkflow();
  const { cancelling, refunding, refunded, capturing } = await withoutCommandWorkflow();
  const all = [unpaid, paid, authorized, cancelling, refunding, refunded, capturing];

  // Temporal's list of running workflows may show one for a while that was just terminated.
  await expect.poll(brokenOrders).toEqual(all.toSorted());

  const { found } = await repair<{ found: Found[] }>('--dry-run');
  expect(new Map(found.map((each) => [each.orderId, [each.status, each.openCases, each.repair?.kind]]))).toEqual(
    new Map([
      [unpaid, ['PENDING', ['take-payment'], 'repair']],
      [paid, ['PENDING', ['commit-stock'], 'repair']],
      [authorized, ['AWAITING_CAPTURE', [], 'repair']],
      [cancelling, ['CANCELLING', ['release-stock'], 'cancel']],
      [refunding, ['REFUNDING', ['refund-payment'], 'refund']],
      [refunded, ['REFUNDING', ['close-command'], 'refund']],
      [capturing, ['CONFIRMED', ['capture-payment'], 'capture']],
    ]),
  );
  const unattended = await cli.run(['repair'], system.env);
  expect(unattended).toMatchObject({ code: 2, output: '' });
  expect(unattended.errors).toMatch(/^repair without a terminal needs --yes/);
  expect(await actionsOf(all)).toEqual([]);

  const { code, output, errors } = await cli.run(['repair', '--yes', '--actor', 'ada'], system.env);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(output).toMatch(
    new RegExp(
      `^${authorized} +demo +AWAITING_CAPTURE +workflow TERMINATED +give everything back and cancel +started$`,
      'm',
    ),
  );
  expect(output).toMatch(/^6 of 7 settled; 1 parked again: npm run orders -- cases --state open$/m);
  expect(await actionsOf(all)).toEqual(all.toSorted().map((orderId) => ({ orderId, actor: 'ada' })));

  await approve(refunding);
  await untilStatus(system, refunding, 'PARTIALLY_REFUNDED');
  await untilStatus(system, refunded, 'REFUNDED');
  for (const orderId of [unpaid, paid, authorized, cancelling]) await untilStatus(system, orderId, 'CANCELLED');
  const captured = await cli.answerOf<{ totalMinor: number; payment: { capturedMinor: number } }>('show', capturing);
  expect(captured.payment.capturedMinor).toBe(captured.totalMinor);
  expect(await repair('--dry-run')).toEqual({ found: [] });
  await expectCleanAudit();
});

it('`orders repair` refuses where no worker would carry on, or where the orders have never run', async () => {
  const orderId = await cli.parked();
  await terminateWorkflow(orderId);
  const elsewhere = await startTestSystem();
  const unpolled = await takeNamespace();
  const refused = async (namespace: string): Promise<string> => {
    const run = await cli.run(['repair', '--yes'], { ...system.env, TEMPORAL_NAMESPACE: namespace });
    expect(run).toMatchObject({ code: 1, output: '' });
    return run.errors;
  };
  expect(await refused(unpolled)).toContain(`no worker polls the task queue orders in namespace ${unpolled}`);
  expect(await refused(elsewhere.namespace)).toMatch(/^namespace \S+ has never seen ord_/);
  await elsewhere.stop();
  expect(await openCaseOf(system, orderId)).toMatchObject({ orderId });
  expect(await actionsOf([orderId])).toEqual([]);
  expect(await repair<Repaired>('--yes')).toMatchObject({ settled: 1 });
});

it('A repair gives back an order whose workflow was deleted by hand', async () => {
  const known = await system.postOrder();
  await untilStatus(system, known, 'CONFIRMED');
  const orderId = await cli.parked();
  const { connection, options } = system.client;
  const execution = { workflowId: orderWorkflowId(orderId) };
  const { namespace } = options;
  await connection.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: execution });
  await expect.poll(() => describeWorkflow(system.client, execution.workflowId)).toBeNull();
  expect(await repair<Repaired>('--yes')).toMatchObject({ started: 1, settled: 1 });
  await untilStatus(system, orderId, 'CANCELLED');
  await expectCleanAudit();
});

it('A repair opens and gives back an order whose workflow was terminated before its first step', async () => {
  const known = await system.postOrder();
  await untilStatus(system, known, 'CONFIRMED');
  const { key, orderId } = plannedOrder();
  cli.faults.inject(orderId, 'openOrder', failBefore(new DatabaseUnavailableError('53300'), Number.POSITIVE_INFINITY));
  await system.postOrder({}, key);
  await terminate(orderWorkflowId(orderId));
  // The list of workflows is some moments behind.
  await expect
    .poll(async () => (await repair<{ found: Found[] }>('--dry-run')).found)
    .toMatchObject([{ orderId, status: null, repair: { kind: 'repair' } }]);
  expect(await repair<Repaired>('--yes')).toMatchObject({ started: 1, settled: 1 });
  await untilStatus(system, orderId, 'CANCELLED');
  expect(await system.postOrder({}, key)).toBe(orderId);
  await expectCleanAudit();
});

it('A repair goes on when its own workflow is terminated', async () => {
  const { key, orderId } = plannedOrder();
  poison(orderId, 'commitStock');
  poison(orderId, 'releaseStock');
  await system.postOrder({}, key);
  await terminateWorkflow(orderId);
  expect(await repair<Repaired>('--yes')).toMatchObject({ started: 1, settled: 0, parked: 1 });
  await terminate(`order-command/${orderId}/cmd_repair_${orderId}`);
  expect(await repair<Repaired>('--yes')).toMatchObject({ started: 1, settled: 1, parked: 0 });
  await untilStatus(system, orderId, 'CANCELLED');
  const { items } = await cli.answerOf<{ items: object[] }>('timeline', orderId);
  expect(items).toContainEqual(expect.objectContaining({ type: 'order.repair', source: 'operator' }));
  await expectCleanAudit();
});

async function approve(orderId: string): Promise<void> {
  for (const person of ['ada', 'bob']) {
    const { id } = await openCaseOf(system, orderId);
    const token = await system.token('demo', undefined, person);
    const decision = ['--action', 'forceResolve', '--evidence', 'bank-8', '--reason', 'card closed'];
    expect(await cli.run(['resolve', id, ...decision, '--token', token])).toMatchObject({ code: 0 });
  }
}

function actionsOf(orderIds: readonly string[]): Promise<{ orderId: string; actor: string }[]> {
  return system.database.query(
    `SELECT order_id AS "orderId", actor FROM audit.operator_actions
       WHERE action = 'order.repair' AND order_id = ANY ($1) ORDER BY order_id`,
    [orderIds],
  );
}

async function expectCleanAudit(): Promise<void> {
  expect((await auditOf(system)).violations).toEqual([]);
}

it.each([
  ['yesterday', 2, 'is not an instant with its zone'],
  ['2026-11-30T12:00:00', 2, 'is not an instant with its zone'],
  ['2999-01-01T00:00:00Z', 2, 'lies in the future'],
  ['2020-01-01T00:00:00Z', 1, 'Temporal has forgotten what ended before'],
])('`orders replay --closed-after %s` refuses', async (instant, code, message) => {
  const run = await cli.run(['replay', '--closed-after', instant, '--yes'], system.env);
  expect(run).toMatchObject({ code, output: '' });
  expect(run.errors).toContain(message);
});

it('`orders replay` finds nothing after an instant since which no workflow has done anything', async () => {
  const run = await cli.run(['replay', '--closed-after', new Date().toISOString(), '--dry-run'], system.env);
  expect(run).toEqual({ code: 0, output: 'Nothing is due: no workflow has done anything since.\n', errors: '' });
});

it('`orders replay` of a system that was not set back leaves every order as it is, and repairs wait until it has ended', async () => {
  const instant = new Date().toISOString();
  const orderId = await cli.sold();
  await cli.answerOf('refund', orderId, '--amount', '1000');
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  const ledger = await system.ledger(orderId);
  // Temporal's list of workflows lags.
  const due = async () => (await cli.run(['replay', '--closed-after', instant, '--dry-run'], system.env)).output;
  await expect.poll(due).toMatch(/^ended as CONFIRMED +1 +1 +0$/m);
  const { code, output } = await cli.run(['replay', '--closed-after', instant, '--yes', '--actor', 'ada'], system.env);
  expect({ code, output }).toEqual({
    code: 0,
    output: '1 of 1 order(s) are as they were; 0 were open and run again\n',
  });
  expect(await system.ledger(orderId)).toEqual(ledger);
  expect(await due()).toBe('Nothing is due: no workflow has done anything since.\n');
  expect(await repair('--dry-run')).toEqual({ found: [] });
  const later = new Date().toISOString();
  await system.database.query(
    `INSERT INTO audit.operator_actions (action_id, tenant_id, actor, action, subject)
     VALUES ('act_test', '*', 'ada', 'orders.replay', $1)`,
    [later],
  );
  expect((await cli.run(['repair', '--dry-run'], system.env)).errors).toContain(`the replay of ${later} has begun`);
  expect(await cli.run(['replay', '--closed-after', later, '--yes'], system.env)).toMatchObject({ code: 0 });
  expect(await repair('--dry-run')).toEqual({ found: [] });
  await expectCleanAudit();
});
