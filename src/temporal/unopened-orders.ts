import type { Client } from '@temporalio/client';
import { ORDER_WORKFLOW, orderWorkflowId, type OrderMemo } from '../workflows/contract.ts';
import { shareReads } from '../runtime/shared-read.ts';
import { callWithin } from './calls.ts';
import type { TaskQueues } from './task-queues.ts';
import type { TemporalHealth } from './health.ts';

/** An order that may not have a row yet. */
interface Candidate {
  readonly orderId: string;
  readonly tenantId: string;
  /** Who placed the order; null for orders of earlier versions. */
  readonly placedBy: string | null;
  readonly startedAt: Date;
}

/** Accepted orders that wait for a worker, as far as Temporal can tell. */
export interface UnopenedOrders {
  readonly candidates: readonly Candidate[];
  /** Whether the list is known to be complete. */
  readonly complete: boolean;
}

/** Running orders that are looked at, newest first, because waiting orders are among the newest. */
const LOOKED_AT_MAX = 200;

/** By default all callers together may ask for Temporal's lists ten times a second. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Finds accepted orders without a row by Temporal's list of running workflows, which lags by a second or two. The list
 * is read only while workflows wait on the task queue, and callers that ask at about the same time share a read.
 */
export function createUnopenedOrders(deps: {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly taskQueues: TaskQueues;
}): () => Promise<UnopenedOrders> {
  const { client, health, taskQueues } = deps;
  const find = shareReads(async (workflowType: string): Promise<UnopenedOrders> => {
    const queues = health.isUp() ? await taskQueues.read() : null;
    if (queues === null) return { candidates: [], complete: false };
    const { tasks, pollers } = queues.orders;
    if (tasks === 0 && pollers > 0) return { candidates: [], complete: true };
    try {
      const candidates = await callWithin(ANSWER_WITHIN_MS, client, () => listRunning(client, workflowType));
      return { candidates, complete: candidates.length < LOOKED_AT_MAX };
    } catch {
      return { candidates: [], complete: false };
    }
  });
  return () => find(ORDER_WORKFLOW);
}

async function listRunning(client: Client, workflowType: string): Promise<Candidate[]> {
  const query = `WorkflowType = '${workflowType}' AND ExecutionStatus = 'Running'`;
  const found: Candidate[] = [];
  for await (const { workflowId, memo, startTime } of client.workflow.list({ query, pageSize: LOOKED_AT_MAX })) {
    const orderId = workflowId.slice(orderWorkflowId('').length);
    const { tenantId, placedBy = null } = (memo ?? {}) as Partial<OrderMemo>;
    found.push({ orderId, tenantId: String(tenantId), placedBy, startedAt: startTime });
    if (found.length === LOOKED_AT_MAX) break;
  }
  return found;
}
