import type { OrderMoveListener } from '../domain/order-move.ts';
import type { Logger } from '../runtime/logger.ts';
import { orderWorkflowId } from '../workflows/contract.ts';

/** Counts each status that an order enters, and writes a line for it; a refusal with its reason. */
export function createOrderLog(logger: Logger, count: OrderMoveListener): OrderMoveListener {
  return (moved) => {
    count(moved);
    const { orderId, ...move } = moved;
    logger.info({ orderId, ...move, workflowId: orderWorkflowId(orderId) }, 'order');
  };
}
