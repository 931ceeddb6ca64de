import type { Client } from '@temporalio/client';
import type { OrderListQuery } from '../../../db/repositories/orders/order-list.ts';
import type { OrderRecord } from '../../../db/repositories/orders/order-record.ts';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import type { PaymentRepository, PaymentSummary } from '../../../db/repositories/payments/payment-repository.ts';
import type {
  ReservationRecord,
  ReservationRepository,
} from '../../../db/repositories/inventory/reservation-repository.ts';
import { totalOf, type PricedLine } from '../../domain/payments/money.ts';
import { isAtRest } from '../../domain/order-status.ts';
import { cancelableUntilOf, capturableMinorOf } from '../../domain/order-deadlines.ts';
import { EMPTY_BALANCE, paymentStateOf } from '../../domain/payments/payment.ts';
import type { PaymentCapabilities } from '../../domain/payments/payment-capabilities.ts';
import { traceIdOf } from '../../domain/traceparent.ts';
import { orderWorkflowId, type OrderMemo } from '../../workflows/contract.ts';
import { callWithin, describeWorkflow, isNoAnswer } from '../../temporal/calls.ts';
import { readOrderStart, type OrderStart } from '../../temporal/order-start.ts';
import { pause } from '../../runtime/pause.ts';
import { unavailable } from '../http/problem.ts';
import type { OrderView } from './order-schemas.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

export interface OrderReaderDeps {
  readonly orders: OrderRepository;
  readonly reservations: ReservationRepository;
  readonly payments: PaymentRepository;
  readonly client: Client;
  readonly health: TemporalHealth;
  /** What the payment provider can do with an authorization. */
  readonly capabilities: PaymentCapabilities;
  readonly cancelWindowSeconds: number | undefined;
  /** Address of a workflow in the Temporal Web UI. */
  readonly workflowUrl: (workflowId: string) => string;
}

