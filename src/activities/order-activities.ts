import type { OrderRepository } from '../../db/repositories/orders/order-repository.ts';
import type { OrderOwnership } from '../domain/command.ts';
import type { Refusal } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import type { OrderMoves } from './left-cases.ts';

export interface OrderActivityDeps {
  readonly orders: OrderRepository;
  readonly moves: OrderMoves;
}

/** A new order, and the run that opens it. */
export interface OpenOrderInput {
  readonly order: OrderWorkflowInput;
  readonly firstExecutionRunId: string;
}

/** The order's stored state, or the fact that the row belongs to another workflow. */
export type OpenOrderResult =
  | {
      readonly kind: 'open';
      readonly status: OrderStatus;
      readonly refusal: Refusal | null;
      readonly totalMinor: number | null;
      /** Manual capture: the time until which the order waits, RFC 3339. */
      readonly captureBy?: string | null;
      /** Whether the order was sold before; then only command workflows move it. */
      readonly wasSold?: boolean;
      /** The command that owns the order; absent in histories of earlier versions. */
      readonly owner?: OrderOwnership | null;
    }
  | { readonly kind: 'duplicate' };

/** Steps on the order itself. */
export function createOrderActivities({ orders, moves }: OrderActivityDeps) {
  return {
    /**
     * Effect: writes the order's row, lines and first event.
     * Key: the order id (primary key).
     * Outcomes: the stored status, so that a rerun continues from there; `duplicate` when a workflow of another chain
     * of runs wrote the row (the client repeated its request after the retention).
     * Failures: database, retryable.
     * Undo: none; a row without effects is harmless.
     */
    async openOrder({ order, firstExecutionRunId }: OpenOrderInput): Promise<OpenOrderResult> {
      const stored = await orders.open({ ...order, firstExecutionRunId });
      if (stored.firstExecutionRunId !== firstExecutionRunId) return { kind: 'duplicate' };
      const { status, refusal, totalMinor, captureBy, confirmedAt, owner } = stored;
      const wasSold = confirmedAt !== null;
      return { kind: 'open', status, refusal, totalMinor, captureBy: captureBy?.toISOString() ?? null, wasSold, owner };
    },

    /**
     * Effect: changes PENDING or AWAITING_CAPTURE to CONFIRMED with its event, and ends the capture that sold the
     * order.
     * Key: guarded status write.
     * Outcomes: done; also if an earlier attempt did it.
     * Failures: database, retryable; another status or owner, permanent.
     * Undo: none; the step comes after the pivot.
     */
    async confirmOrder(input: {
      orderId: string;
      tenantId: string;
      totalMinor: number;
      /** Manual capture: the capture that sold the order. */
      capture?: Pick<OrderOwnership, 'commandId' | 'amountMinor' | 'generation'>;
    }): Promise<void> {
      const { orderId, totalMinor, capture } = input;
      // The first money that the order took: the whole total, or the amount of the capture that sold it.
      const amountMinor = capture?.amountMinor ?? totalMinor;
      await moves.move('confirm-order', {
        orderId,
        to: 'CONFIRMED',
        eventType: 'order.confirmed',
        actor: 'system',
        totalMinor,
        ownerId: capture?.commandId,
        data: { ...capture, amountMinor, capturedMinor: amountMinor, refundedMinor: 0 },
      });
    },

    /**
     * Effect: stores why the order will be rejected, before anything is undone.
     * Key: the first decision stays.
     * Outcomes: the stored decision.
     * Failures: database, retryable; order not PENDING, permanent.
     * Undo: none.
     */
    async recordRefusal({ orderId, refusal }: { orderId: string; refusal: Refusal }): Promise<Refusal> {
      return orders.recordRefusal(orderId, refusal);
    },

    /**
     * Effect: changes PENDING to REJECTED with its event; runs only after every undo has succeeded.
     * Key: guarded status write.
     * Outcomes: done; also if an earlier attempt did it.
     * Failures: database, retryable; another status, permanent.
     * Undo: none.
     */
    async rejectOrder(input: {
      orderId: string;
      tenantId: string;
      refusal: Refusal;
      /** What the event says about the money. */
      data?: Readonly<Record<string, unknown>>;
    }): Promise<void> {
      const { orderId, refusal, data = {} } = input;
      const change = { to: 'REJECTED', eventType: 'order.rejected', actor: 'system', refusal, data } as const;
      await moves.move('reject-order', { orderId, ...change });
    },
  };
}
