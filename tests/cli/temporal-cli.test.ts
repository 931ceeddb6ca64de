import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createPaymentRetrigger } from '../../src/temporal/payment-retrigger.ts';
import { orderWorkflowId, type OrderWorkflowResult } from '../../src/workflows/contract.ts';
import { auditOf } from '../support/audits.ts';
import { proveEnd } from '../support/faults/evidence.ts';
import { untilStatus } from '../support/faults/order-actions.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { startOrdersCommand, type OrdersCommand } from '../support/processes/orders-command.ts';
import type { TestSystem } from '../support/system.ts';

const STEP = 'take-payment';
/** Temporal's number for a pending activity that a worker has. */
const STARTED = 2;

/** The commands that the page for operators shows. */
const COMMANDS = [...readFileSync(join(PROJECT_FOLDER, 'docs/temporal-ui.md'), 'utf8').matchAll(/`(temporal [^`]+)`/g)]
  .map(([, command = '']) => command)
  .filter((command) => command.includes('--'));
const ran = new Set<string>();

let cli: OrdersCommand;
let system: TestSystem;
beforeAll(async () => {
  cli = await startOrdersCommand();
  ({ system } = cli);
});
afterAll(() => cli.stop());

it('A step that is paused by the Temporal CLI tries nothing until it is unpaused, even when the provider is back', async () => {
  const orderId = await postWaiting();
  await documented('activity pause', orderId);
  await expect.poll(() => pendingStep(orderId)).toMatchObject({ paused: true });
  await expect.poll(async () => (await pendingStep(orderId))?.state).not.toBe(STARTED);
  const tried = await triesOf(orderId);
  await system.setFaults({ down: false });
  await createPaymentRetrigger(() => system.client).wake(orderWorkflowId(orderId), [STEP]);
  await proveEnd(system, await system.postOrder(), 'CONFIRMED');
  expect(await pendingStep(orderId)).toMatchObject({ paused: true });
  expect(await triesOf(orderId)).toBe(tried);
  await documented('activity unpause', orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('The retry interval of a money step that is set by the Temporal CLI is kept over further attempts, and a reset tries at once', async () => {
  const orderId = await postWaiting();
  await setInterval(orderId, '1s');
  // By the code's own schedule the third and fourth waits are 30 s and 120 s.
  await expect.poll(async () => (await pendingStep(orderId))?.attempt, { timeout: 25_000 }).toBeGreaterThan(5);
  await setInterval(orderId, '1h');
  await expect.poll(() => waitSecondsOf(orderId)).toBeGreaterThan(3_500);
  await system.setFaults({ down: false });
  await documented('activity reset', orderId);
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger).toHaveLength(1);
  expect(await resultOf(orderId)).toMatchObject({
    steps: expect.arrayContaining([expect.objectContaining({ step: STEP, outcome: 'captured' })]),
  });
});

it('An order whose workflow is terminated by the Temporal CLI is found by the audit and given back by `orders repair`', async () => {
  const orderId = await postWaiting();
  await documented('workflow terminate', orderId);
  await system.setFaults({ down: false });
  await expect.poll(() => violationsOf(orderId)).toEqual(['I10']);
  const repaired = await cli.run(['repair', '--yes', '--actor', 'ada'], system.env);
  expect(repaired).toMatchObject({ code: 0 });
  await untilStatus(system, orderId, 'CANCELLED');
  await expect.poll(() => violationsOf(orderId)).toEqual([]);
});

it.each(['CONFIRMED', 'REJECTED'] as const)(
  'An order that ended as %s and is reset to its start by the Temporal CLI comes to the same end, and nothing happens twice',
  async (status) => {
    const orderId = await system.postOrder({ method: status === 'CONFIRMED' ? 'pm_ok' : 'pm_declined' });
    const before = await proveEnd(system, orderId, status);
    await documented('workflow reset', orderId);
    const after = await proveEnd(system, orderId, status);
    expect(after).toEqual(before);
    expect(await system.mails(orderId)).toHaveLength(status === 'CONFIRMED' ? 1 : 0);
  },
);

it('An order that waits for the provider and is reset to its start by the Temporal CLI asks under the same key', async () => {
  const orderId = await postWaiting();
  await documented('workflow reset', orderId);
  await expect.poll(() => pendingStep(orderId)).toMatchObject({ activityId: STEP });
  await system.setFaults({ down: false });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger.map(({ key }) => key)).toEqual([`${orderId}:sale:1`]);
});

it('A native cancel by the Temporal CLI changes nothing, because only the API answers what a cancel does', async () => {
  const orderId = await postWaiting();
  await documented('workflow cancel', orderId);
  await system.setFaults({ down: false });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger).toHaveLength(1);
});

it('A batch of the Temporal CLI finds parked orders by step, tenant, status and age, and resumes them', async () => {
  const orderId = await cli.parked();
  const [, parked = ''] = /--query "([^"]+)"/.exec(COMMANDS.find((command) => command.includes('signal')) ?? '') ?? [];
  for (const name of ['CaseKind', 'TenantId', 'OrderStatus', 'PlacedAt']) expect(parked).toContain(name);
  await expect.poll(() => listed(parked)).toEqual([orderWorkflowId(orderId)]);
  expect(await listed(parked.replace('2100', '2020'))).toEqual([]);
  await documented('workflow signal', orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('After all that is done to orders by the Temporal CLI, the audit is clean', async () => {
  expect([...ran].toSorted()).toEqual(COMMANDS.toSorted());
  await expect.poll(async () => (await auditOf(system)).violations).toEqual([]);
});

/** An order that waits for a payment provider that is away. */
async function postWaiting(): Promise<string> {
  await system.setFaults({ down: true });
  const orderId = await system.postOrder();
  await expect.poll(() => pendingStep(orderId)).toMatchObject({ activityId: STEP });
  return orderId;
}

/** Runs the command that the page shows, with a real order in place of `ord_…`. */
async function documented(words: string, orderId: string, change = (command: string) => command): Promise<void> {
  const command = COMMANDS.find((each) => each.startsWith(`temporal ${words} `));
  if (command === undefined) throw new Error(`docs/temporal-ui.md does not show temporal ${words}`);
  ran.add(command);
  await temporal(change(command.replace('ord_…', orderId)));
}

async function temporal(command: string): Promise<string> {
  const env = {
    PATH: `${dirname(inject('temporalCli'))}:/usr/bin:/bin`,
    HOME: '/nonexistent',
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: system.namespace,
  };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env, timeout: 30_000 });
  return stdout;
}

/** Waits that do not grow, in place of those that the page shows. */
async function setInterval(orderId: string, interval: string): Promise<void> {
  await documented('activity update-options', orderId, (command) => command.replaceAll(' 1m', ` ${interval}`));
}

async function listed(query: string): Promise<string[]> {
  const found = JSON.parse(await temporal(`temporal workflow list --query "${query}" --output json`)) as {
    execution: { workflowId: string };
  }[];
  return found.map(({ execution }) => execution.workflowId);
}

async function pendingStep(orderId: string) {
  const { raw } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).describe();
  return raw.pendingActivities?.[0];
}

/** The length of the wait that the step is in; null while an attempt runs. */
async function waitSecondsOf(orderId: string): Promise<number | null> {
  const { nextAttemptScheduleTime: next, lastAttemptCompleteTime: last } = (await pendingStep(orderId)) ?? {};
  return next == null || last == null ? null : Number(next.seconds) - Number(last.seconds);
}

async function triesOf(orderId: string): Promise<number> {
  return (await system.database.query('SELECT FROM payments.attempts WHERE order_id = $1', [orderId])).length;
}

async function resultOf(orderId: string): Promise<OrderWorkflowResult> {
  return (await system.client.workflow.getHandle(orderWorkflowId(orderId)).result()) as OrderWorkflowResult;
}

async function violationsOf(orderId: string): Promise<string[]> {
  const { violations } = await auditOf(system);
  return violations.filter(({ subject }) => subject === orderId).map(({ invariant }) => invariant);
}