/** How long a client waits for its answer, and whether it is still there. */
export interface Patience {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Orders as clients see them, composed from three schemas without a query that crosses them. */
export interface OrderReader {
  /**
   * The order; null when the tenant does not have it. An order whose first step has not run yet is read from Temporal.
   */
  find(tenantId: string, orderId: string): Promise<OrderView | null>;
  /** As `find`, but answers when the order is at rest, a case is open, or the time is over. */
  findAtRest(tenantId: string, orderId: string, wait: Patience): Promise<OrderView | null>;
  /** Lists only orders that have a row. */
  list(query: OrderListQuery): Promise<OrderView[]>;
  /** Whether the subject placed the order; false when the tenant does not have it. */
  isPlacedBy(subject: string, tenantId: string, orderId: string): Promise<boolean>;
  /**
   * The hash of the body that made the order; null when the order does not exist. The row counts before the workflow.
   */
  requestHash(tenantId: string, orderId: string): Promise<string | null>;
  /**
   * The hash of the body that made an order that was opened a minute ago or earlier; null when there is none, or the
   * database does not answer. Temporal may have forgotten the workflow of an earlier order, and would start it again.
   */
  earlierRequestHash(tenantId: string, orderId: string): Promise<string | null>;
}

/** A poll reads one row by its key. The first pauses are short, because most orders take well under a second. */
const POLL_FAST_MS = 50;
const POLL_SLOW_MS = 250;
const POLL_FAST_FOR_MS = 2_000;

/**
 * Each open poll of this process makes the pauses of all polls this much longer: a thousand polls look twice a second.
 */
const POLL_STRETCH_MS = 0.5;

const READ_WITHIN_MS = 3_000;

export function createOrderReader(deps: OrderReaderDeps): OrderReader {
  let polls = 0;
  const find = async (tenantId: string, orderId: string): Promise<OrderView | null> => {
    const record = await deps.orders.findOptional(tenantId, orderId);
    if (record === null) return findUnopened(deps, tenantId, orderId);
    const [view] = await compose(deps, [record]);
    return view ?? null;
  };
  return {
    find,
    findAtRest: async (tenantId, orderId, { waitMs, signal }) => {
      polls += 1;
      try {
        const isThere = await waitForRest(deps, {
          tenantId,
          orderId,
          waitMs,
          signal,
          stretchMs: () => polls * POLL_STRETCH_MS,
        });
        return isThere ? await find(tenantId, orderId) : null;
      } finally {
        polls -= 1;
      }
    },
    isPlacedBy: async (subject, tenantId, orderId) => {
      const row = await deps.orders.findPlacer(tenantId, orderId);
      const placer = row === null ? (await describeMemo(deps, tenantId, orderId))?.placedBy : row.placedBy;
      return placer === subject;
    },
    list: async (query) => compose(deps, await deps.orders.list(query)),
    requestHash: async (tenantId, orderId) => {
      const row = await deps.orders.findOptionalInShort(tenantId, orderId).catch(() => null);
      return row?.requestHash ?? (await describeMemo(deps, tenantId, orderId))?.requestHash ?? null;
    },
    earlierRequestHash: (tenantId, orderId) => deps.orders.findEarlierHash(tenantId, orderId).catch(() => null),
  };
}

interface Wait extends Patience {
  readonly tenantId: string;
  readonly orderId: string;
  /** Shortest time between two looks. */
  readonly stretchMs: () => number;
}

/** Resolves when the order is at rest, or the time is over; to false when the order does not exist. */
async function waitForRest(
  deps: OrderReaderDeps,
  { tenantId, orderId, waitMs, signal, stretchMs }: Wait,
): Promise<boolean> {
  const started = performance.now();
  let state = await deps.orders.pollInShort(tenantId, orderId);
  if (state === null && (await describeMemo(deps, tenantId, orderId)) === null) return false;
  while (state === null || (!isAtRest(state.status) && !state.attention)) {
    const waitedMs = performance.now() - started;
    if (waitedMs >= waitMs || signal.aborted) break;
    const pollMs = Math.max(waitedMs < POLL_FAST_FOR_MS ? POLL_FAST_MS : POLL_SLOW_MS, stretchMs());
    await pause(Math.min(pollMs, waitMs - waitedMs), signal);
    state = await deps.orders.pollInShort(tenantId, orderId);
  }
  return true;
}

async function compose(deps: OrderReaderDeps, records: readonly OrderRecord[]): Promise<OrderView[]> {
  const ids = records.map((record) => record.orderId);
  if (ids.length === 0) return [];
  const [reservations, payments] = await Promise.all([
    deps.reservations.listByOrder(ids),
    deps.payments.summaries(ids),
  ]);
  const byOrder = Map.groupBy(reservations, (reservation) => reservation.orderId);
  return records.map((record) => {
    const { orderId } = record;
    return toView(deps, record, { reservations: byOrder.get(orderId) ?? [], payment: payments.get(orderId) });
  });
}

/** An order's rows in the schemas of stock and money. */
interface Effects {
  readonly reservations: readonly ReservationRecord[];
  readonly payment: PaymentSummary | undefined;
}

function toView(deps: OrderReaderDeps, record: OrderRecord, { reservations, payment }: Effects): OrderView {
  const lines = lineViews(record.lines, reservations);
  const held = reservations.find((reservation) => reservation.state === 'HELD');
  return {
    id: record.orderId,
    status: record.status,
    reason: record.reason,
    reasonDetails: record.reasonDetails,
    attention: record.attention && { ...record.attention, openedAt: new Date(record.attention.openedAt).toISOString() },
    reference: record.reference,
    customer: { id: record.customerId },
    currency: record.currency,
    totalMinor: record.totalMinor ?? heldTotalOf(lines),
    lines,
    payment: paymentView(record, payment, deps.capabilities),
    holdExpiresAt: instantOf(held?.expiresAt),
    captureBy: instantOf(record.captureBy),
    confirmedAt: instantOf(record.confirmedAt),
    cancelableUntil: instantOf(cancelableUntilOf(record, deps.cancelWindowSeconds)),
    version: record.version,
    createdAt: record.createdAt.toISOString(),
    updatedAt: record.updatedAt.toISOString(),
    correlationId: record.correlationId,
    traceId: traceIdOf(record.traceparent),
    workflow: workflowLink(deps, record.orderId),
  };
}

function instantOf(time: Date | null | undefined): string | null {
  return time?.toISOString() ?? null;
}

function lineViews(lines: OrderRecord['lines'], reservations: readonly ReservationRecord[]): OrderView['lines'] {
  const bySku = new Map(reservations.map((reservation) => [reservation.sku, reservation]));
  return lines.map(({ sku, quantity }) => {
    const found = bySku.get(sku);
    return { sku, quantity, unitPriceMinor: found?.unitPriceMinor ?? null, reservation: found?.state ?? null };
  });
}

function paymentView(
  record: OrderRecord,
  payment: PaymentSummary | undefined,
  capabilities: PaymentCapabilities,
): OrderView['payment'] {
  const { balance, lastCharge } = payment ?? { balance: EMPTY_BALANCE, lastCharge: null };
  const { authorizedMinor, capturedMinor, refundedMinor } = balance;
  const takenMinor = capturedMinor + record.captureUnderWayMinor;
  return {
    state: paymentStateOf(balance, lastCharge),
    authorizedMinor,
    capturedMinor,
    refundedMinor,
    method: record.paymentMethod,
    capture: record.captureMode,
    capturableMinor: capturableMinorOf({ ...record, ...balance, takenMinor }, capabilities),
  };
}

/** The frozen total, when every line has its frozen price. */
function heldTotalOf(lines: OrderView['lines']): number | null {
  const priced = lines.filter((line): line is typeof line & PricedLine => line.unitPriceMinor !== null);
  return priced.length === lines.length ? totalOf(priced) : null;
}

/** Between the accept and the first step there is no row; the order is read from its workflow's start. */
async function findUnopened(deps: OrderReaderDeps, tenantId: string, orderId: string): Promise<OrderView | null> {
  const memo = await describeMemo(deps, tenantId, orderId);
  if (memo === null) return null;
  const { input, startedAt } = await readStart(deps, orderId);
  const { request } = input;
  return {
    id: orderId,
    status: 'PENDING',
    reason: null,
    reasonDetails: null,
    attention: null,
    reference: request.reference,
    customer: { id: request.customerId },
    currency: request.currency,
    totalMinor: null,
    lines: request.lines.map((line) => ({ ...line, unitPriceMinor: null, reservation: null })),
    payment: {
      state: 'NONE',
      authorizedMinor: 0,
      capturedMinor: 0,
      refundedMinor: 0,
      method: request.paymentMethod,
      capture: request.captureMode,
      capturableMinor: null,
    },
    holdExpiresAt: null,
    captureBy: null,
    confirmedAt: null,
    cancelableUntil: null,
    version: 0,
    createdAt: startedAt,
    updatedAt: startedAt,
    correlationId: input.correlationId,
    traceId: traceIdOf(input.traceparent),
    workflow: workflowLink(deps, orderId),
  };
}

async function describeMemo(deps: OrderReaderDeps, tenantId: string, orderId: string): Promise<OrderMemo | null> {
  if (!deps.health.isUp()) throw notReadable();
  try {
    const workflowId = orderWorkflowId(orderId);
    const found = await callWithin(READ_WITHIN_MS, deps.client, () => describeWorkflow(deps.client, workflowId));
    const memo = found?.memo;
    return memo?.['tenantId'] === tenantId ? (memo as unknown as OrderMemo) : null;
  } catch {
    throw notReadable();
  }
}

async function readStart({ client }: OrderReaderDeps, orderId: string): Promise<OrderStart> {
  try {
    const start = await callWithin(READ_WITHIN_MS, client, () => readOrderStart(client, orderId));
    if (start === null) throw notReadable();
    return start;
  } catch (error) {
    if (isNoAnswer(error)) throw notReadable();
    throw error;
  }
}

function notReadable(): Error {
  return unavailable('the order has no row yet and Temporal does not answer');
}

function workflowLink({ workflowUrl }: OrderReaderDeps, orderId: string): OrderView['workflow'] {
  const id = orderWorkflowId(orderId);
  return { id, url: workflowUrl(id) };
}
