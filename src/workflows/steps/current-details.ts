import { setCurrentDetails } from '@temporalio/workflow';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';

/** The order that a workflow is about, with the settings that it has carried since its start. */
type ShownOrder = Pick<OrderWorkflowInput, 'orderId' | 'settings'>;

/**
 * Sets what the Web UI shows as the current details of the workflow: the words, and the address of the order in the
 * console, if it is known. It is no command, and the history does not hold it.
 */
export function showDetails(order: ShownOrder, words: string): void {
  const url = consolePage(order, `orders/${order.orderId}`);
  setCurrentDetails(
    [words, ...(url === null ? [] : [`In the console: [order ${order.orderId}](${url})`])].join('\n\n'),
  );
}

/** The address of a page of the console; null when the console's address is not known. */
export function consolePage({ settings }: ShownOrder, page: string): string | null {
  return settings.consoleUrl === undefined ? null : `${settings.consoleUrl}#/${page}`;
}
