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
  /** Some orders of the database, lost or not. */
  readonly sampleOrders: LostOrders['sampleOrders'];
  /** Whether the operator says that this Temporal took the place of one that was lost. */
  readonly isTemporalLost: boolean;
}

/**
 * Compares Temporal with the rows before anything is repaired. A namespace that knows one order of the database is the
 * right one: workflows of other orders were deleted by hand.
 * @throws {WrongSystemError} when no worker would carry out a repair, or when this namespace knows no order of the
 * database although it must remember at least one.
 */
export async function assertSameSystem(
  client: Client,
  lost: readonly LostOrder[],
  { statusOf, sampleOrders, isTemporalLost }: SystemFacts,
): Promise<void> {
  const { namespace } = client.options;
  if (!(await hasWorkers(client))) {
    throw new WrongSystemError(
      `no worker polls the task queue orders in namespace ${namespace}: nobody would carry what a repair starts. ` +
        'Is this the system of the database (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE), and does a worker run?',
    );
  }
  if (isTemporalLost) return;
  const isKnown = async ({ orderId }: Pick<LostOrder, 'orderId'>): Promise<boolean> =>
    (await statusOf(orderWorkflowId(orderId))) !== null;
  const since = await rememberedSince(client);
  const unseen = await firstUnseen(lost, since, isKnown);
  // An order that only Temporal knows may as well belong to another database.
  const unopened = lost.find(({ opening }) => opening !== null);
  if (unseen === null && unopened === undefined) return;
  for (const orderId of await sampleOrders()) if (await isKnown({ orderId })) return;
  if (unseen === null) {
    throw new WrongSystemError(
      `namespace ${namespace} knows ${unopened?.orderId}, which the database does not, and no order of the database. Name ` +
        'the system of this database by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.',
    );
  }
  throw new WrongSystemError(
    `namespace ${namespace} has never seen ${unseen.orderId}, which the database holds since ` +
      `${unseen.createdAt.toISOString()}, nor another order of it: they ran elsewhere. Name the system of this ` +
      'database by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or say --temporal-lost when its Temporal was lost and this ' +
      'one is new.',
  );
}

/** An order that Temporal must remember and has never seen; null as soon as it knows one of them. */
async function firstUnseen(
  lost: readonly LostOrder[],
  since: Date,
  isKnown: (lost: LostOrder) => Promise<boolean>,
): Promise<NonNullable<LostOrder['order']> | null> {
  let unseen: LostOrder['order'] = null;
  for (const each of lost) {
    if (each.opening !== null) continue;
    if (await isKnown(each)) return null;
    if (each.order !== null && each.order.createdAt >= since) unseen ??= each.order;
  }
  return unseen;
}
