import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { OrderStatus } from '../../domain/order-status.ts';
import { ORDER_STATUS } from '../search-attributes.ts';

/**
 * Shows the status of the order's row in the search attribute of this workflow. It writes only a change, because each
 * write is an event of the history. A workflow that was started without the attribute (by an earlier version, or about a
 * notice) writes none, so that its history can be replayed. Null: this workflow has no part in the order.
 */
export function showStatus(status: OrderStatus | null): void {
  const shown = workflowInfo().typedSearchAttributes.get(ORDER_STATUS);
  if (shown === undefined || shown === status) return;
  upsertSearchAttributes([{ key: ORDER_STATUS, value: status }]);
}
