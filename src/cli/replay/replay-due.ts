import type { Client } from '@temporalio/client';
import type { Databases } from '../../../db/client.ts';
import { createOperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { createOrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import { reading } from '../../audit/source-error.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import { ifKnown } from '../../temporal/calls.ts';
import { ORDER_WORKFLOW, orderWorkflowId, type OrderWorkflowResult } from '../../workflows/contract.ts';
import type { LostOrder } from '../lost-orders.ts';
import { WrongSystemError } from '../repair-check.ts';
import { createReplayRecord } from './replay-record.ts';

/** Temporal knows more than the database: a repair would undo what has been done. */
class ReplayDueError extends WrongSystemError {
  constructor(evidence: string) {
    super(
      `a replay is due before anything is repaired: ${evidence}. The database was set back; see docs/restore.md: ` +
        'npm run orders -- replay --closed-after T --dry-run',
    );
  }
}

/** As many as one page of Temporal's list has. They ended last, so a database that was set back lacks them. */
const NEWEST = 1_000;

/** The system, and what a repair would act on. */
interface ToRepair {
  readonly databases: Databases;
  readonly client: Client;
  readonly lost: readonly LostOrder[];
}

/**
 * Refuses to go on when the database is older than Temporal: when a replay has begun and not ended, or one of the orders
 * that a repair would act on, or of those that ended last, is not where its workflow has brought it. A workflow that is
 * seen completed has written all its rows, so this never happens otherwise.
 * @throws {ReplayDueError}
 * @throws {SourceUnavailableError} when a source is down.
 */
export async function assertNoReplayIsDue({ databases, client, lost }: ToRepair): Promise<void> {
  const latest = await createReplayRecord(createOperatorActionRepository(databases.orders)).latest();
  if (latest?.hasEnded === false) {
    throw new ReplayDueError(`the replay of ${latest.closedAfter.toISOString()} has begun and not ended`);
  }
  const temporal = `Temporal (namespace ${client.options.namespace})`;
  const statuses = new Map<string, OrderStatus | null>();
  for (const orderId of await reading(temporal, listEnded(client))) statuses.set(orderId, null);
  const orders = createOrderRepository(databases.orders);
  const owners = await reading('the orders database', orders.findOwners([...statuses.keys()]));
  for (const [orderId, { status }] of owners) statuses.set(orderId, status);
  for (const { orderId, order } of lost) if (order !== null) statuses.set(orderId, order.status);
  for (const [orderId, status] of statuses) {
    const evidence = isBeforeItsEnd(status) ? await reading(temporal, evidenceOf(client, orderId, status)) : null;
    if (evidence !== null) throw new ReplayDueError(evidence);
  }
}

async function listEnded(client: Client): Promise<string[]> {
  const query = `WorkflowType = '${ORDER_WORKFLOW}' AND ExecutionStatus = 'Completed'`;
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query, pageSize: NEWEST })) {
    ids.push(workflowId.slice(orderWorkflowId('').length));
    if (ids.length === NEWEST) break;
  }
  return ids;
}

/** A completed workflow has brought its order past these statuses, or was a duplicate. */
function isBeforeItsEnd(status: OrderStatus | null): boolean {
  return status === null || status === 'PENDING' || status === 'AWAITING_CAPTURE';
}

/** What shows that the order's workflow has completed with more than its row knows; null when nothing does. */
async function evidenceOf(client: Client, orderId: string, status: OrderStatus | null): Promise<string | null> {
  const handle = client.workflow.getHandle(orderWorkflowId(orderId));
  const found = await ifKnown(handle.describe());
  if (found?.status.name !== 'COMPLETED') return null;
  const result = (await client.workflow.getHandle(found.workflowId, found.runId).result()) as OrderWorkflowResult;
  if (result.status === 'DUPLICATE') return null;
  return `the workflow of ${orderId} ended as ${result.status}, and the order is ${status ?? 'not in the database'}`;
}
