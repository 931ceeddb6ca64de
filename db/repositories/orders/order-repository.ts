import { and, eq, inArray } from 'drizzle-orm';
import type { OrderOwnership } from '../../../src/domain/command.ts';
import type { SealedContact } from '../../../src/domain/personal-data/contact-sealer.ts';
import { OrderStateConflictError } from '../../../src/domain/errors.ts';
import type { OrderMove, OrderMoveListener } from '../../../src/domain/order-move.ts';
import type { OrderRequest, Refusal } from '../../../src/domain/order.ts';
import { statusesLeadingTo, type OrderStatus } from '../../../src/domain/order-status.ts';
import { createOrderPolls } from './order-polls.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database } from '../../client.ts';
import { orderEvents, orders } from '../../schema/orders.ts';
import { RELEASE_ORDER } from './command-statements.ts';
import { listOrders, type OrderListQuery } from './order-list.ts';
import type { OrderRecord } from './order-record.ts';
import {
  FIND_ORDER,
  FIND_OWNERS,
  FIND_OWNERSHIP,
  FIND_PLACER,
  OPEN_ORDER,
  ORDER_IN_SHORT,
  RECORD_EXPIRY,
  RECORD_REFUSAL,
  TRANSITION_ORDER,
} from './order-statements.ts';

/** The fields of a new order that the first step stores. */
export interface NewOrder {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly firstExecutionRunId: string;
  readonly correlationId: string;
  readonly traceparent?: string;
  readonly placedBy?: string;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
}

/** The order's row, written now or earlier. */
export interface OpenedOrder {
  readonly status: OrderStatus;
  readonly refusal: Refusal | null;
  readonly totalMinor: number | null;
  readonly captureBy: Date | null;
  readonly confirmedAt: Date | null;
  readonly firstExecutionRunId: string;
  readonly owner: OrderOwnership | null;
}

/** The tenant and the status of an order. */
export interface OrderOwner {
  readonly orderId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly currency: string;
  readonly status: OrderStatus;
  /** Whether a command of this service moves the order's money right now. */
  readonly isOwned: boolean;
}

/** One entry of an order's history. */
export interface OrderEventRecord {
  readonly seq: number;
  readonly at: Date;
  readonly type: string;
  readonly from: OrderStatus | null;
  readonly to: OrderStatus | null;
  readonly actor: string;
  readonly data: Record<string, unknown>;
}

