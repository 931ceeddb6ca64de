import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import type { Databases } from '../../db/client.ts';
import {
  createAuditRepository,
  type AuditRepository,
  type OrdersPage,
} from '../../db/repositories/audit/audit-repository.ts';
import {
  createCaseRepository,
  type CaseRecord,
  type CaseRepository,
} from '../../db/repositories/orders/case-repository.ts';
import {
  createCommandRepository,
  type CommandRepository,
  type StoredCommand,
} from '../../db/repositories/orders/command-repository.ts';
import type { OrderRecord } from '../../db/repositories/orders/order-record.ts';
import {
  createOrderRepository,
  type NewOrder,
  type OrderRepository,
} from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository, type PaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { isOpen } from '../audit/facts.ts';
import { reading } from '../audit/source-error.ts';
import { repairCommandId } from '../domain/command.ts';
import { isAtRest, isTerminal } from '../domain/order-status.ts';
import { EMPTY_BALANCE } from '../domain/payments/payment.ts';
import { describeWorkflow } from '../temporal/calls.ts';
import { orderWorkflowId, orderCommandWorkflowId, type OrderCommandInput } from '../workflows/contract.ts';
import { findUnopened } from './unopened-orders.ts';

/** The input of the command workflow that brings an order to its end. */
export interface CommandTask extends Pick<OrderCommandInput, 'kind' | 'amountMinor'> {
  readonly commandId: string;
  /** The command as it was given; null when there is none and the order is given back. */
  readonly stored: StoredCommand | null;
}

/** An order that no workflow carries any more. */
export interface LostOrder {
  readonly orderId: string;
  readonly tenantId: string;
  /** Null when only a case of the order is left, and when it was never opened. */
  readonly order: OrderRecord | null;
  /** What an order that was never opened was accepted with; else null. */
  readonly opening: NewOrder | null;
  /** What happened to the workflow that should carry the order, in words. */
  readonly found: string;
  /** Its open cases that no parked workflow has. */
  readonly deadCases: readonly CaseRecord[];
  /** Null when only its cases have to be closed. */
  readonly task: CommandTask | null;
}

/** Finds orders whose workflow was terminated. */
export interface LostOrders {
  /**
   * Looks at all tenants and changes nothing.
   * @throws {SourceUnavailableError} when a needed source is down.
   */
  find(): Promise<LostOrder[]>;
  /** Ids of some orders of the database, in no order that means anything. */
  sampleOrders(): Promise<readonly string[]>;
  /** Status of the newest run; null when Temporal does not know the workflow. */
  statusOf(workflowId: string): Promise<WorkflowExecutionStatusName | null>;
}

/** Orders in one step, the same as in the audit. */
const PAGE_SIZE = 1_000;

/** Enough that one of them is younger than Temporal's memory, unless nearly all orders are older. */
const SAMPLE_SIZE = 50;

/** No order can have more open cases, because it has fewer steps. */
const CASES_MAX = 100;

/** A healthy server needs milliseconds; the limit includes the client's own retries. */
const ANSWER_WITHIN_MS = 15_000;

/** An id of the audit's pages that may need a closer look. */
type Suspect = Pick<LostOrder, 'orderId' | 'tenantId'>;

/** Where a finder looks. */
interface Sources {
  readonly rows: AuditRepository;
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly cases: CaseRepository;
  readonly payments: PaymentRepository;
  readonly statusOf: LostOrders['statusOf'];
}

