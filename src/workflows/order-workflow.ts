import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import type { OrderWorkflowResult } from './contract.ts';
import { runCancellable } from './order/cancellation.ts';
import { captureLater } from './order/capture.ts';
import * as undo from './order/compensations.ts';
import { createOrderContext, type OrderContext, type SaleResult } from './order/order-context.ts';
import { followConflict } from './order/recovery.ts';
import { resumeOrder } from './order/resume-order.ts';
import { runOrder } from './order/run-order.ts';
import * as sale from './order/sale-steps.ts';

/**
 * Sells one order: opens it, holds its stock, takes its payment, commits the stock, confirms the order and tells the
 * customer.
 *
 * Every step answers from stored facts. So this function may run again from the top at any time (after a crash, or when
 * a signal arrives while local steps run and the server forgets them), and reaches the same end.
 */
export async function orderWorkflow(input: OrderWorkflowInput): Promise<OrderWorkflowResult> {
  const order = createOrderContext(input);
  return runOrder(order, async () => {
    const opened = await sale.openOrder(order);
    if (opened.kind === 'duplicate') return 'DUPLICATE';
    const result =
      opened.kind === 'new' ? await runCancellable(order, () => sell(order)) : await resumeOrder(order, opened);
    return conclude(order, result);
  });
}

/** Each undo is registered on the line before its step, because a step without an answer may have happened. */
async function sell(order: OrderContext): Promise<SaleResult> {
  order.saga.undoWith('hold', () => undo.releaseStock(order));
  const hold = await sale.holdStock(order);
  if (hold.kind === 'refused') return hold;
  const { totalMinor } = hold;

  order.saga.undoWith('payment', () => undo.returnPayment(order, totalMinor));
  const payment = await sale.takePayment(order, totalMinor);
  if (payment.kind === 'refused') return payment;
  if (payment.kind === 'authorized') return captureLater(order, totalMinor);

  return sale.commitStock(order, totalMinor);
}

/**
 * Brings an order to its decided end. A conflict means that an earlier run has decided otherwise, and its decision is
 * followed.
 */
async function conclude(order: OrderContext, decided: SaleResult): Promise<OrderWorkflowResult['status']> {
  for (let result = decided; ;) {
    try {
      return await end(order, result);
    } catch (error) {
      result = (await followConflict(order, error)) ?? result;
    }
  }
}

async function end(order: OrderContext, result: SaleResult): Promise<OrderWorkflowResult['status']> {
  switch (result.kind) {
    case 'paid':
      return confirmAndTell(order, result.totalMinor);
    case 'refused':
    case 'cancelled':
    case 'expired':
      return order.commands.uninterrupted(() => giveBack(order, result));
    case 'ended':
      await sale.tellCustomer(order, result.status, result.totalMinor);
      return result.status;
  }
}

/** The message does not wait for the status, because the sale is decided. */
async function confirmAndTell(order: OrderContext, totalMinor: number): Promise<'CONFIRMED'> {
  const confirmed = sale.confirmOrder(order, totalMinor);
  const told = sale.tellCustomer(order, 'CONFIRMED', totalMinor);
  await Promise.allSettled([confirmed, told]);
  await Promise.all([confirmed, told]);
  return 'CONFIRMED';
}

/** Undoes all effects before the status states that they are undone. */
async function giveBack(
  order: OrderContext,
  result: Exclude<SaleResult, { kind: 'paid' | 'ended' }>,
): Promise<OrderWorkflowResult['status']> {
  await order.saga.unwind();
  const status = await sale.closeOrder(order, result);
  await sale.tellCustomer(order, status);
  return status;
}
