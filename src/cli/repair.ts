import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Databases } from '../../db/client.ts';
import { createCaseRepository } from '../../db/repositories/orders/case-repository.ts';
import { createOperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import type { OrderRecord } from '../../db/repositories/orders/order-record.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { reading } from '../audit/source-error.ts';
import { moneyText } from '../domain/payments/money-text.ts';
import { randomId } from '../domain/ids.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import { orderCommandInput, startOrderCommand } from '../temporal/workflow-starts.ts';
import { orderCommandWorkflowId } from '../workflows/contract.ts';
import type { OrderSettings } from '../domain/order-settings.ts';
import { assertSameSystem } from './repair-check.ts';
import { createLostOrders, type LostOrder, type CommandTask } from './lost-orders.ts';

export interface RepairDeps {
  readonly databases: Databases;
  readonly client: Client;
  readonly settings: OrderSettings;
  /** The person who repairs, for the record. */
  readonly actor: string;
  /** Whether Temporal was lost, so that it does not know the orders; false by default. */
  readonly isTemporalLost?: boolean;
}

/**
 * `started`: a workflow carries the order again. `not started`: a workflow with the same id has ended, or runs by now.
 * `failed`: a server was down, and a second repair continues from there.
 */
export interface RepairedOrder extends Pick<LostOrder, 'orderId' | 'tenantId' | 'found'> {
  /** The status before the repair; null when the order was never opened. */
  readonly status: OrderStatus | null;
  /** What is done, in words. */
  readonly repair: string;
  readonly workflowId: string | null;
  readonly outcome: Outcome;
  /** Why it failed. */
  readonly error: string | null;
}

type Outcome = 'started' | 'cases closed' | 'not started' | 'failed';

/** How many of the started workflows have ended. */
export interface RepairProgress {
  readonly started: number;
  readonly settled: number;
  /** Orders that are parked again: an operator has to decide. */
  readonly parked: number;
}

/** Continues orders whose workflow was terminated. */
export interface Repair {
  /** Finds the orders, and changes nothing. */
  find(): Promise<LostOrder[]>;
  /**
   * Checks that Temporal and the database belong to one system.
   * @throws {WrongSystemError} when they do not.
   */
  assertSameSystem(lost: readonly LostOrder[]): Promise<void>;
  /** Records the repair, closes the dead cases, and starts the workflow. Repeating it is harmless. */
  mend(lost: LostOrder): Promise<RepairedOrder>;
  /** Waits until all workflows have ended or are parked, or the time is over. */
  follow(repaired: readonly RepairedOrder[], limitMs: number): Promise<RepairProgress>;
}

const LOOK_AGAIN_MS = 250;

/** A healthy server needs milliseconds; the limit includes the client's own retries. */
const START_WITHIN_MS = 15_000;

export function createRepair(deps: RepairDeps): Repair {
  const { databases, client, actor, isTemporalLost = false } = deps;
  const lostOrders = createLostOrders({ databases, client });
  const orders = createOrderRepository(databases.orders);
  const cases = createCaseRepository(databases.orders);
  const actions = createOperatorActionRepository(databases.orders);

  const progressOf = async ({ workflowId, tenantId, orderId }: RepairedOrder): Promise<Progress> => {
    if (workflowId !== null && (await lostOrders.statusOf(workflowId)) === 'COMPLETED') return 'settled';
    const inShort = await reading('the orders database', orders.findOptionalInShort(tenantId, orderId));
    return inShort?.attention === true ? 'parked' : 'on its way';
  };

  /** The row is written as the order's first step would have written it. */
  const opened = async ({ orderId, tenantId, order, opening }: LostOrder): Promise<OrderRecord | null> => {
    if (opening === null) return order;
    await orders.open(opening);
    return orders.findOptional(tenantId, orderId);
  };

  const carryOn = async (lost: LostOrder, plan: Plan): Promise<Outcome> => {
    const { orderId, tenantId, task, found, deadCases } = lost;
    const steps = deadCases.map(({ step }) => step);
    await actions.record({
      actionId: randomId('act'),
      tenantId,
      actor,
      action: 'order.repair',
      subject: orderId,
      orderId,
      reason: found,
      before: { status: plan.status, openCases: steps },
      after: { repair: plan.repair, workflowId: plan.workflowId },
    });
    // The cases are closed before the workflow starts, because it may open a case at the same step again.
    for (const each of deadCases) await cases.resolve(each, 'repaired', actor);
    const order = await opened(lost);
    return task === null || order === null ? 'cases closed' : start(deps, order, task);
  };

  return {
    find: lostOrders.find,
    assertSameSystem: (lost) => assertSameSystem(client, lost, { ...lostOrders, isTemporalLost }),
    mend: async (lost) => {
      const plan = planOf(lost);
      try {
        return { ...plan, outcome: await carryOn(lost, plan), error: null };
      } catch (error) {
        return { ...plan, outcome: 'failed', error: error instanceof Error ? error.message : String(error) };
      }
    },
    follow: async (repaired, limitMs) => {
      const started = repaired.filter(({ outcome }) => outcome === 'started');
      const deadline = Date.now() + limitMs;
      for (;;) {
        const all: Progress[] = [];
        for (const each of started) all.push(await progressOf(each));
        if (!all.includes('on its way') || Date.now() >= deadline) return summary(all);
        await sleep(LOOK_AGAIN_MS);
      }
    },
  };
}

type Plan = Omit<RepairedOrder, 'outcome' | 'error'>;

function planOf(lost: LostOrder): Plan {
  const { orderId, tenantId, order, task, found } = lost;
  const workflowId = task === null ? null : orderCommandWorkflowId(orderId, task.commandId);
  return { orderId, tenantId, found, status: order?.status ?? null, repair: repairText(lost), workflowId };
}

/** `parked` while a case is open. */
type Progress = 'settled' | 'parked' | 'on its way';

function summary(all: readonly Progress[]): RepairProgress {
  const count = (wanted: Progress): number => all.filter((each) => each === wanted).length;
  return { started: all.length, settled: count('settled'), parked: count('parked') };
}

/** Starts the workflow like the API does. A workflow that has ended is started again if its command is still open. */
async function start(
  { client, settings, actor }: RepairDeps,
  order: OrderRecord,
  task: CommandTask,
): Promise<'started' | 'not started'> {
  const { commandId, stored } = task;
  const { actor: giver, requestHash, reason } = stored ?? { actor, requestHash: '', reason: 'repair' };
  const input = orderCommandInput(
    { ...task, command: { commandId, requestHash, actor: giver, reason } },
    order,
    settings,
  );
  const isLeftOpen = order.ownerCommandId === commandId;
  const outcome = await startOrderCommand(client, input, { limitMs: START_WITHIN_MS, isLeftOpen });
  return outcome === 'started' ? 'started' : 'not started';
}

/** The repair of an order in words, before or after it is done. */
export function repairText({ order, task, deadCases }: LostOrder): string {
  const closes = deadCases.map(({ step }) => `close the case at ${step}`);
  return [...closes, ...(task === null ? [] : [taskText(task, order)])].join(', ');
}

function taskText({ kind, amountMinor }: CommandTask, order: OrderRecord | null): string {
  const amount = order === null || amountMinor === null ? 'all that is left' : moneyText(amountMinor, order.currency);
  switch (kind) {
    case 'repair':
      return 'give everything back and cancel';
    case 'give_back':
      return 'give back what it still has';
    case 'cancel':
      return 'go on cancelling';
    case 'reconcile':
      return 'go on booking what was moved at the provider itself';
    case 'refund':
    case 'capture':
      return `go on with the ${kind} of ${amount}`;
  }
}
