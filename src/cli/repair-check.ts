import type { Client, Connection } from '@temporalio/client';
import { reading } from '../audit/source-error.ts';
import { callWithin } from '../temporal/calls.ts';
import { orderWorkflowId } from '../workflows/contract.ts';
import type { LostOrder, LostOrders } from './lost-orders.ts';

const ANSWER_WITHIN_MS = 5_000;

/** The number of Temporal's API for a queue of workflow tasks. */
const WORKFLOW_TASKS = 1;

/** Temporal and the database do not belong to the same system. */
export class WrongSystemError extends Error {}

/**
 * Compares Temporal with the rows before anything is repaired.
 * @throws {WrongSystemError} when no worker would carry out a repair, or when this namespace has never seen an order
 * that its workflow wrote so recently that Temporal must remember it.
 */
export async function assertSameSystem(
  client: Client,
  lost: readonly LostOrder[],
  statusOf: LostOrders['statusOf'],
): Promise<void> {
  const { namespace } = client.options;
  const connection = client.connection as Connection;
  const temporal = `Temporal (namespace ${namespace})`;
  const taskQueue = { name: 'orders' };
  const { pollers } = await reading(
    temporal,
    callWithin(ANSWER_WITHIN_MS, connection, () =>
      connection.workflowService.describeTaskQueue({ namespace, taskQueue, taskQueueType: WORKFLOW_TASKS }),
    ),
  );
  if ((pollers ?? []).length === 0) {
    throw new WrongSystemError(
      `no worker polls the task queue orders in namespace ${namespace}: nobody would carry what a repair starts. ` +
        'Is this the system of the database (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE), and does a worker run?',
    );
  }
  const { config } = await reading(
    temporal,
    callWithin(ANSWER_WITHIN_MS, connection, () => connection.workflowService.describeNamespace({ namespace })),
  );
  const rememberedSince = Date.now() - Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1_000;
  for (const { orderId, order } of lost) {
    if (order === null || order.createdAt.getTime() < rememberedSince) continue;
    if ((await statusOf(orderWorkflowId(orderId))) !== null) continue;
    throw new WrongSystemError(
      `namespace ${namespace} has never seen ${orderId}, which the database holds since ${order.createdAt.toISOString()}: ` +
        'the order ran elsewhere. Name the system of this database by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.',
    );
  }
}
