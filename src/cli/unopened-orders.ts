import type { Client } from '@temporalio/client';
import type { NewOrder, OrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { reading } from '../audit/source-error.ts';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import { readWorkflowPast } from '../temporal/history/workflow-past.ts';
import { orderWorkflowId } from '../workflows/contract.ts';

const ORDER_PREFIX = orderWorkflowId('');

/** Order workflows that have not come to an end of their own, of any run. */
const ENDED_BY_FORCE = `WorkflowId STARTS_WITH '${ORDER_PREFIX}' AND ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut')`;

/** Workflows in one step: their rows are looked for in one statement. */
const PAGE_SIZE = 500;

/** A healthy server needs milliseconds; the limit includes the client's own retries. */
const ANSWER_WITHIN_MS = 15_000;

/**
 * Finds orders that were accepted and whose workflow was terminated before its first step had written the row. Only the
 * history of the workflow knows them, for as long as Temporal keeps it.
 */
export async function findUnopened(client: Client, orders: Pick<OrderRepository, 'listKnown'>): Promise<NewOrder[]> {
  const source = `Temporal (namespace ${client.options.namespace})`;
  const ask = <Result>(question: () => Promise<Result>): Promise<Result> =>
    reading(source, client.withDeadline(Date.now() + ANSWER_WITHIN_MS, question));
  const executions = client.workflow.list({ query: ENDED_BY_FORCE, pageSize: PAGE_SIZE })[Symbol.asyncIterator]();
  const unopened: NewOrder[] = [];
  for (let isDone = false; !isDone;) {
    const ids = new Set<string>();
    while (ids.size < PAGE_SIZE && !isDone) {
      const { done, value } = await ask(() => executions.next());
      isDone = done === true;
      if (!isDone) ids.add(value.workflowId.slice(ORDER_PREFIX.length));
    }
    const known = new Set(await reading('the orders database', orders.listKnown([...ids])));
    for (const orderId of ids) {
      const opening = known.has(orderId) ? null : await ask(() => openingOf(client, orderId));
      if (opening !== null) unopened.push(opening);
    }
  }
  return unopened;
}

/** What the order was accepted with; null when its newest run goes on. */
async function openingOf(client: Client, orderId: string): Promise<NewOrder | null> {
  const past = await readWorkflowPast(client, orderWorkflowId(orderId));
  if (past === null || past.status === 'RUNNING' || past.status === 'COMPLETED') return null;
  return { ...(past.input as OrderWorkflowInput), firstExecutionRunId: past.firstRunId };
}
