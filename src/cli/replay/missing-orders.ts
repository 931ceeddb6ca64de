import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Client } from '@temporalio/client';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import { reading } from '../../audit/source-error.ts';
import { describeWorkflow } from '../../temporal/calls.ts';
import { orderWorkflowId } from '../../workflows/contract.ts';

/** An order that was answered with 202. */
export interface AnsweredOrder {
  readonly orderId: string;
  readonly tenantId: string;
  /** When it was answered, RFC 3339. */
  readonly at: string;
  /** Finds the request in the logs of the client. */
  readonly correlationId: string | null;
}

/** Reads the answered orders from the log of an API; lines of other kinds are passed over. `-` is standard input. */
export async function readAnsweredOrders(file: string): Promise<AnsweredOrder[]> {
  const input = file === '-' ? process.stdin : createReadStream(file, 'utf8');
  const answered = new Map<string, AnsweredOrder>();
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const order = answeredIn(line);
    if (order !== null) answered.set(order.orderId, order);
  }
  return [...answered.values()];
}

function answeredIn(line: string): AnsweredOrder | null {
  const start = line.indexOf('{');
  if (start === -1 || !line.includes('"/v1/orders"')) return null;
  let fields: Readonly<Record<string, unknown>>;
  try {
    // A collector may have put its own words before the line.
    fields = JSON.parse(line.slice(start)) as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
  const { msg, method, route, status, orderId, tenantId, time, correlationId } = fields;
  if (msg !== 'request' || method !== 'POST' || route !== '/v1/orders' || status !== 202) return null;
  if (typeof orderId !== 'string') return null;
  const correlation = typeof correlationId === 'string' ? correlationId : null;
  return { orderId, tenantId: String(tenantId), at: String(time), correlationId: correlation };
}

/** Orders whose rows are asked for at once. */
const BATCH_SIZE = 1_000;

/**
 * The orders that neither the database nor Temporal knows.
 * @throws {SourceUnavailableError} when one of them is down.
 */
export async function findMissingOrders(
  { orders, client }: { readonly orders: Pick<OrderRepository, 'listKnown'>; readonly client: Client },
  answered: readonly AnsweredOrder[],
): Promise<AnsweredOrder[]> {
  const temporal = `Temporal (namespace ${client.options.namespace})`;
  const missing: AnsweredOrder[] = [];
  for (let at = 0; at < answered.length; at += BATCH_SIZE) {
    const some = answered.slice(at, at + BATCH_SIZE);
    const ids = some.map(({ orderId }) => orderId);
    const known = new Set(await reading('the orders database', orders.listKnown(ids)));
    for (const order of some.filter(({ orderId }) => !known.has(orderId))) {
      const workflow = await reading(temporal, describeWorkflow(client, orderWorkflowId(order.orderId)));
      if (workflow?.status.name !== 'RUNNING') missing.push(order);
    }
  }
  return missing;
}
