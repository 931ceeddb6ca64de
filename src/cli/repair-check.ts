import type { Client, Connection } from '@temporalio/client';
import { reading } from '../audit/source-error.ts';
import { callWithin } from '../temporal/calls.ts';
import { readTaskQueue } from '../temporal/task-queues.ts';
import { orderWorkflowId } from '../workflows/contract.ts';
import type { LostOrder, LostOrders } from './lost-orders.ts';

const ANSWER_WITHIN_MS = 5_000;

/** Temporal and the database do not belong to the same system. */
export class WrongSystemError extends Error {}

/** Whether a worker polls for orders. */
export async function hasWorkers(client: Client): Promise<boolean> {
  const { namespace } = client.options;
  const state = readTaskQueue(client.connection as Connection, namespace, { taskQueue: 'orders' });
  return (await reading(`Temporal (namespace ${namespace})`, state)).pollers > 0;
}

/** Temporal remembers every workflow that has ended since this instant. */
export async function rememberedSince(client: Client): Promise<Date> {
  const { namespace } = client.options;
  const connection = client.connection as Connection;
  const { config } = await reading(
    `Temporal (namespace ${namespace})`,
    callWithin(ANSWER_WITHIN_MS, connection, () => connection.workflowService.describeNamespace({ namespace })),
  );
  return new Date(Date.now() - Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1_000);
}

/** What is known about the system beside its rows. */
interface SystemFacts {
  readonly statusOf: LostOrders['statusOf'];
  /** Whether the operator says that this Temporal took the place of one that was lost. */
  readonly isTemporalLost: boolean;
}

/**
 * Compares Temporal with the rows before anything is repaired.
 * @throws {WrongSystemError} when no worker would carry out a repair, or when this namespace has never seen an order
 * that its workflow wrote so recently that Temporal must remember it.
 */
export async function assertSameSystem(
  client: Client,
  lost: readonly LostOrder[],
  { statusOf, isTemporalLost }: SystemFacts,
): Promise<void> {
  const { namespace } = client.options;
  if (!(await hasWorkers(client))) {
    throw new WrongSystemError(
      `no worker polls the task queue orders in namespace ${namespace}: nobody would carry what a repair starts. ` +
        'Is this the system of the database (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE), and does a worker run?',
    );
  }
  if (isTemporalLost) return;
  const since = await rememberedSince(client);
  for (const { orderId, order } of lost) {
    if (order === null || order.createdAt < since) continue;
    if ((await statusOf(orderWorkflowId(orderId))) !== null) continue;
    throw new WrongSystemError(
      `namespace ${namespace} has never seen ${orderId}, which the database holds since ${order.createdAt.toISOString()}: ` +
        'the order ran elsewhere. Name the system of this database by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or say ' +
        '--temporal-lost when its Temporal was lost and this one is new.',
    );
  }
}
