import { assertNever } from './errors.ts';
import { isTerminal, ORDER_STATUSES, type OrderStatus } from './order-status.ts';

/**
 * What can be asked of an order after it was accepted. Only operators, or the system about late money, use `give_back`:
 * it returns the money that an ended order still has, and leaves the status. The same holds for `reconcile`, which
 * adopts money that was moved at the provider itself into the books.
 */
export const COMMAND_KINDS = ['cancel', 'capture', 'refund', 'give_back', 'reconcile'] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/**
 * The answers to commands. They are stored, so the same key gets the same answer for ever. `will_cancel`: no money
 * stays taken. `will_refund`: money that is taken, or may be, is given back. `accepted`: a capture or a refund is under
 * way. `too_late`: the order's status no longer allows the command. `busy`: another command owns the order; this is
 * never stored, so that the key may be used again. `books_agree`: the books already have everything that was moved at
 * the provider. `capture_not_supported`: the order is captured automatically, or the provider captures an authorization
 * only once.
 */
export const COMMAND_DECISIONS = [
  'will_cancel',
  'will_refund',
  'accepted',
  'too_late',
  'busy',
  'amount_exceeds_authorized',
  'amount_exceeds_captured',
  'capture_not_supported',
  'books_agree',
] as const;
export type CommandDecision = (typeof COMMAND_DECISIONS)[number];

/** Whether the decision changes nothing but has to be answered in the same way again. */
export function isRefusal(decision: CommandDecision): boolean {
  switch (decision) {
    case 'will_cancel':
    case 'will_refund':
    case 'accepted':
      return false;
    case 'too_late':
    case 'busy':
    case 'amount_exceeds_authorized':
    case 'amount_exceeds_captured':
    case 'capture_not_supported':
    case 'books_agree':
      return true;
    default:
      return assertNever(decision);
  }
}

/** A command in the form in which it travels to the workflow. */
export interface OrderCommand {
  /** See {@link commandIdFor}; also the id of the Update and of the signal that deliver it. */
  readonly commandId: string;
  readonly requestHash: string;
  /** The subject of the token. */
  readonly actor: string;
  readonly reason: string | null;
}

/**
 * The command that owns an order: no other command moves the order's money meanwhile. The turn is the order's version
 * when the command was decided, so a later owner has a higher turn.
 */
export interface OrderOwnership {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly turn: number;
  /** The number of its capture or refund; part of the key at the provider. */
  readonly generation: number;
  /** The decided amount in minor units; null when the command has no amount of its own. */
  readonly amountMinor: number | null;
}

/** Proves to a payment step that the command still owns the order. */
export type Turn = Pick<OrderOwnership, 'commandId' | 'turn'>;

/** Events that end a command; their data contain the command. */
export const COMMAND_ENDS = [
  'order.cancelled',
  'order.partially_refunded',
  'order.refunded',
  'order.captured',
  'order.capture_failed',
  'order.given_back',
  'order.reconciled',
] as const;
export type CommandEndEvent = (typeof COMMAND_ENDS)[number];

/** Captures an authorized amount or a part of it; null means everything that is left. */
export interface CaptureCommand extends OrderCommand {
  readonly amountMinor: number | null;
}

/** The id of an order's repair. There is one id per order, so a second repair starts nothing. */
export function repairCommandId(orderId: string): string {
  return `cmd_repair_${orderId}`;
}

/** What a command may do to an order, and how it is answered. */
interface CommandRuleRow {
  /** Statuses that allow the command. */
  readonly from: readonly OrderStatus[];
  /** The status that the command leads to; null when it leaves the status as it is. */
  readonly to: OrderStatus | null;
  readonly eventType: string;
  readonly allowed: CommandDecision;
  readonly refused: CommandDecision;
  /** Nothing is decided about an order that was sold meanwhile, because another workflow decides about it. */
  readonly unlessSold?: true;
  /** The command is allowed even if it is decided that the order is rejected or expires. */
  readonly evenIfGivenUp?: true;
}

const UNSOLD = ['PENDING', 'AWAITING_CAPTURE'] as const;
const SOLD = ['CONFIRMED', 'PARTIALLY_REFUNDED'] as const;
const ENDED = ORDER_STATUSES.filter(isTerminal);

const CANCELLING = { to: 'CANCELLING', eventType: 'order.cancelling', refused: 'too_late' } as const;
const CAPTURING = { to: null, eventType: 'order.capture_accepted', allowed: 'accepted', refused: 'too_late' } as const;

