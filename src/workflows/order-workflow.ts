import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import type { OrderWorkflowResult } from './contract.ts';
import { createOrderContext, type OrderContext } from './order/order-context.ts';
import type { SaleResult } from './order/order-state.ts';
import { showStatus } from './order/show-status.ts';

type EndStatus = OrderWorkflowResult['status'];

/**
 * Sells one order: opens it, holds its stock, takes its payment, commits the stock, confirms and tells the customer.
 *
 * Every step answers from what is stored. This function may therefore run again from the top at any time (after a crash,
 * or when a signal arrives while local steps run and the server forgets them) and comes to the same end.
 */
export async function orderWorkflow(input: OrderWorkflowInput): Promise<OrderWorkflowResult> {
  const order = createOrderContext(input);
  return order.run(async () => {
    const opened = await order.sale.openOrder();
    if (opened.kind === 'duplicate') return 'DUPLICATE';
    const result = opened.kind === 'new' ? await order.cancellable(() => sell(order)) : await order.resume(opened);
    return conclude(order, result);
  });
}

/** Each undo is registered on the line before its step, because a step without an answer may have happened. */
async function sell({ saga, sale, undo, captureLater }: OrderContext): Promise<SaleResult> {
  saga.undoWith('hold', undo.releaseStock);
  const hold = await sale.holdStock();
  if (hold.kind === 'refused') return hold;
  const { totalMinor } = hold;

  saga.undoWith('payment', () => undo.returnPayment(totalMinor));
  const payment = await sale.takePayment(totalMinor);
  if (payment.kind === 'refused') return payment;
  if (payment.kind === 'authorized') return captureLater(totalMinor);

  return sale.commitStock(totalMinor);
}

/** Brings an order to the end that was decided; a conflict shows that an earlier run has decided otherwise. */
async function conclude(order: OrderContext, decided: SaleResult): Promise<EndStatus> {
  for (let result = decided; ;) {
    try {
      return await end(order, result);
    } catch (error) {
      result = (await order.followConflict(error)) ?? result;
    }
  }
}

async function end(order: OrderContext, result: SaleResult): Promise<EndStatus> {
  switch (result.kind) {
    case 'paid':
      return confirmAndTell(order, result.totalMinor);
    case 'refused':
    case 'cancelled':
    case 'expired':
      return order.uninterrupted(() => giveBack(order, result));
    case 'ended':
      await order.tellCustomer(result.status, result.totalMinor);
      return result.status;
  }
}

async function confirmAndTell({ sale, tellCustomer }: OrderContext, totalMinor: number): Promise<EndStatus> {
  await sale.confirmAndTell(totalMinor, () => tellCustomer('CONFIRMED', totalMinor));
  return 'CONFIRMED';
}

/** Everything is given back before the status says so. */
async function giveBack(
  { saga, sale, tellCustomer }: OrderContext,
  result: Exclude<SaleResult, { kind: 'paid' | 'ended' }>,
): Promise<EndStatus> {
  if (result.kind === 'cancelled') showStatus('CANCELLING');
  await saga.unwind();
  const status = await sale.closeOrder(result);
  await tellCustomer(status, null);
  return status;
}
