import type { Capture } from './capture.ts';
import type { Compensations } from './compensations.ts';
import type { OrderState, SaleResult } from './order-state.ts';
import type { Recovery } from './recovery.ts';
import type { BegunOrder } from './sale-steps.ts';

interface ResumeParts {
  readonly order: OrderState;
  readonly undo: Pick<Compensations, 'registerAll'>;
  readonly recovery: Pick<Recovery, 'expire' | 'runCapture'>;
  readonly capture: Pick<Capture, 'awaitCapture'>;
  readonly cancellable: (work: () => Promise<SaleResult>) => Promise<SaleResult>;
}

/** Continues from the stored order: a decision of an earlier run is followed, even if this run does not remember it. */
export async function resumeOrder(
  { order, undo, recovery, capture, cancellable }: ResumeParts,
  opened: BegunOrder | Extract<SaleResult, { kind: 'ended' }>,
): Promise<SaleResult> {
  if (opened.kind === 'ended') return opened;
  undo.registerAll();
  order.mayBeCharged = true;
  const { status, refusal, totalMinor, captureBy, owner = null } = opened;
  order.owner = owner;
  if (refusal !== null) return status === 'AWAITING_CAPTURE' ? recovery.expire() : { kind: 'refused', refusal };
  if (status === 'CANCELLING' || totalMinor === null || captureBy == null) return { kind: 'cancelled' };
  if (owner !== null) return recovery.runCapture(totalMinor, owner);
  return cancellable(() => capture.awaitCapture(totalMinor, captureBy));
}