/** Every rule by which a command is decided. */
export const COMMAND_RULES = {
  /** No request was sent to the payment provider yet. */
  cancel_before_payment: { ...CANCELLING, from: UNSOLD, allowed: 'will_cancel', unlessSold: true },
  /** Money may have been taken or authorized. */
  cancel_before_sale: { ...CANCELLING, from: UNSOLD, allowed: 'will_refund', unlessSold: true },
  /** Replaces a failed capture: the order is authorized and cannot be sold after all. */
  cancel_failed_sale: { ...CANCELLING, from: ['AWAITING_CAPTURE'], allowed: 'will_refund' },
  /** The money is given back, then the goods. */
  cancel_sold: { ...CANCELLING, from: SOLD, allowed: 'will_refund' },
  /** No client's command: the order's workflow was terminated. */
  repair: { ...CANCELLING, from: UNSOLD, allowed: 'will_refund', evenIfGivenUp: true },
  first_capture: { ...CAPTURING, from: ['AWAITING_CAPTURE'] },
  further_capture: { ...CAPTURING, from: SOLD },
  refund: { from: SOLD, to: 'REFUNDING', eventType: 'order.refunding', allowed: 'accepted', refused: 'too_late' },
  /** Pays back the money that an ended order still has. */
  give_back: { from: ENDED, to: null, eventType: 'order.giving_back', allowed: 'accepted', refused: 'too_late' },
  /** Adopts money that was moved at the payment provider itself. */
  reconcile: {
    from: [...SOLD, ...ENDED],
    to: null,
    eventType: 'order.reconciling',
    allowed: 'accepted',
    refused: 'too_late',
  },
  /** The same for a sold order that was paid back at the provider: it moves to the status that its money implies. */
  reconcile_refund: {
    from: SOLD,
    to: 'REFUNDING',
    eventType: 'order.refunding_outside',
    allowed: 'accepted',
    refused: 'too_late',
  },
} as const satisfies Readonly<Record<string, CommandRuleRow>>;
export type CommandRuleName = keyof typeof COMMAND_RULES;

/** How an activity decides a command: by a rule of the table, or with an answer that only has to be stored. */
export type CommandRule = AppliedRule | RefusingRule;

interface AppliedRule {
  readonly kind: 'apply';
  readonly name: CommandRuleName;
  /** The version at which the caller judged the order. If the order has another version, nothing is decided. */
  readonly version?: number;
  /** Seconds since the confirmation within which the command is allowed. */
  readonly windowSeconds?: number;
  /** The owner that this command follows, because the same workflow carries out both. */
  readonly succeeds?: string;
  /** Numbers of captures or refunds up to this one are used up at the provider. */
  readonly generationsUsed?: number;
}

interface RefusingRule {
  readonly kind: 'refuse';
  readonly decision: CommandDecision;
  /** The version at which the caller judged the order. If the order has another version, nothing is decided. */
  readonly version?: number;
}

/** The order's row, which is locked while a command is decided. */
export interface OrderToDecide {
  readonly status: OrderStatus;
  readonly version: number;
  readonly wasSold: boolean;
  /** Seconds since the confirmation; null before the confirmation. */
  readonly soldForSeconds: number | null;
  /** Whether it is decided, and not yet carried out, that the order is rejected or expires. */
  readonly isGivenUp: boolean;
  readonly ownerId: string | null;
}

/**
 * The verdict on a command. `look_again`: the caller judged another version. `busy`: another command owns the order.
 * `refused`: the decision is only stored. `joined`: the owner already does what the command asks for, and the command
 * gets the owner's promise. `owns`: the command owns the order from now on.
 */
export type CommandVerdict =
  | { readonly kind: 'look_again' | 'busy' }
  | { readonly kind: 'refused'; readonly decision: CommandDecision }
  | { readonly kind: 'joined'; readonly row: CommandRuleRow }
  | { readonly kind: 'owns'; readonly row: CommandRuleRow; readonly generationsUsed: number };

/** Judges a command by the order's locked row. */
export function judgeCommand(order: OrderToDecide, rule: CommandRule): CommandVerdict {
  if (rule.version !== undefined && rule.version !== order.version) return { kind: 'look_again' };
  return rule.kind === 'refuse' ? judgeRefusal(order, rule) : judgeRule(order, rule);
}

function judgeRefusal({ status, ownerId }: OrderToDecide, { decision }: RefusingRule): CommandVerdict {
  return ownerId !== null && MAY_CHANGE.includes(status) ? { kind: 'busy' } : { kind: 'refused', decision };
}

function judgeRule(order: OrderToDecide, rule: AppliedRule): CommandVerdict {
  const row: CommandRuleRow = COMMAND_RULES[rule.name];
  const { status, ownerId, wasSold } = order;
  if (row.unlessSold === true && wasSold) return { kind: 'look_again' };
  if (status === 'CANCELLING' && row.to === 'CANCELLING') return { kind: 'joined', row };
  const isOwned = ownerId !== null && ownerId !== rule.succeeds;
  if (isOwned && (MAY_CHANGE.includes(status) || row.from.includes(status))) return { kind: 'busy' };
  if (!isAllowed(order, row, rule)) return { kind: 'refused', decision: row.refused };
  return { kind: 'owns', row, generationsUsed: rule.generationsUsed ?? 0 };
}

function isAllowed(order: OrderToDecide, row: CommandRuleRow, rule: AppliedRule): boolean {
  const isGivenUp = order.isGivenUp && row.evenIfGivenUp !== true;
  return row.from.includes(order.status) && !isGivenUp && !isTooOld(order, rule);
}

/**
 * Statuses in which an owner may still change the facts that decide a command: the status, and the amount that is left.
 */
const MAY_CHANGE: readonly OrderStatus[] = [...UNSOLD, 'CONFIRMED', 'REFUNDING', 'PARTIALLY_REFUNDED'];

function isTooOld({ soldForSeconds }: OrderToDecide, { windowSeconds }: AppliedRule): boolean {
  return windowSeconds !== undefined && soldForSeconds !== null && soldForSeconds > windowSeconds;
}
