import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isGrpcServiceError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notificationWorkflowId, orderWorkflowId, resumeOrderSignal } from '../../src/workflows/contract.ts';
import type { CrashPoint } from '../support/processes/crashing-worker.ts';
import { evidenceOf, plannedOrder, proveEnd, stockOf, type Evidence } from '../support/faults/evidence.ts';
import { afterEffect, createFaults, givenUp } from '../support/faults/faults.ts';
import { startNode } from '../support/processes/node-process.ts';
import { expireHold } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** An order that is interrupted right after one of its effects. */
interface Interrupted extends CrashPoint {
  readonly key: string;
  readonly method: string;
  readonly end: 'CONFIRMED' | 'REJECTED';
  /** A SKU that only this order uses, so that its stock figures are about the order alone. */
  readonly sku: string;
}

const ENDS_CONFIRMED = ['openOrder', 'holdStock', 'takePayment', 'commitStock', 'confirmOrder', 'sendMessage'] as const;
const ENDS_REJECTED = ['recordRefusal', 'undoPayment', 'releaseStock', 'rejectOrder'] as const;
const QUANTITY = 3;

/** Two processes start and a task times out: seconds, unless the machine is busy with other things. */
const SLOW_MACHINE_MS = 300_000;

function interruptedAfterEachEffect(): Interrupted[] {
  const confirmed = ENDS_CONFIRMED.map((activity) => ({
    activity,
    end: 'CONFIRMED',
    method: 'pm_ok',
    isGivenUp: false,
  }));
  const rejected = ENDS_REJECTED.flatMap((activity) => [
    { activity, end: 'REJECTED', method: 'pm_declined', isGivenUp: false },
    { activity, end: 'REJECTED', method: 'pm_ok', isGivenUp: true },
  ]);
  return [...confirmed, ...rejected].map((point, index) => ({
    ...(point as Pick<Interrupted, 'activity' | 'end' | 'method' | 'isGivenUp'>),
    ...plannedOrder(),
    sku: `SKU-${String(index + 101).padStart(4, '0')}`,
  }));
}

async function post(system: TestSystem, { key, method, sku }: Interrupted): Promise<void> {
  await system.postOrder({ method, sku, quantity: QUANTITY }, key);
}

async function proveUndisturbedEnd(system: TestSystem, order: Interrupted): Promise<Evidence> {
  const { orderId, sku, end } = order;
  const evidence = await proveEnd(system, orderId, end);
  expect(evidence.events.at(-1)).toMatchObject({ type: end === 'CONFIRMED' ? 'order.confirmed' : 'order.rejected' });
  expect(evidence.ledger.filter(({ kind }) => kind === 'sale')).toHaveLength(1);
  const sold = end === 'CONFIRMED' ? QUANTITY : 0;
  expect(await stockOf(system, sku)).toEqual({ onHand: 10_000 - sold, reserved: 0 });
  await expect.poll(() => system.mails(orderId)).toHaveLength(end === 'CONFIRMED' ? 1 : 0);
  return evidence;
}

