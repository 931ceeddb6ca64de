import type { OrderRepository } from '../../db/repositories/orders/order-repository.ts';
import type { OrderOwnership } from '../domain/command.ts';
import type { Refusal } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';

export interface OrderActivityDeps {
  readonly orders: OrderRepository;
}

/** Input of `openOrder`. */
export interface OpenOrderInput {
  readonly order: OrderWorkflowInput;
  readonly firstExecutionRunId: string;
}

/** The order's row, or that it belongs to another workflow. */
export type OpenOrderResult =
  | {
      readonly kind: 'open';
      readonly status: OrderStatus;
      readonly refusal: Refusal | null;
      readonly totalMinor: number | null;
      /** Manual capture: until when it waits, RFC 3339. */
      readonly captureBy?: string | null;
      /** It was sold before: whatever moves it now is a settle workflow. */
      readonly wasSold?: boolean;
      /** The command that owns it; absent in histories of earlier versions. */
      readonly owner?: OrderOwnership | null;
    }
  | { readonly kind: 'duplicate' };

/** Steps on the order itself. */
export function createOrderActivities({ orders }: OrderActivityDeps) {
  return {
    /**
     * Effect: the order's row, lines and first event. Key: the order id (primary key).
     * Outcomes: the stored status, so that a rerun goes on where the order is; `duplicate` when the row was written
     * by a workflow of another chain of runs (a create repeated after the retention). Failures: database, retryable.
     * Undo: none, a row without effects is harmless.
     */
    async openOrder({ order, firstExecutionRunId }: OpenOrderInput): Promise<OpenOrderResult> {
      const stored = await orders.open({ ...order, firstExecutionRunId });
      if (stored.firstExecutionRunId !== firstExecutionRunId) return { kind: 'duplicate' };
      const { status, refusal, totalMinor, captureBy, confirmedAt, owner } = stored;
      const wasSold = confirmedAt !== null;
      return { kind: 'open', status, refusal, totalMinor, captureBy: captureBy?.toISOString() ?? null, wasSold, owner };
    },

    /**
     * Effect: PENDING or AWAITING_CAPTURE to CONFIRMED with its event; ends the capture that sold the order. Key: guarded
     * status write. Outcomes: done, also when it was. Failures: database, retryable; another status or owner, permanent.
     * Undo: none, it comes after the pivot.
     */
    async confirmOrder(input: {
      orderId: string;
      tenantId: string;
      totalMinor: number;
      /** By hand: the capture that sold it. */
      capture?: Pick<OrderOwnership, 'commandId' | 'amountMinor' | 'generation'>;
    }): Promise<void> {
      const { orderId, totalMinor, capture } = input;
      // The first money of the order: all of it, or what the capture that sold it has taken.
      const amountMinor = capture?.amountMinor ?? totalMinor;
      await orders.transition({
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
     * Effect: stores why the order will be rejected, before anything is undone. Key: the first decision stays.
     * Outcomes: the stored decision. Failures: database, retryable; order not PENDING, permanent. Undo: none.
     */
    async recordRefusal({ orderId, refusal }: { orderId: string; refusal: Refusal }): Promise<Refusal> {
      return orders.recordRefusal(orderId, refusal);
    },

    /**
     * Effect: PENDING to REJECTED with its event; runs only after every undo has succeeded. Key: guarded status
     * write. Outcomes: done, also when it was. Failures: database, retryable; another status, permanent. Undo: none.
     */
    async rejectOrder(input: {
      orderId: string;
      tenantId: string;
      refusal: Refusal;
      /** What the event tells of the money. */
      data?: Readonly<Record<string, unknown>>;
    }): Promise<void> {
      const { orderId, refusal, data = {} } = input;
      await orders.transition({ orderId, to: 'REJECTED', eventType: 'order.rejected', actor: 'system', refusal, data });
    },
  };
}
