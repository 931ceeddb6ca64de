import { and, asc, eq, inArray, lt, sql } from 'drizzle-orm';
import type { Offer } from '../../../src/domain/inventory/offer.ts';
import type { OrderLine, Shortage } from '../../../src/domain/order.ts';
import type { MOVEMENT_KINDS, ReservationState } from '../../../src/domain/inventory/reservation.ts';
import type { PricedLine } from '../../../src/domain/payments/money.ts';
import type { Database } from '../../client.ts';
import { reservations } from '../../schema/inventory.ts';
import {
  COMMIT_HELD,
  EXPIRE_HELD,
  EXTEND_HOLD,
  HOLD_STOCK,
  LIST_MOVEMENTS,
  LOCK_STOCK,
  RELEASE_RESERVATIONS,
  RESTORE_LINES,
  RETAKE_EXPIRED,
} from './reservation-statements.ts';

/** What an order asks to hold. */
export interface HoldRequest {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  readonly expectedTotalMinor: number | null;
  readonly ttlSeconds: number;
}

/** The result of the hold statement: either all lines are held now, or the offers tell why none is. */
export interface HoldAttempt {
  readonly held: boolean;
  /** The lines whose SKU exists, with the price and stock that were read under the row locks. */
  readonly offers: readonly Offer[];
}

/** A reservation row as stored. */
export interface ReservationRecord {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceMinor: number | null;
  readonly state: ReservationState;
  readonly expiresAt: Date | null;
}

/** Why the stock of a line changed. */
export type MovementKind = (typeof MOVEMENT_KINDS)[number];

/** A change of stock figures for an order. A movement is never changed. */
export interface StockMovement {
  readonly sku: string;
  readonly kind: MovementKind;
  readonly onHandDelta: number;
  readonly reservedDelta: number;
  readonly actor: string;
  readonly at: Date;
}

/**
 * Reservations, and the stock figures that they change. Every method locks the order's stock rows in SKU order before
 * it touches reservations, so two orders with common SKUs cannot deadlock.
 */
export interface ReservationRepository {
  /**
   * Holds all lines or none, in one statement. A reservation that exists already stops the statement without any
   * change.
   */
  hold(request: HoldRequest): Promise<HoldAttempt>;
  /** Holds an order's EXPIRED lines again, all or none, at their frozen prices. */
  retake(tenantId: string, orderId: string, ttlSeconds: number): Promise<{ held: boolean; shortages: Shortage[] }>;
  /** Keeps HELD lines for at least `seconds` from now; returns how many lines are held. */
  extend(orderId: string, seconds: number): Promise<number>;
  /** Changes HELD to COMMITTED and deducts the stock; returns how many lines changed. */
  commit(tenantId: string, orderId: string): Promise<number>;
  /**
   * Ends every line as RELEASED (EXPIRED lines stay), and restocks what was committed. A line without a row gets a
   * tombstone.
   */
  release(tenantId: string, orderId: string, lines: readonly OrderLine[]): Promise<void>;
  /** HELD lines whose time is up become EXPIRED; the statement compares state and expiry before it writes. */
  expire(tenantId: string, orderId: string): Promise<number>;
  /** Orders with a hold whose time is up, oldest first. */
  listExpired(limit: number): Promise<{ readonly tenantId: string; readonly orderId: string }[]>;
  listByOrder(orderIds: readonly string[]): Promise<ReservationRecord[]>;
  /** The movements in the order in which they happened. */
  listMovements(tenantId: string, orderId: string): Promise<StockMovement[]>;
}

export function createReservationRepository(db: Database): ReservationRepository {
  return {
    hold: async (request) => {
      const rows = await db.run<Offer & { held: boolean }>(HOLD_STOCK, [
        request.orderId,
        request.tenantId,
        JSON.stringify(request.lines),
        request.currency,
        request.expectedTotalMinor,
        request.ttlSeconds,
      ]);
      return { held: rows.some((row) => row.held), offers: rows };
    },
    retake: async (tenantId, orderId, ttlSeconds) => {
      const rows = await db.run<Shortage & { held: boolean }>(RETAKE_EXPIRED, [orderId, tenantId, ttlSeconds]);
      const short = rows.filter((row) => row.available < row.requested);
      return {
        held: rows.some((row) => row.held),
        shortages: short.map(({ sku, requested, available }) => ({ sku, requested, available })),
      };
    },
    extend: async (orderId, seconds) => {
      const rows = await db.run(EXTEND_HOLD, [orderId, seconds]);
      return rows.length;
    },
    commit: async (tenantId, orderId) => {
      const [row] = await db.run<{ lines: number }>(COMMIT_HELD, [orderId, tenantId]);
      return row?.lines ?? 0;
    },
    release: (tenantId, orderId, lines) =>
      db.transaction(async (tx) => {
        await tx.run(RESTORE_LINES, [orderId]);
        // The locks are taken by a statement of their own, because the next statement must see a hold that committed
        // meanwhile.
        await tx.run(LOCK_STOCK, [tenantId, lines.map((line) => line.sku)]);
        await tx.run(RELEASE_RESERVATIONS, [orderId, tenantId, JSON.stringify(lines)]);
      }),
    expire: async (tenantId, orderId) => {
      const [row] = await db.run<{ lines: number }>(EXPIRE_HELD, [orderId, tenantId]);
      return row?.lines ?? 0;
    },
    listExpired: (limit) =>
      db.query((orm) =>
        orm
          .selectDistinctOn([reservations.expiresAt, reservations.orderId], {
            tenantId: reservations.tenantId,
            orderId: reservations.orderId,
          })
          .from(reservations)
          .where(and(eq(reservations.state, 'HELD'), lt(reservations.expiresAt, sql`now()`)))
          .orderBy(asc(reservations.expiresAt), asc(reservations.orderId))
          .limit(limit),
      ),
    listByOrder: (orderIds) =>
      db.query((orm) =>
        orm
          .select({
            orderId: reservations.orderId,
            sku: reservations.sku,
            quantity: reservations.quantity,
            unitPriceMinor: reservations.unitPriceMinor,
            state: reservations.state,
            expiresAt: reservations.expiresAt,
          })
          .from(reservations)
          .where(inArray(reservations.orderId, [...orderIds]))
          .orderBy(reservations.orderId, reservations.sku),
      ),
    listMovements: (tenantId, orderId) => db.run<StockMovement>(LIST_MOVEMENTS, [tenantId, orderId]),
  };
}

/** The reservations that have a frozen price, as priced lines. */
export function pricedLinesOf(records: readonly ReservationRecord[]): PricedLine[] {
  return records.flatMap((record) =>
    record.unitPriceMinor === null
      ? []
      : [{ sku: record.sku, quantity: record.quantity, unitPriceMinor: record.unitPriceMinor }],
  );
}
