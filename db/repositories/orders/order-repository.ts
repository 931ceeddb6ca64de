import { and, eq, inArray } from 'drizzle-orm';
import type { OrderOwnership } from '../../../src/domain/command.ts';
import type { SealedContact } from '../../../src/domain/personal-data/contact-sealer.ts';
import { OrderStateConflictError } from '../../../src/domain/errors.ts';
import type { OrderMove, OrderMoveListener } from '../../../src/domain/order-move.ts';
import type { OrderRequest, Refusal } from '../../../src/domain/order.ts';
import { statusesLeadingTo, type OrderStatus } from '../../../src/domain/order-status.ts';
import { createOrderPolls } from './order-polls.ts';
import type { Database } from '../../client.ts';
import { orderEvents, orders } from '../../schema/orders.ts';
import { RELEASE_ORDER } from './command-statements.ts';
import { listOrders, type OrderListQuery } from './order-list.ts';
import type { OrderRecord } from './order-record.ts';
import {
  FIND_ORDER,
  FIND_OWNERS,
  FIND_OWNERSHIP,
  OPEN_ORDER,
  ORDER_IN_SHORT,
  RECORD_EXPIRY,
  RECORD_REFUSAL,
  TRANSITION_ORDER,
} from './order-statements.ts';

/** What the first step stores of a new order. */
export interface NewOrder {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly firstExecutionRunId: string;
  readonly correlationId: string;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
}

/** The row that was there, or is there now. */
export interface OpenedOrder {
  readonly status: OrderStatus;
  readonly refusal: Refusal | null;
  readonly totalMinor: number | null;
  readonly captureBy: Date | null;
  readonly confirmedAt: Date | null;
  readonly firstExecutionRunId: string;
  readonly owner: OrderOwnership | null;
}

