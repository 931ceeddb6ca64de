import type { CaseState } from '../../../src/domain/case.ts';
import type { CommandDecision, CommandKind } from '../../../src/domain/command.ts';
import type { OrderLine } from '../../../src/domain/order.ts';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import type {
  CaptureMode,
  PaymentBalance,
  PaymentKind,
  PaymentOperationState,
} from '../../../src/domain/payments/payment.ts';
import type { ReservationState } from '../../../src/domain/inventory/reservation.ts';
import type { Database, Databases, Statement, Transaction } from '../../client.ts';
import {
  BALANCES,
  CASES,
  CLOSING_DIFFERENCES,
  COMMANDS,
  DOUBLED_ORDERS,
  EVENTS,
  LINES,
  MESSAGES,
  MOVED_FIGURES,
  OPERATIONS,
  ORDERS,
  ORDER_IDS,
  ORDERS_PAGE,
  RESERVATIONS,
  SKU_FIGURES,
  SKUS_OF_ORDERS,
  SNAPSHOT,
  STRAY_MOVEMENTS,
  type ScopedStatement,
} from './audit-statements.ts';

/**
 * Which orders' rows to read: those with the given ids, or those after one id and, unless it is null, up to another.
 */
export type AuditScope =
  | { readonly orderIds: readonly string[] }
  | { readonly after: string; readonly upTo: string | null };

/** A row that belongs to an order. */
interface OfOrder {
  readonly orderId: string;
  readonly tenantId: string;
}

/** An order as the auditor sees it. */
export interface AuditedOrder extends OfOrder {
  readonly idempotencyKey: string;
  readonly status: OrderStatus;
  readonly captureMode: CaptureMode;
  readonly currency: string;
  readonly totalMinor: number | null;
  readonly version: number;
  /** The command that moves the order's money right now. */
  readonly ownerCommandId: string | null;
}

/** One entry of an order's history. */
export interface AuditedEvent extends OfOrder {
  readonly seq: number;
  readonly from: OrderStatus | null;
  readonly to: OrderStatus | null;
  readonly at: Date;
}

/** A command that has been answered. */
export interface AuditedCommand extends OfOrder {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly decision: CommandDecision;
  readonly generation: number | null;
  readonly amountMinor: number | null;
}

/** A case of an order. The order may have no row yet. */
export interface AuditedCase extends OfOrder {
  readonly step: string;
  /** The workflow that is parked. */
  readonly workflowId: string;
  readonly state: CaseState;
}

/** A reserved line, or a tombstone. */
export interface AuditedReservation extends OfOrder, OrderLine {
  readonly unitPriceMinor: number | null;
  readonly state: ReservationState;
}

/** An effect that was asked of the provider. */
export interface AuditedOperation extends OfOrder {
  readonly key: string;
  readonly kind: PaymentKind;
  readonly generation: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly state: PaymentOperationState;
  readonly providerRef: string | null;
  /** When the state last changed, by the payments database's clock. */
  readonly updatedAt: Date;
}

/** The sums that the trigger keeps. */
export interface AuditedBalance extends OfOrder, PaymentBalance {}

/** Rows of the `orders` schema in one snapshot. */
export interface OrdersSlice {
  readonly orders: readonly AuditedOrder[];
  readonly lines: readonly (OrderLine & Pick<OfOrder, 'orderId'>)[];
  readonly events: readonly AuditedEvent[];
  readonly cases: readonly AuditedCase[];
  readonly commands: readonly AuditedCommand[];
}

/** A page of orders, and the range by which the other schemas are read: `upTo` is null on the last page. */
export interface OrdersPage extends OrdersSlice {
  readonly scope: { readonly after: string; readonly upTo: string | null };
}

/** Rows of the `payments` schema in one snapshot. */
export interface PaymentsSlice {
  readonly operations: readonly AuditedOperation[];
  readonly balances: readonly AuditedBalance[];
}

/** A SKU of one tenant. */
export interface TenantSku {
  readonly tenantId: string;
  readonly sku: string;
}

/** The stock figures of one SKU beside the sums of its movements, in one snapshot. */
export interface MovedFigures extends TenantSku {
  /** Null when the SKU has movements or reservations but no stock row. */
  readonly onHand: number | null;
  readonly reserved: number | null;
  /** The sums over all movements. */
  readonly movedOnHand: number;
  readonly movedReserved: number;
}

/** The stock figures of one SKU beside all rows that they can be computed from, in one snapshot. */
export interface SkuFigures extends MovedFigures {
  /** Pieces that were added: the initial stock and all adjustments. */
  readonly supplied: number;
  /** Pieces in HELD and in COMMITTED reservations. */
  readonly held: number;
  readonly committed: number;
}

/** A movement whose tenant differs from the tenant of its reservation. */
export interface StrayMovement {
  readonly orderId: string;
  readonly sku: string;
  readonly movementTenantId: string;
  readonly reservationTenantId: string;
}