export function createLostOrders({
  databases,
  client,
}: {
  readonly databases: Databases;
  readonly client: Client;
}): LostOrders {
  const sources: Sources = {
    rows: createAuditRepository(databases),
    orders: createOrderRepository(databases.orders),
    commands: createCommandRepository(databases.orders),
    cases: createCaseRepository(databases.orders),
    payments: createPaymentRepository(databases.payments),
    statusOf: (workflowId) => statusOf(client, workflowId),
  };
  return {
    statusOf: sources.statusOf,
    sampleOrders: async () => {
      const { orders } = await reading('the orders database', sources.rows.pageOrders('', SAMPLE_SIZE));
      return orders.map(({ orderId }) => orderId);
    },
    find: async () => {
      const lost: LostOrder[] = [];
      let after: string | null = '';
      while (after !== null) {
        const page: OrdersPage = await reading('the orders database', sources.rows.pageOrders(after, PAGE_SIZE));
        const overpaid = await overpaidOf(sources, page);
        for (const suspect of [...suspectsOf(page), ...overpaid]) {
          const found = await examine(sources, suspect);
          if (found !== null) lost.push(found);
        }
        after = page.scope.upTo;
      }
      for (const opening of await findUnopened(client, sources.orders)) lost.push(await unopened(sources, opening));
      return lost;
    },
  };
}

async function unopened(sources: Sources, opening: NewOrder): Promise<LostOrder> {
  const { orderId, tenantId } = opening;
  const task = cancelUnsold(orderId);
  const found = await wordsOf(sources, orderId, task);
  return { orderId, tenantId, order: null, opening, found, deadCases: [], task };
}

function statusOf(client: Client, workflowId: string): Promise<WorkflowExecutionStatusName | null> {
  const describe = async (): Promise<WorkflowExecutionStatusName | null> =>
    (await describeWorkflow(client, workflowId))?.status.name ?? null;
  const source = `Temporal (namespace ${client.options.namespace})`;
  return reading(source, client.withDeadline(Date.now() + ANSWER_WITHIN_MS, describe));
}

async function isRunning(sources: Sources, workflowId: string): Promise<boolean> {
  const status = await sources.statusOf(workflowId);
  return status !== null && isOpen({ workflowId, status, caseKind: null, tenantId: null });
}

/**
 * The order's workflow is read by its id, which is never behind, and before the rows are read: a workflow that is seen
 * closed has written all of them.
 */
async function examine(sources: Sources, suspect: Suspect): Promise<LostOrder | null> {
  const { tenantId, orderId } = suspect;
  if (await isRunning(sources, orderWorkflowId(orderId))) return null;
  const order = await reading('the orders database', sources.orders.findOptional(tenantId, orderId));
  const given = await reading('the orders database', sources.commands.listByOrder(tenantId, orderId));
  const due = order === null ? null : await dueTask(sources, order, given);
  if (due !== null && (await isRunning(sources, orderCommandWorkflowId(orderId, due.commandId)))) return null;
  const deadCases = await deadCasesOf(sources, suspect);
  const task = due ?? (order === null ? null : parkedTask(orderId, given, deadCases));
  if (task === null && deadCases.length === 0) return null;
  return { ...suspect, order, opening: null, found: await wordsOf(sources, orderId, task), deadCases, task };
}

/** The work that is left of the command that owns an order, or else of its status. */
async function dueTask(
  sources: Sources,
  { orderId, status, ownerCommandId }: OrderRecord,
  given: readonly StoredCommand[],
): Promise<CommandTask | null> {
  if (status === 'PENDING' || status === 'AWAITING_CAPTURE') return cancelUnsold(orderId);
  const owner = given.find(({ commandId }) => commandId === ownerCommandId);
  if (owner !== undefined) return again(owner);
  if (isTerminal(status)) return (await hasMoneyLeft(sources, orderId)) ? giveBack(orderId, given) : null;
  if (status === 'REFUNDING') return owedRefund(sources, orderId, given);
  if (status !== 'CANCELLING') return null;
  const promised = given.find(
    ({ kind, decision }) => kind === 'cancel' && (decision === 'will_cancel' || decision === 'will_refund'),
  );
  return promised === undefined ? cancelUnsold(orderId) : again(promised);
}

