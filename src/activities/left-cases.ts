import { activityInfo } from '@temporalio/activity';
import type { CaseRepository } from '../../db/repositories/orders/case-repository.ts';
import type { OrderRepository, OrderTransition, Transitioned } from '../../db/repositories/orders/order-repository.ts';

/** What a step needs that moves an order on. */
export interface OrderMoves {
  /** Changes the status of an order, and closes the cases that its workflow has left open. */
  move(step: string, change: OrderTransition): Promise<Transitioned>;
  /** Closes the cases of the calling workflow, which no step waits for any more. */
  closeLeft(step: string, orderId: string): Promise<void>;
}

/**
 * A workflow that was reset to a point before one of its cases does not remember the case. If the step succeeds this
 * time, nothing else would close it.
 */
export function createOrderMoves(orders: OrderRepository, cases: CaseRepository): OrderMoves {
  const closeLeft = (step: string, orderId: string): Promise<void> =>
    cases.resolveLeft({ orderId, step, workflowId: callingWorkflowId() });
  return {
    move: async (step, change) => {
      const moved = await orders.transition({ ...change, workflowId: callingWorkflowId() });
      if (moved.mayLeaveCases) await closeLeft(step, change.orderId);
      return moved;
    },
    closeLeft,
  };
}

/** The workflow that has called the activity. */
export function callingWorkflowId(): string {
  return activityInfo().workflowExecution?.workflowId ?? '';
}