/** A guarded change of status with its event. */
export interface OrderTransition {
  readonly orderId: string;
  readonly to: OrderStatus;
  readonly eventType: string;
  readonly actor: string;
  readonly totalMinor?: number;
  readonly refusal?: Refusal;
  /** For manual capture: how long the order waits, by the database's clock. The first deadline stays. */
  readonly captureWithinMs?: number;
  /** The command that owns the order; its ownership ends with this change. Absent when no command owns the order. */
  readonly ownerId?: string | undefined;
  /** The workflow that moves the order; absent when none does. */
  readonly workflowId?: string | undefined;
  /** Data of the event beside the total and the refusal. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** An order after its change of status. */
export interface Transitioned {
  readonly version: number;
  readonly captureBy: Date | null;
  /** False when the workflow that moved the order has no open case. */
  readonly mayLeaveCases: boolean;
}

/** Orders and their history. Only `transition` writes the status. */
export interface OrderRepository {
  /** Writes row, lines and first event in one statement unless the order exists; returns the stored order. */
  open(order: NewOrder): Promise<OpenedOrder>;
  /** Stores the decision to reject while the order is PENDING; the first decision stays. */
  recordRefusal(orderId: string, refusal: Refusal): Promise<Refusal>;
  /**
   * Stores the decision that an authorized order expires while `ownerId` owns it (null: no command does), and returns
   * the order's version at the decision. Repeating it is harmless.
   * @throws {OrderStateConflictError} when the order has another owner, or no longer waits for a capture.
   */
  recordExpiry(orderId: string, ownerId: string | null): Promise<number>;
  /** The command that owns the order. */
  findOwnership(orderId: string): Promise<OrderOwnership | null>;
  /**
   * Changes the status and writes the event in one statement, if the present status allows it and `ownerId` owns the
   * order. Repeating it is harmless. Afterwards no command owns the order.
   * @throws {OrderStateConflictError} when the order's status does not lead to the new one, or another command owns the
   * order.
   */
  transition(change: OrderTransition): Promise<Transitioned>;
  /** The order; null when the tenant does not have it. */
  findOptional(tenantId: string, orderId: string): Promise<OrderRecord | null>;
  /** Who placed the order (null: not known); null when the tenant does not have it. */
  findPlacer(tenantId: string, orderId: string): Promise<{ readonly placedBy: string | null } | null>;
  /** Tenant and status of an order of any tenant, for reports of a payment provider, which does not know tenants. */
  findOwner(orderId: string): Promise<OrderOwner | null>;
  /** The owners by order id; an order that does not exist is absent. */
  findOwners(orderIds: readonly string[]): Promise<Map<string, OrderOwner>>;
  /** The status, and whether a case is open: a long poll needs nothing else, and the primary key finds it. */
  findOptionalInShort(
    tenantId: string,
    orderId: string,
  ): Promise<{ readonly status: OrderStatus; readonly attention: boolean; readonly requestHash: string } | null>;
  /**
   * The same in one statement for all callers that ask while another statement runs, so that thousands of polls cost a
   * few reads.
   */
  pollInShort(
    tenantId: string,
    orderId: string,
  ): Promise<{ readonly status: OrderStatus; readonly attention: boolean } | null>;
  /**
   * The request hash of an order that was opened a minute ago or earlier; null when there is none. All callers that ask
   * while a statement runs share the next one, because every new order asks.
   */
  findEarlierHash(tenantId: string, orderId: string): Promise<string | null>;
  list(query: OrderListQuery): Promise<OrderRecord[]>;
  /** The ids that have a row. */
  listKnown(orderIds: readonly string[]): Promise<string[]>;
  timeline(tenantId: string, orderId: string): Promise<OrderEventRecord[]>;
}

export function createOrderRepository(db: Database, onMove: OrderMoveListener = () => {}): OrderRepository {
  const polls = createOrderPolls(db);
  return {
    open: (order) => openOrder(db, order, onMove),
    recordRefusal: (orderId, refusal) => recordRefusal(db, orderId, refusal),
    recordExpiry: (orderId, ownerId) => recordExpiry(db, orderId, ownerId),
    findOwnership: (orderId) => findOwnership(db, orderId),
    transition: (change) => transition(db, change, onMove),
    findOptional: async (tenantId, orderId) => {
      const [row] = await db.run<OrderRecord>(FIND_ORDER, [tenantId, orderId]);
      return row ?? null;
    },
    findPlacer: async (tenantId, orderId) => {
      const [row] = await db.run<{ placedBy: string | null }>(FIND_PLACER, [tenantId, orderId]);
      return row ?? null;
    },
    findOwner: async (orderId) => {
      const [row] = await acrossTenants(() => db.run<OrderOwner>(FIND_OWNERS, [[orderId]]));
      return row ?? null;
    },
    findOwners: async (orderIds) => {
      const owners = await acrossTenants(() => db.run<OrderOwner>(FIND_OWNERS, [[...orderIds]]));
      return new Map(owners.map((owner) => [owner.orderId, owner]));
    },
    findOptionalInShort: async (tenantId, orderId) => {
      const [row] = await db.run<{ status: OrderStatus; attention: boolean; requestHash: string }>(ORDER_IN_SHORT, [
        tenantId,
        orderId,
      ]);
      return row ?? null;
    },
    findEarlierHash: polls.earlierHash,
    pollInShort: polls.inShort,
    list: (query) => listOrders(db, query),
    listKnown: async (orderIds) => {
      const rows = await db.query((orm) =>
        orm
          .select({ orderId: orders.orderId })
          .from(orders)
          .where(inArray(orders.orderId, [...orderIds])),
      );
      return rows.map(({ orderId }) => orderId);
    },
    timeline: (tenantId, orderId) =>
      db.query((orm) =>
        orm
          .select({
            seq: orderEvents.seq,
            at: orderEvents.at,
            type: orderEvents.type,
            from: orderEvents.fromStatus,
            to: orderEvents.toStatus,
            actor: orderEvents.actor,
            data: orderEvents.data,
          })
          .from(orderEvents)
          .where(and(eq(orderEvents.orderId, orderId), eq(orderEvents.tenantId, tenantId)))
          .orderBy(orderEvents.seq),
      ),
  };
}

async function openOrder(db: Database, order: NewOrder, onMove: OrderMoveListener): Promise<OpenedOrder> {
  const { request } = order;
  const [opened] = await db.run<{ created: boolean }>(OPEN_ORDER, [
    order.orderId,
    order.tenantId,
    order.idempotencyKey,
    order.requestHash,
    order.firstExecutionRunId,
    order.correlationId,
    request.customerId,
    order.sealedContact === null ? null : JSON.stringify(order.sealedContact),
    request.currency,
    request.paymentMethod,
    request.captureMode,
    request.expectedTotalMinor,
    request.reference,
    JSON.stringify(request.lines),
    order.traceparent ?? null,
    order.placedBy ?? null,
  ]);
  if (opened?.created === true) {
    const { firstExecutionRunId, orderId, tenantId, correlationId } = order;
    const opened = { from: null, to: 'PENDING', version: 1, reason: null, reasonDetails: null } as const;
    onMove({ orderId, tenantId, correlationId, ...opened });
    const untouched = { refusal: null, totalMinor: null, captureBy: null, confirmedAt: null, owner: null };
    return { status: 'PENDING', ...untouched, firstExecutionRunId };
  }
  return findOpened(db, order.orderId);
}

async function findOpened(db: Database, orderId: string): Promise<OpenedOrder & { readonly version: number }> {
  const [row] = await db.query((orm) =>
    orm
      .select({
        status: orders.status,
        version: orders.version,
        refusal: orders.refusal,
        totalMinor: orders.totalMinor,
        captureBy: orders.captureBy,
        confirmedAt: orders.confirmedAt,
        firstExecutionRunId: orders.firstExecutionRunId,
      })
      .from(orders)
      .where(eq(orders.orderId, orderId)),
  );
  if (row === undefined) throw new OrderStateConflictError(orderId, 'absent', 'opened');
  return { ...row, owner: await findOwnership(db, orderId) };
}

async function findOwnership(db: Database, orderId: string): Promise<OrderOwnership | null> {
  const [row] = await db.run<OrderOwnership>(FIND_OWNERSHIP, [orderId]);
  return row ?? null;
}

/** The reason that an order's EXPIRED status is written with. */
const EXPIRY: Refusal = { reason: 'payment_expired', details: null };

async function recordExpiry(db: Database, orderId: string, ownerId: string | null): Promise<number> {
  const [row] = await db.run<{ version: number }>(RECORD_EXPIRY, [orderId, ownerId, JSON.stringify(EXPIRY)]);
  if (row !== undefined) return row.version;
  const found = await findOpened(db, orderId);
  // An earlier attempt has stored the decision; only the order's end changes it from here.
  if (found.status === 'AWAITING_CAPTURE' && found.refusal !== null) return found.version;
  throw new OrderStateConflictError(orderId, found.status, 'expired');
}

async function recordRefusal(db: Database, orderId: string, refusal: Refusal): Promise<Refusal> {
  const [row] = await db.run<{ refusal: Refusal }>(RECORD_REFUSAL, [orderId, JSON.stringify(refusal)]);
  if (row !== undefined) return row.refusal;
  const found = await findOpened(db, orderId);
  if (found.refusal !== null) return found.refusal;
  throw new OrderStateConflictError(orderId, found.status, 'refused');
}

/** The row after a transition, with its tenant. */
interface MovedOrder extends Pick<OrderMove, 'tenantId' | 'correlationId' | 'from' | 'version'> {
  readonly captureBy: Date | null;
  readonly mayLeaveCases: boolean;
}

async function transition(db: Database, change: OrderTransition, onMove: OrderMoveListener): Promise<Transitioned> {
  const { orderId, to, refusal } = change;
  const [moved] = await db.run<MovedOrder>(TRANSITION_ORDER, transitionColumns(change));
  if (moved !== undefined) {
    const { version, captureBy, mayLeaveCases, ...whose } = moved;
    onMove({ ...whose, orderId, to, version, ...refusalColumns(refusal) });
    return { version, captureBy, mayLeaveCases };
  }
  return findTransition(db, change);
}

function transitionColumns({ orderId, to, eventType, actor, ...change }: OrderTransition): unknown[] {
  const { totalMinor = null, refusal, captureWithinMs = null, ownerId = null, workflowId = null } = change;
  const { reason, reasonDetails } = refusalColumns(refusal);
  const details = reasonDetails === null ? null : JSON.stringify(reasonDetails);
  const told = { ...(refusal ?? (totalMinor === null ? {} : { totalMinor })), ...change.data };
  return [
    orderId,
    statusesLeadingTo(to),
    to,
    totalMinor,
    reason,
    details,
    eventType,
    actor,
    JSON.stringify(told),
    captureWithinMs,
    ownerId,
    workflowId,
  ];
}

function refusalColumns(refusal: Refusal | undefined): Pick<OrderMove, 'reason' | 'reasonDetails'> {
  return { reason: refusal?.reason ?? null, reasonDetails: refusal?.details ?? null };
}

/**
 * The order's present state after no row was changed.
 * @throws {OrderStateConflictError} when the order is in another status.
 */
async function findTransition(db: Database, change: OrderTransition): Promise<Transitioned> {
  const [row] = await db.query((orm) =>
    orm
      .select({ status: orders.status, version: orders.version, captureBy: orders.captureBy })
      .from(orders)
      .where(eq(orders.orderId, change.orderId)),
  );
  // An earlier attempt of the same step has succeeded, so its result is returned.
  if (row?.status === change.to) {
    // A worker of the previous version, which does not know owners, has moved the status.
    if (change.ownerId !== undefined) {
      await db.run(RELEASE_ORDER, [change.orderId, change.ownerId, 'order.command_ended', '{}']);
    }
    return { version: row.version, captureBy: row.captureBy, mayLeaveCases: true };
  }
  throw new OrderStateConflictError(change.orderId, row?.status ?? 'absent', change.to);
}