/** Whose order it is, and where it is. */
export interface OrderOwner {
  readonly orderId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  readonly currency: string;
  readonly status: OrderStatus;
  /** A command of ours moves its money right now. */
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

/** A guarded status change with its event. */
export interface OrderTransition {
  readonly orderId: string;
  readonly to: OrderStatus;
  readonly eventType: string;
  readonly actor: string;
  readonly totalMinor?: number;
  readonly refusal?: Refusal;
  /** Manual capture: how long it waits, by the database's clock. The first time stays. */
  readonly captureWithinMs?: number;
  /** The command that owns the order, and gives it back with this change; absent: none does. */
  readonly ownerId?: string | undefined;
  /** What the event tells beside the total and the refusal. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Orders and their history; the status has one writer path, `transition`. */
export interface OrderRepository {
  /** Writes row, lines and first event unless the order exists; returns what is stored. One statement. */
  open(order: NewOrder): Promise<OpenedOrder>;
  /** Stores the decision to reject while the order is PENDING; the first decision stays. */
  recordRefusal(orderId: string, refusal: Refusal): Promise<Refusal>;
  /**
   * Stores the decision that an authorized order expires while `ownerId` owns it (null: nobody does), and returns the
   * version of it; repeating it is harmless.
   * @throws {OrderStateConflictError} when the order has another owner, or does not wait for a capture any more.
   */
  recordExpiry(orderId: string, ownerId: string | null): Promise<number>;
  /** The command that owns the order. */
  findOwnership(orderId: string): Promise<OrderOwnership | null>;
  /**
   * Changes the status if the present one allows it and the owner is who says so, with its event in the same statement;
   * repeating it is harmless. Afterwards nobody owns the order.
   * @throws {OrderStateConflictError} when the order is in a status that does not lead there, or another command owns it.
   */
  transition(change: OrderTransition): Promise<{ readonly version: number; readonly captureBy: Date | null }>;
  /** Null when the tenant has no such order. */
  findOptional(tenantId: string, orderId: string): Promise<OrderRecord | null>;
  /** Whose order it is, whoever asks: for what comes from a payment provider, which knows no tenants. */
  findOwner(orderId: string): Promise<OrderOwner | null>;
  /** By order id; an order that is not there is absent. */
  findOwners(orderIds: readonly string[]): Promise<Map<string, OrderOwner>>;
  /** Status and whether a case is open: what a long poll needs, from the primary key alone. */
  findOptionalInShort(
    tenantId: string,
    orderId: string,
  ): Promise<{ readonly status: OrderStatus; readonly attention: boolean; readonly requestHash: string } | null>;
  /** The same, in one statement with all others who ask while another one runs: polls by the thousand cost a few reads. */
  pollInShort(
    tenantId: string,
    orderId: string,
  ): Promise<{ readonly status: OrderStatus; readonly attention: boolean } | null>;
  /**
   * The request hash of an order that was opened a minute ago or earlier; null when there is none. All that ask while a
   * statement runs share the next one, because every new order asks.
   */
  findEarlierHash(tenantId: string, orderId: string): Promise<string | null>;
  list(query: OrderListQuery): Promise<OrderRecord[]>;
  /** Those of the ids that have a row. */
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
    findOwner: async (orderId) => {
      const [row] = await db.run<OrderOwner>(FIND_OWNERS, [[orderId]]);
      return row ?? null;
    },
    findOwners: async (orderIds) => {
      const owners = await db.run<OrderOwner>(FIND_OWNERS, [[...orderIds]]);
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

/** The refusal of an order that expires: the reason that EXPIRED is written with. */
const EXPIRY: Refusal = { reason: 'payment_expired', details: null };

async function recordExpiry(db: Database, orderId: string, ownerId: string | null): Promise<number> {
  const [row] = await db.run<{ version: number }>(RECORD_EXPIRY, [orderId, ownerId, JSON.stringify(EXPIRY)]);
  if (row !== undefined) return row.version;
  const found = await findOpened(db, orderId);
  // An earlier attempt got through; nothing but the end changes such an order.
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

/** The row after a transition, and whose it is. */
interface MovedOrder extends Pick<OrderMove, 'tenantId' | 'correlationId' | 'from' | 'version'> {
  readonly captureBy: Date | null;
}

type Transitioned = Pick<MovedOrder, 'version' | 'captureBy'>;

async function transition(db: Database, change: OrderTransition, onMove: OrderMoveListener): Promise<Transitioned> {
  const { orderId, to, refusal } = change;
  const [moved] = await db.run<MovedOrder>(TRANSITION_ORDER, transitionColumns(change));
  if (moved !== undefined) {
    const { version, captureBy, ...whose } = moved;
    onMove({ ...whose, orderId, to, version, ...refusalColumns(refusal) });
    return { version, captureBy };
  }
  return findTransition(db, change);
}

function transitionColumns({ orderId, to, eventType, actor, ...change }: OrderTransition): unknown[] {
  const { totalMinor = null, refusal, captureWithinMs = null, ownerId = null } = change;
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
  ];
}

function refusalColumns(refusal: Refusal | undefined): Pick<OrderMove, 'reason' | 'reasonDetails'> {
  return { reason: refusal?.reason ?? null, reasonDetails: refusal?.details ?? null };
}

/** What stands where nothing was moved. @throws {OrderStateConflictError} when the order is in another status. */
async function findTransition(db: Database, change: OrderTransition): Promise<Transitioned> {
  const [row] = await db.query((orm) =>
    orm
      .select({ status: orders.status, version: orders.version, captureBy: orders.captureBy })
      .from(orders)
      .where(eq(orders.orderId, change.orderId)),
  );
  // An earlier attempt of the same step got through: its result stands.
  if (row?.status === change.to) {
    // A worker of the version before moved the status and knew of no owner.
    if (change.ownerId !== undefined) {
      await db.run(RELEASE_ORDER, [change.orderId, change.ownerId, 'order.command_ended', '{}']);
    }
    return { version: row.version, captureBy: row.captureBy };
  }
  throw new OrderStateConflictError(change.orderId, row?.status ?? 'absent', change.to);
}