describe('a worker killed right after an effect, before its workflow task completes', () => {
  const orders = interruptedAfterEachEffect();
  const atCrash = new Map<string, Evidence>();
  let system: TestSystem;
  let victim: ChildProcess;
  let survivor: ChildProcess | undefined;

  beforeAll(async () => {
    system = await startTestSystem({ worker: false });
    // All orders wait when the worker starts, so that all of them are under way at the same time.
    await Promise.all(orders.map((order) => post(system, order)));
    const plan = JSON.stringify(orders.map(({ orderId, activity, isGivenUp }) => ({ orderId, activity, isGivenUp })));
    victim = startNode('tests/support/processes/crashing-worker.ts', { ...system.env, CRASH_PLAN: plan });
    await once(victim, 'exit');
    for (const { orderId } of orders) atCrash.set(orderId, await evidenceOf(system, orderId));
    survivor = startNode('src/worker.ts', system.env);
  }, SLOW_MACHINE_MS);
  afterAll(async () => {
    if (victim.exitCode === null) victim.kill('SIGKILL');
    if (survivor?.kill('SIGTERM') === true) await once(survivor, 'exit');
    await system.stop();
  });

  it('A worker killed right after an effect is ended by SIGKILL, with every order under way', () => {
    expect(victim.signalCode).toBe('SIGKILL');
    expect(atCrash.size).toBe(orders.length);
  });

  it.each(orders)(
    'A worker killed right after $activity ($method, $end) leaves another one that finds what is stored and ends the same',
    async (order) => {
      const before = atCrash.get(order.orderId);
      const after = await proveUndisturbedEnd(system, order);
      expect(after.events.slice(0, before?.events.length)).toEqual(before?.events);
      expect(after.ledger.slice(0, before?.ledger.length)).toEqual(before?.ledger);
      expect(after.movements.slice(0, before?.movements.length)).toEqual(before?.movements);
      expect(await startsLost(system, order.orderId)).toBeGreaterThan(0);
    },
    SLOW_MACHINE_MS,
  );
});

describe('a signal that arrives right after an effect, before the workflow task completes', () => {
  const faults = createFaults();
  const orders = interruptedAfterEachEffect();
  let system: TestSystem;

  beforeAll(async () => {
    system = await startTestSystem({ wrapActivities: faults.wrap });
  });
  afterAll(() => system.stop());

  const signal = (orderId: string): Promise<void> =>
    system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(resumeOrderSignal);

  // One after the other: a task that waits for the machine is kept alive by the worker, and forgets nothing.
  it.each(orders)(
    'A signal right after $activity ($method, $end) makes the task run again, and the order ends the same',
    async (order) => {
      const { orderId, activity, isGivenUp } = order;
      if (isGivenUp) faults.inject(orderId, 'takePayment', givenUp());
      faults.inject(
        orderId,
        activity,
        afterEffect(() => signal(orderId)),
      );
      await post(system, order);
      await proveUndisturbedEnd(system, order);
      expect(await startsLost(system, orderId)).toBeGreaterThan(0);
      expect(faults.calls(orderId, 'openOrder').length).toBeGreaterThan(1);
    },
  );

  it('A signal right after retakeStock makes the task run again, and the order ends the same', async () => {
    const { key, orderId } = plannedOrder();
    faults.inject(
      orderId,
      'takePayment',
      afterEffect(() => expireHold(system, orderId)),
    );
    faults.inject(
      orderId,
      'retakeStock',
      afterEffect(() => signal(orderId)),
    );
    await system.postOrder({}, key);
    const { movements } = await proveEnd(system, orderId, 'CONFIRMED');
    expect(movements.map(({ kind }) => kind)).toEqual(['hold', 'expire', 'hold', 'commit']);
    expect(faults.calls(orderId, 'openOrder').length).toBeGreaterThan(1);
  });
});

/**
 * Tasks whose work the server forgot: workflow tasks that timed out with their worker or were refused because of a new
 * event, and attempts of regular activities that were repeated. A message in its own workflow counts for its order.
 */
async function startsLost(system: TestSystem, orderId: string): Promise<number> {
  const workflows = [orderWorkflowId(orderId), notificationWorkflowId(orderId, 'order-confirmed')];
  const histories = await Promise.all(workflows.map((workflowId) => eventsOf(system, workflowId)));
  const lost = histories
    .flat()
    .filter(
      (event) =>
        event.workflowTaskTimedOutEventAttributes != null ||
        event.workflowTaskFailedEventAttributes != null ||
        (event.activityTaskStartedEventAttributes?.attempt ?? 1) > 1,
    );
  return lost.length;
}

const GRPC_NOT_FOUND = 5;

async function eventsOf(system: TestSystem, workflowId: string) {
  try {
    return (await system.client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND) return [];
    throw error;
  }
}
