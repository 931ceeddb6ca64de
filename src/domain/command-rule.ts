import type { CommandDecision, CommandKind, OrderOwnership } from './command.ts';
import { isTerminal, ORDER_STATUSES, type OrderStatus } from './order-status.ts';
import type { OrderMoney } from './payments/payment.ts';

/** What a command may do to an order; travels to the activity that decides. */
export interface CommandRule {
  /** Statuses that allow it. */
  readonly from: readonly OrderStatus[];
  /** Status that it leads to; null: it leaves the status as it is. */
  readonly to: OrderStatus | null;
  readonly eventType: string;
  readonly allowed: CommandDecision;
  readonly refused: CommandDecision;
  /** Seconds since the confirmation. */
  readonly windowSeconds?: number;
  /** Version at which the caller judged the order; another one decides nothing. */
  readonly version?: number;
  /** An order that was sold meanwhile decides nothing: the command is another one's to decide. */
  readonly unlessSold?: boolean;
  /** The owner that this command succeeds, because the same workflow carries both. */
  readonly succeeds?: string;
  /** On behalf of nobody: also what was decided to be rejected or to expire is given back by it. */
  readonly isRepair?: true;
  /** Numbers up to this one are used up at the provider. */
  readonly generationsUsed?: number;
}

/** The order's row, as it is locked while a command is decided. */
export interface OrderToDecide {
  readonly status: OrderStatus;
  readonly version: number;
  readonly wasSold: boolean;
  /** Seconds since the confirmation; null before it. */
  readonly soldForSeconds: number | null;
  /** It is decided that the order is rejected or expires, and not carried out yet. */
  readonly isGivenUp: boolean;
  readonly ownerId: string | null;
}

/**
 * What becomes of a command. `look_again`: the caller judged another version. `busy`: another command owns the order.
 * `joined`: what it asks for is being done by the owner, whose promise it gets. `owns`: it owns the order from now on.
 */
export type CommandVerdict = 'look_again' | 'busy' | 'refused' | 'joined' | 'owns';

/** Judges a command by the order's locked row. */
export function judgeCommand(order: OrderToDecide, rule: CommandRule): CommandVerdict {
  if (rule.version !== undefined && rule.version !== order.version) return 'look_again';
  if (rule.unlessSold === true && order.wasSold) return 'look_again';
  if (order.status === 'CANCELLING' && rule.to === 'CANCELLING') return 'joined';
  const isOwned = order.ownerId !== null && order.ownerId !== rule.succeeds;
  // The owner may still change what the command is judged by: the status, and how much is left.
  if (isOwned && MAY_CHANGE.includes(order.status)) return 'busy';
  if (!rule.from.includes(order.status)) return 'refused';
  if (isOwned) return 'busy';
  const isTooOld =
    rule.windowSeconds !== undefined && order.soldForSeconds !== null && order.soldForSeconds > rule.windowSeconds;
  return (order.isGivenUp && rule.isRepair !== true) || isTooOld ? 'refused' : 'owns';
}

const MAY_CHANGE: readonly OrderStatus[] = [
  'PENDING',
  'AWAITING_CAPTURE',
  'CONFIRMED',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
];

/** A rule with the amount that it is about: fixed when it is decided, whatever moves later. */
export interface RuledCommand {
  readonly amountMinor: number | null;
  readonly rule: CommandRule;
}

const SOLD: readonly OrderStatus[] = ['CONFIRMED', 'PARTIALLY_REFUNDED'];
const ENDED = ORDER_STATUSES.filter(isTerminal);

/** Cancels a sold order within its window: the money goes back, then the goods. */
export function cancelOfSold(windowSeconds: number | undefined): RuledCommand {
  return {
    amountMinor: null,
    rule: {
      from: SOLD,
      to: 'CANCELLING',
      eventType: 'order.cancelling',
      allowed: 'will_refund',
      refused: 'too_late',
      ...(windowSeconds === undefined ? {} : { windowSeconds }),
    },
  };
}

/** Pays (a part of) a sold order back; null is all that is left. */
export function refundOf(askedMinor: number | null, money: OrderMoney, version: number): RuledCommand {
  const leftMinor = money.capturedMinor - money.refundedMinor;
  const amountMinor = askedMinor ?? leftMinor;
  const exceeds = amountMinor > leftMinor || amountMinor <= 0;
  return {
    amountMinor: Math.max(1, amountMinor),
    rule: {
      from: exceeds ? [] : SOLD,
      to: exceeds ? null : 'REFUNDING',
      eventType: 'order.refunding',
      allowed: 'accepted',
      refused: exceeds ? 'amount_exceeds_captured' : 'too_late',
      generationsUsed: money.refunds,
      version,
    },
  };
}

/** Takes more of what a sold order has authorized; null is all that is left. */
export function furtherCaptureOf(askedMinor: number | null, money: OrderMoney, version: number): RuledCommand {
  const { capturableMinor, canCaptureAgain } = money;
  const amountMinor = askedMinor ?? capturableMinor;
  const exceeds = amountMinor > capturableMinor || amountMinor <= 0;
  const refusal = canCaptureAgain ? 'amount_exceeds_authorized' : 'capture_not_supported';
  return {
    amountMinor: Math.max(1, amountMinor),
    rule: {
      from: exceeds ? [] : SOLD,
      to: null,
      eventType: 'order.capture_accepted',
      allowed: 'accepted',
      refused: exceeds ? refusal : 'too_late',
      generationsUsed: money.captures,
      version,
    },
  };
}

/** Returns what an order that has ended still has; its status stays. */
export function giveBackOf(money: OrderMoney): RuledCommand {
  return {
    amountMinor: null,
    rule: {
      from: ENDED,
      to: null,
      eventType: 'order.giving_back',
      allowed: 'accepted',
      refused: 'too_late',
      generationsUsed: money.refunds,
    },
  };
}

/** Captures and refunds that the provider has and the books do not. */
export interface MissingMoney {
  readonly capturedMinor: number;
  readonly refundedMinor: number;
}

/**
 * Adopts what was moved at the provider itself. A refund moves a sold order to where its money is; any other status
 * stays. An order that its own workflow carries is that one's to look after.
 */
export function reconcileOf(
  { capturedMinor, refundedMinor }: MissingMoney,
  { status, version }: { readonly status: OrderStatus; readonly version: number },
): RuledCommand {
  const foundMinor = capturedMinor + refundedMinor;
  const isRefund = refundedMinor > 0 && SOLD.includes(status);
  return {
    amountMinor: foundMinor > 0 ? foundMinor : null,
    rule: {
      from: foundMinor > 0 ? [...SOLD, ...ENDED] : [],
      to: isRefund ? 'REFUNDING' : null,
      eventType: isRefund ? 'order.refunding_outside' : 'order.reconciling',
      allowed: 'accepted',
      refused: foundMinor > 0 ? 'too_late' : 'books_agree',
      version,
    },
  };
}

/** The capture or refund that a command makes, once it owns the order. */
export function ownershipOf(
  command: { readonly commandId: string; readonly kind: CommandKind },
  decided: { readonly turn: number | null; readonly generation: number | null; readonly amountMinor: number | null },
): OrderOwnership | null {
  const { turn, generation, amountMinor } = decided;
  if (turn === null || generation === null) return null;
  return { commandId: command.commandId, kind: command.kind, turn, generation, amountMinor };
}
