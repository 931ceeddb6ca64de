import { awaitCapture } from './capture.ts';
import { runCancellable } from './cancellation.ts';
import { undoEverything } from './compensations.ts';
import type { OrderContext, SaleResult } from './order-context.ts';
import { expire, runCapture } from './recovery.ts';
import type { BegunOrder } from './sale-steps.ts';

/** Continues from the stored order: a decision of an earlier run is followed, even if this run does not remember it. */
export async function resumeOrder(
  order: OrderContext,
  opened: BegunOrder | Extract<SaleResult, { kind: 'ended' }>,
): Promise<SaleResult> {
  if (opened.kind === 'ended') return opened;
  undoEverything(order);
  order.mayBeCharged = true;
  const { status, refusal, totalMinor, captureBy, owner = null } = opened;
  order.owner = owner;
  if (refusal !== null) return status === 'AWAITING_CAPTURE' ? expire(order, null) : { kind: 'refused', refusal };
  if (status === 'CANCELLING' || totalMinor === null || captureBy == null) return { kind: 'cancelled' };
  if (owner !== null) return runCapture(order, totalMinor, owner);
  return runCancellable(order, () => awaitCapture(order, totalMinor, captureBy));
}
