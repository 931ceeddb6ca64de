import type { OrderMoveListener } from '../domain/order-move.ts';
import type { Logger } from '../runtime/logger.ts';
import { orderWorkflowId } from '../workflows/contract.ts';

/** Writes a line for each status that an order enters; a refusal with its reason. */
export function createOrderLog(logger: Logger): OrderMoveListener {
  return ({ orderId, ...move }) => {
    logger.info({ orderId, ...move, workflowId: orderWorkflowId(orderId) }, 'order');
  };
}
