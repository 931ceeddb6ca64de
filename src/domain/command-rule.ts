import type { CommandKind, CommandRule, OrderOwnership } from './command.ts';
import type { OrderStatus } from './order-status.ts';
import type { OrderMoney } from './payments/payment.ts';

/** A rule and the amount of its command. The amount is fixed at the decision, even if money moves later. */
export interface RuledCommand {
  readonly amountMinor: number | null;
  readonly rule: CommandRule;
}

/** Cancels a sold order within its window: the money is given back, then the goods. */
export function cancelOfSold(windowSeconds: number | undefined): RuledCommand {
  return {
    amountMinor: null,
    rule: { kind: 'apply', name: 'cancel_sold', ...(windowSeconds === undefined ? {} : { windowSeconds }) },
  };
}

/**
 * Pays back a sold order or a part of it; null means everything that is left. It is refused if more is asked for than
 * is left.
 */
export function refundOf(askedMinor: number | null, money: OrderMoney, version: number): RuledCommand {
  const leftMinor = money.capturedMinor - money.refundedMinor;
  if (!isWithin(askedMinor, leftMinor)) {
    return { amountMinor: askedMinor, rule: { kind: 'refuse', decision: 'amount_exceeds_captured', version } };
  }
  return {
    amountMinor: askedMinor ?? leftMinor,
    rule: { kind: 'apply', name: 'refund', generationsUsed: money.refunds, version },
  };
}

/** Captures more of a sold order's authorization; null means everything that is left. */
export function furtherCaptureOf(askedMinor: number | null, money: OrderMoney, version: number): RuledCommand {
  const { capturableMinor, canCaptureAgain } = money;
  if (!isWithin(askedMinor, capturableMinor)) {
    const decision = canCaptureAgain ? 'amount_exceeds_authorized' : 'capture_not_supported';
    return { amountMinor: askedMinor, rule: { kind: 'refuse', decision, version } };
  }
  return {
    amountMinor: askedMinor ?? capturableMinor,
    rule: { kind: 'apply', name: 'further_capture', generationsUsed: money.captures, version },
  };
}

/** Captures an authorization or a part of it while the order waits for the capture, which sells the order. */
export function firstCaptureOf(askedMinor: number | null, totalMinor: number): RuledCommand {
  return {
    amountMinor: askedMinor ?? totalMinor,
    rule: isWithin(askedMinor, totalMinor)
      ? { kind: 'apply', name: 'first_capture' }
      : { kind: 'refuse', decision: 'amount_exceeds_authorized' },
  };
}

/** Whether something is left, and enough of it. */
function isWithin(askedMinor: number | null, leftMinor: number): boolean {
  const amountMinor = askedMinor ?? leftMinor;
  return amountMinor > 0 && amountMinor <= leftMinor;
}

/** Pays back the money that an ended order still has; the status stays. */
export function giveBackOf(money: OrderMoney): RuledCommand {
  return { amountMinor: null, rule: { kind: 'apply', name: 'give_back', generationsUsed: money.refunds } };
}

/** Captures and refunds that the provider has and the books do not. */
export interface MissingMoney {
  readonly capturedMinor: number;
  readonly refundedMinor: number;
}

/**
 * Adopts money that was moved at the provider itself. A refund moves a sold order to the status that its money implies;
 * every other status stays. An order that its own workflow carries is left to this workflow.
 */
export function reconcileOf(
  { capturedMinor, refundedMinor }: MissingMoney,
  { status, version }: { readonly status: OrderStatus; readonly version: number },
): RuledCommand {
  const foundMinor = capturedMinor + refundedMinor;
  if (foundMinor === 0) return { amountMinor: null, rule: { kind: 'refuse', decision: 'books_agree', version } };
  const isRefund = refundedMinor > 0 && isSold(status);
  const name = isRefund ? 'reconcile_refund' : 'reconcile';
  return { amountMinor: foundMinor, rule: { kind: 'apply', name, version } };
}

/** Whether the order is sold, has not ended, and is not being paid back. */
function isSold(status: OrderStatus): boolean {
  return status === 'CONFIRMED' || status === 'PARTIALLY_REFUNDED';
}

/** The capture or refund that a command makes once it owns the order. */
export function ownershipOf(
  command: { readonly commandId: string; readonly kind: CommandKind },
  decided: { readonly turn: number | null; readonly generation: number | null; readonly amountMinor: number | null },
): OrderOwnership | null {
  const { turn, generation, amountMinor } = decided;
  if (turn === null || generation === null) return null;
  return { commandId: command.commandId, kind: command.kind, turn, generation, amountMinor };
}
