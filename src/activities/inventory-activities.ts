import {
  pricedLinesOf,
  type HoldRequest,
  type ReservationRecord,
  type ReservationRepository,
} from '../../db/repositories/inventory/reservation-repository.ts';
import { OrderStateConflictError } from '../domain/errors.ts';
import { totalOf } from '../domain/payments/money.ts';
import { refusalOf } from '../domain/inventory/offer.ts';
import type { OrderLine, Refusal } from '../domain/order.ts';

/** The order whose lines are held, and for how long. */
export interface HoldStockInput extends Omit<HoldRequest, 'ttlSeconds'> {
  readonly holdTtlSeconds: number;
}

/** Either all lines are held at frozen prices, or none is held, with the reason. */
export type HoldStockResult =
  | { readonly kind: 'held'; readonly totalMinor: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Steps on stock. */
export function createInventoryActivities({ reservations }: { readonly reservations: ReservationRepository }) {
  return {
    /**
     * Effect: all lines become HELD with frozen prices, or none.
     * Key: primary key (order, sku).
     * Outcomes: `held`, also if an earlier attempt held them; `refused` with the reason.
     * Failures: database, retryable; the lines were released (a late attempt of an order that gave up), permanent.
     * Undo: `releaseStock`.
     */
    async holdStock({ holdTtlSeconds, ...request }: HoldStockInput): Promise<HoldStockResult> {
      const attempt = await reservations.hold({ ...request, ttlSeconds: holdTtlSeconds });
      if (attempt.held) return { kind: 'held', totalMinor: totalOf(attempt.offers) };
      // Nothing was held by this attempt. The stored rows tell whether an earlier attempt held the lines.
      const stored = await reservations.listByOrder([request.orderId]);
      return stored.length > 0
        ? heldBefore(request.orderId, stored)
        : { kind: 'refused', refusal: refusalOf(request, attempt.offers) };
    },

    /**
     * Effect: changes HELD to COMMITTED and deducts the pieces.
     * Key: the reservation's state.
     * Outcomes: `committed`, also if an earlier attempt did it; `hold_lost` when the hold has expired.
     * Failures: database, retryable; the lines were released, permanent.
     * Undo: `releaseStock`.
     */
    async commitStock(input: { orderId: string; tenantId: string }): Promise<{ kind: 'committed' | 'hold_lost' }> {
      const changed = await reservations.commit(input.tenantId, input.orderId);
      if (changed > 0) return { kind: 'committed' };
      const stored = await reservations.listByOrder([input.orderId]);
      if (stored.length > 0 && stored.every((line) => line.state === 'COMMITTED')) return { kind: 'committed' };
      if (stored.some((line) => line.state === 'EXPIRED')) return { kind: 'hold_lost' };
      throw new OrderStateConflictError(input.orderId, stateOf(stored), 'committed');
    },

    /**
     * Effect: keeps HELD lines for `holdTtlSeconds` from now.
     * Key: the reservation's state.
     * Outcomes: done; also if no line is held any more.
     * Failures: database, retryable.
     * Undo: none; the hold expires by itself.
     */
    async extendHold(input: { orderId: string; tenantId: string; holdTtlSeconds: number }): Promise<void> {
      await reservations.extend(input.orderId, input.holdTtlSeconds);
    },

    /**
     * Effect: holds EXPIRED lines again, all or none.
     * Key: the reservation's state.
     * Outcomes: `held`, also if an earlier attempt did it; `refused` when pieces are missing.
     * Failures: database, retryable.
     * Undo: `releaseStock`.
     */
    async retakeStock(input: {
      orderId: string;
      tenantId: string;
      holdTtlSeconds: number;
    }): Promise<{ kind: 'held' } | { kind: 'refused'; refusal: Refusal }> {
      const { held, shortages } = await reservations.retake(input.tenantId, input.orderId, input.holdTtlSeconds);
      if (held || shortages.length === 0) return { kind: 'held' };
      return { kind: 'refused', refusal: { reason: 'out_of_stock', details: { lines: shortages } } };
    },

    /**
     * Effect: every line becomes RELEASED or EXPIRED, and its pieces are given back; a line without a row gets a
     * tombstone, which stops a late hold.
     * Key: the reservation's state.
     * Outcomes: done; also if an earlier attempt did it.
     * Failures: database, retryable.
     * Undo: none.
     */
    async releaseStock(input: { orderId: string; tenantId: string; lines: readonly OrderLine[] }): Promise<void> {
      await reservations.release(input.tenantId, input.orderId, input.lines);
    },

    /**
     * Effect: overdue holds become EXPIRED and their pieces are given back, in one transaction per order.
     * Key: state and expiry of the row.
     * Outcomes: the number of orders.
     * Failures: database, retryable.
     * Undo: `retakeStock`, if the order is paid after all.
     */
    async expireHolds({ limit }: { limit: number }): Promise<{ expiredOrders: number }> {
      const overdue = await reservations.listExpired(limit);
      let expiredOrders = 0;
      for (const { tenantId, orderId } of overdue) {
        if ((await reservations.expire(tenantId, orderId)) > 0) expiredOrders += 1;
      }
      return { expiredOrders };
    },
  };
}

function heldBefore(orderId: string, stored: readonly ReservationRecord[]): HoldStockResult {
  if (stored.some((line) => line.state === 'RELEASED')) {
    throw new OrderStateConflictError(orderId, stateOf(stored), 'held');
  }
  return { kind: 'held', totalMinor: totalOf(pricedLinesOf(stored)) };
}

function stateOf(stored: readonly ReservationRecord[]): string {
  return stored.length === 0 ? 'without reservations' : [...new Set(stored.map((line) => line.state))].join(', ');
}
