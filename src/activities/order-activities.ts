import type { CaseRepository } from '../../db/repositories/case-repository.ts';
import type { OrderRepository } from '../../db/repositories/order-repository.ts';
import type { CaseReport } from '../domain/case.ts';
import { randomId } from '../domain/ids.ts';
import type { Refusal } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import type { OrderWorkflowInput } from '../workflows/contract.ts';

/** What the order steps work with. */
export interface OrderActivityDeps {
  readonly orders: OrderRepository;
  readonly cases: CaseRepository;
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
    }
  | { readonly kind: 'duplicate' };

/** Steps on the order itself. */
export function createOrderActivities({ orders, cases }: OrderActivityDeps) {
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
      const { status, refusal, totalMinor } = stored;
      return { kind: 'open', status, refusal, totalMinor };
    },

    /**
     * Effect: PENDING to CONFIRMED with its event. Key: guarded status write. Outcomes: done, also when it was.
     * Failures: database, retryable; another status, permanent. Undo: none, it comes after the pivot.
     */
    async confirmOrder(input: { orderId: string; tenantId: string; totalMinor: number }): Promise<void> {
      const { orderId, totalMinor } = input;
      await orders.transition({ orderId, to: 'CONFIRMED', eventType: 'order.confirmed', actor: 'system', totalMinor });
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
    async rejectOrder(input: { orderId: string; tenantId: string; refusal: Refusal }): Promise<void> {
      const { orderId, refusal } = input;
      await orders.transition({ orderId, to: 'REJECTED', eventType: 'order.rejected', actor: 'system', refusal });
    },

    /**
     * Effect: an open case for a step, or one more failure counted on it. Key: one open case per order and step.
     * Outcomes: done. Failures: database, retried without end. Undo: `resolveCase`.
     */
    async openCase(input: { orderId: string; tenantId: string; report: CaseReport }): Promise<void> {
      const { orderId, tenantId, report } = input;
      await cases.open({ caseId: randomId('case'), orderId, tenantId, ...report });
    },

    /**
     * Effect: closes the step's open case. Key: order and step. Outcomes: done, also when none is open.
     * Failures: database, retried without end. Undo: none.
     */
    async resolveCase(input: { orderId: string; step: string; resolution: string; actor: string }): Promise<void> {
      await cases.resolve(input.orderId, input.step, input.resolution, input.actor);
    },
  };
}
