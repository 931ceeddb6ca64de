import type { OrderOwnership, Turn } from '../../domain/command.ts';
import type { OnConflict, Steps } from '../steps/step-runner.ts';
import { showStatus } from './show-status.ts';

/** The order's account, and the turn of the command that owns the order. */
interface OwnedAccount {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly turn?: Turn;
}

/**
 * Adopts money that was moved at the provider itself into the books, and ends the command. An order that was moved to
 * REFUNDING for this ends in the status that its money implies; every other order keeps its status.
 */
export async function adoptExternal(
  { steps, onConflict }: { readonly steps: Steps; readonly onConflict: OnConflict },
  account: OwnedAccount,
  { commandId, generation }: OrderOwnership,
): Promise<void> {
  const { orderId, tenantId } = account;
  const adopted = await steps.run('adoptExternal', account, { onConflict });
  const { status } = await steps.run('readOrder', { orderId, tenantId });
  const { capturedMinor, refundedMinor } = await steps.run('readMoney', { orderId, tenantId });
  const amountMinor = adopted.capturedMinor + adopted.refundedMinor;
  const data = { commandId, generation, isExternal: true, amountMinor, capturedMinor, refundedMinor };
  if (status === 'REFUNDING') {
    const to = refundedMinor >= capturedMinor ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
    await steps.run('closeCommand', { orderId, tenantId, to, ownerId: commandId, data }, { onConflict });
    showStatus(to);
  } else {
    await steps.run('endCommand', { orderId, tenantId, commandId, eventType: 'order.reconciled', data });
  }
}