/** The refund that is not paid yet; when all are paid, the last one, whose status was not written. */
async function owedRefund(
  { payments }: Sources,
  orderId: string,
  given: readonly StoredCommand[],
): Promise<CommandTask | null> {
  const refunds = given.filter(({ kind, decision }) => kind === 'refund' && decision === 'accepted');
  const paid = (await reading('the payments database', payments.listByOrder(orderId))).filter(
    ({ kind, state }) => kind === 'refund' && state === 'SUCCEEDED',
  );
  const isPaid = (refund: StoredCommand): boolean => paid.some(({ generation }) => generation === refund.generation);
  const owed = refunds.find((refund) => !isPaid(refund)) ?? refunds.at(-1);
  return owed === undefined ? null : again(owed);
}

async function deadCasesOf(sources: Sources, { tenantId, orderId }: Suspect): Promise<CaseRecord[]> {
  const query = { tenantId, orderId, state: 'open', limit: CASES_MAX } as const;
  const dead: CaseRecord[] = [];
  for (const each of await reading('the orders database', sources.cases.list(query))) {
    if (!(await isRunning(sources, each.workflowId))) dead.push(each);
  }
  return dead;
}

/** A further capture of an order at rest: it was accepted, and its workflow was terminated while it was parked. */
function parkedTask(orderId: string, given: readonly StoredCommand[], dead: readonly CaseRecord[]): CommandTask | null {
  const parked = new Set(dead.map(({ workflowId }) => workflowId));
  const command = given.find(
    ({ commandId, decision }) => decision === 'accepted' && parked.has(orderCommandWorkflowId(orderId, commandId)),
  );
  return command === undefined ? null : again(command);
}

async function wordsOf(sources: Sources, orderId: string, task: CommandTask | null): Promise<string> {
  const workflow = `workflow ${(await sources.statusOf(orderWorkflowId(orderId))) ?? 'absent'}`;
  const command = task === null ? null : await sources.statusOf(orderCommandWorkflowId(orderId, task.commandId));
  return task === null || command === null ? workflow : `${workflow}, ${task.kind} ${command}`;
}

async function hasMoneyLeft({ payments }: Sources, orderId: string): Promise<boolean> {
  const summaries = await reading('the payments database', payments.summaries([orderId]));
  const { balance } = summaries.get(orderId) ?? { balance: EMPTY_BALANCE };
  return balance.capturedMinor > balance.refundedMinor;
}

/** Orders that have ended and still have money. */
async function overpaidOf({ payments }: Sources, { orders }: OrdersPage): Promise<Suspect[]> {
  const ended = orders.filter(({ status, ownerCommandId }) => isTerminal(status) && ownerCommandId === null);
  const ids = ended.map(({ orderId }) => orderId);
  const summaries = await reading('the payments database', payments.summaries(ids));
  return ended.filter(({ orderId }) => {
    const { balance } = summaries.get(orderId) ?? { balance: EMPTY_BALANCE };
    return balance.capturedMinor > balance.refundedMinor;
  });
}

/** Orders that need a workflow, and orders with a parked workflow. */
function suspectsOf({ orders, cases }: OrdersPage): Suspect[] {
  const carried = orders.filter(
    ({ status, ownerCommandId }) => !isAtRest(status) || status === 'AWAITING_CAPTURE' || ownerCommandId !== null,
  );
  const parked = cases.filter(({ state }) => state === 'open');
  const tenants = new Map([...carried, ...parked].map(({ orderId, tenantId }) => [orderId, tenantId]));
  return [...tenants].map(([orderId, tenantId]) => ({ orderId, tenantId }));
}

function cancelUnsold(orderId: string): CommandTask {
  return { kind: 'repair', amountMinor: null, commandId: repairCommandId(orderId), stored: null };
}

/** The command has one id for each time that money was found. */
function giveBack(orderId: string, given: readonly StoredCommand[]): CommandTask {
  const times = given.filter(({ kind }) => kind === 'give_back').length;
  return { kind: 'give_back', amountMinor: null, commandId: `cmd_give_back_${orderId}_${times + 1}`, stored: null };
}

function again(stored: StoredCommand): CommandTask {
  const { kind, amountMinor, commandId } = stored;
  return { kind, amountMinor, commandId, stored };
}