/** A SKU whose closing entry is not the sum of its archived rows: on hand, reserved, sold. */
export interface ClosingDifference extends TenantSku {
  readonly entry: string;
  readonly sums: string;
}

/**
 * Reads for the audit, over all tenants. Each method reads one schema in one snapshot, and the caller joins the
 * schemas. A range contains every row in it, so rows without an order are found too.
 */
export interface AuditRepository {
  /** The orders that follow an id, sorted by id. */
  pageOrders(after: string, limit: number): Promise<OrdersPage>;
  /** The ids of the orders that follow an id, sorted. */
  listOrderIds(after: string, limit: number): Promise<string[]>;
  listOrders(orderIds: readonly string[]): Promise<OrdersSlice>;
  listReservations(scope: AuditScope): Promise<AuditedReservation[]>;
  listPayments(scope: AuditScope): Promise<PaymentsSlice>;
  listMessages(scope: AuditScope): Promise<OfOrder[]>;
  /** Some of the SKUs that these orders name. */
  listSkusOf(orderIds: readonly string[], limit: number): Promise<TenantSku[]>;
  listSkuFigures(): Promise<SkuFigures[]>;
  /** The figures of some SKUs, without those that have more movements than `movementsMax`. */
  listMovedFigures(skus: readonly TenantSku[], movementsMax: number): Promise<MovedFigures[]>;
  /** The first thousand of them. */
  listStrayMovements(): Promise<StrayMovement[]>;
  /** The first thousand of them. */
  listClosingDifferences(): Promise<ClosingDifference[]>;
  /** The ids of orders that are both hot and archived: the first thousand of them. */
  listDoubledOrders(): Promise<string[]>;
}

export function createAuditRepository(databases: Databases): AuditRepository {
  return {
    pageOrders: (after, limit) =>
      inSnapshot(databases.orders, async (tx) => {
        const orders = await tx.run<AuditedOrder>(ORDERS_PAGE, [after, limit]);
        const scope = { after, upTo: orders.length < limit ? null : (orders.at(-1)?.orderId ?? null) };
        return { scope, orders, ...(await readAround(tx, scope)) };
      }),
    listOrderIds: async (after, limit) => {
      const rows = await databases.orders.run<{ orderId: string }>(ORDER_IDS, [after, limit]);
      return rows.map(({ orderId }) => orderId);
    },
    listOrders: (orderIds) =>
      inSnapshot(databases.orders, async (tx) => {
        const scope = { orderIds };
        return { orders: await read<AuditedOrder>(tx, ORDERS, scope), ...(await readAround(tx, scope)) };
      }),
    listReservations: (scope) => read(databases.inventory, RESERVATIONS, scope),
    listPayments: (scope) =>
      inSnapshot(databases.payments, async (tx) => ({
        operations: await read<AuditedOperation>(tx, OPERATIONS, scope),
        balances: await read<AuditedBalance>(tx, BALANCES, scope),
      })),
    listMessages: (scope) => read(databases.notifications, MESSAGES, scope),
    listSkusOf: (orderIds, limit) => databases.orders.run(SKUS_OF_ORDERS, [[...orderIds], limit]),
    listSkuFigures: () => databases.inventory.run(SKU_FIGURES, []),
    listMovedFigures: (skus, movementsMax) =>
      databases.inventory.run(MOVED_FIGURES, [
        skus.map(({ tenantId }) => tenantId),
        skus.map(({ sku }) => sku),
        movementsMax,
      ]),
    listStrayMovements: () => databases.inventory.run(STRAY_MOVEMENTS, []),
    listClosingDifferences: () => databases.inventory.run(CLOSING_DIFFERENCES, []),
    listDoubledOrders: async () => {
      const rows = await databases.orders.run<{ orderId: string }>(DOUBLED_ORDERS, []);
      return rows.map(({ orderId }) => orderId);
    },
  };
}

async function readAround(tx: Transaction, scope: AuditScope): Promise<Omit<OrdersSlice, 'orders'>> {
  return {
    lines: await read<OrdersSlice['lines'][number]>(tx, LINES, scope),
    events: await read<AuditedEvent>(tx, EVENTS, scope),
    cases: await read<AuditedCase>(tx, CASES, scope),
    commands: await read<AuditedCommand>(tx, COMMANDS, scope),
  };
}

function inSnapshot<Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  return db.transaction(async (tx) => {
    await tx.run(SNAPSHOT, []);
    return work(tx);
  });
}

function read<Row extends object>(db: Transaction, statements: ScopedStatement, scope: AuditScope): Promise<Row[]> {
  const [statement, values] = choose(statements, scope);
  return db.run<Row>(statement, values);
}

/** Each form of scope has a statement of its own, so that each has a plan that uses the index. */
function choose(statements: ScopedStatement, scope: AuditScope): [Statement, readonly unknown[]] {
  if ('orderIds' in scope) return [statements.byIds, [[...scope.orderIds]]];
  if (scope.upTo === null) return [statements.after, [scope.after]];
  return [statements.between, [scope.after, scope.upTo]];
}
