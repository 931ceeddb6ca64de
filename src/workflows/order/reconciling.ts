import type { OrderOwnership, Turn } from '../../domain/command.ts';
import type { OnConflict, Steps } from '../steps/step-runner.ts';

/** Whose money it is, and the turn of the command that owns the order. */
interface OwnedAccount {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly turn?: Turn;
}

/**
 * Adopts what was moved at the provider itself into the books, and ends the command: an order that was moved to REFUNDING
 * for it ends where its money is, any other one stays as it is.
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
    await steps.run('settleOrder', { orderId, tenantId, to, ownerId: commandId, data }, { onConflict });
  } else {
    await steps.run('endCommand', { orderId, tenantId, commandId, eventType: 'order.reconciled', data });
  }
}
