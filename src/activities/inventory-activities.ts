import {
  pricedLinesOf,
  type HoldRequest,
  type ReservationRecord,
  type ReservationRepository,
} from '../../db/repositories/inventory/reservation-repository.ts';
import { OrderStateConflictError } from '../domain/errors.ts';
import { totalOf } from '../domain/payments/money.ts';
import { refusalOf } from '../domain/offer.ts';
import type { OrderLine, Refusal } from '../domain/order.ts';

/** Input of `holdStock`. */
export interface HoldStockInput extends Omit<HoldRequest, 'ttlSeconds'> {
  readonly holdTtlSeconds: number;
}

/** All lines are held at frozen prices, or none is, and why. */
export type HoldStockResult =
  | { readonly kind: 'held'; readonly totalMinor: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Steps on stock. */
export function createInventoryActivities({ reservations }: { readonly reservations: ReservationRepository }) {
  return {
    /**
     * Effect: all lines HELD with frozen prices, or nothing. Key: primary key (order, sku). Outcomes: `held`, also when
     * an earlier attempt held them; `refused` with the reason. Failures: database, retryable; lines already released
     * (a late attempt of an order that gave up), permanent. Undo: `releaseStock`.
     */
    async holdStock({ holdTtlSeconds, ...request }: HoldStockInput): Promise<HoldStockResult> {
      const attempt = await reservations.hold({ ...request, ttlSeconds: holdTtlSeconds });
      if (attempt.held) return { kind: 'held', totalMinor: totalOf(attempt.offers) };
      // Nothing was held now: maybe because an earlier attempt did it. Only the stored rows can tell.
      const stored = await reservations.listByOrder([request.orderId]);
      return stored.length > 0
        ? heldBefore(request.orderId, stored)
        : { kind: 'refused', refusal: refusalOf(request, attempt.offers) };
    },

    /**
     * Effect: HELD to COMMITTED, pieces deducted. Key: the reservation's state. Outcomes: `committed`, also when it was;
     * `hold_lost` when the hold expired. Failures: database, retryable; lines released, permanent. Undo: `releaseStock`.
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
     * Effect: HELD lines stay held for so many seconds more. Key: the reservation's state. Outcomes: done, also when
     * nothing is held any more. Failures: database, retryable. Undo: none, the time runs out by itself.
     */
    async extendHold(input: { orderId: string; tenantId: string; holdTtlSeconds: number }): Promise<void> {
      await reservations.extend(input.orderId, input.holdTtlSeconds);
    },

    /**
     * Effect: EXPIRED lines HELD again, all or none. Key: the reservation's state. Outcomes: `held`, also when they
     * were; `refused` when pieces are gone. Failures: database, retryable. Undo: `releaseStock`.
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
     * Effect: every line RELEASED or EXPIRED, stock given back; lines without a row get a tombstone that stops a late
     * reserve. Key: the reservation's state. Outcomes: done, also when it was. Failures: database, retryable. Undo: none.
     */
    async releaseStock(input: { orderId: string; tenantId: string; lines: readonly OrderLine[] }): Promise<void> {
      await reservations.release(input.tenantId, input.orderId, input.lines);
    },

    /**
     * Effect: overdue holds EXPIRED, stock given back, one transaction per order. Key: state and expiry of the row.
     * Outcomes: how many orders. Failures: database, retryable. Undo: `retakeStock`, when the order is paid after all.
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
