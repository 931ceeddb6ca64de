import { base32Digest } from './ids.ts';

/**
 * What may be asked of an order after it was accepted. `give_back` is an operator's, or the system's about late money: it
 * returns what an order that has ended still has, and leaves the status. `reconcile` is theirs too: what was moved at the
 * payment provider itself is adopted into the books.
 */
export const COMMAND_KINDS = ['cancel', 'capture', 'refund', 'give_back', 'reconcile'] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/**
 * What a command was answered; stored, so the same key gets the same answer for ever.
 * `will_cancel`: nothing stays taken. `will_refund`: what is taken, or may be, is given back. `accepted`: a capture or a
 * refund is under way. `too_late`: the order's status does not allow it any more. `busy`: another command owns the order;
 * it is never stored, so that the same key may be repeated.
 * `books_agree`: nothing was moved at the provider that the books do not have.
 * `capture_not_supported`: the order is captured automatically, or the provider captures an authorization once.
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

/** A command as it travels to the workflow. */
export interface OrderCommand {
  /** {@link commandIdFor}; also the id of the Update and of the signal that carry it. */
  readonly commandId: string;
  readonly requestHash: string;
  /** Subject of the token. */
  readonly actor: string;
  readonly reason: string | null;
}

/**
 * The command that owns an order: while it does, no other one moves money. Its turn is the order's version at the moment
 * of the decision, so a later owner has a higher one.
 */
export interface OrderOwnership {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly turn: number;
  /** Number of its capture or refund: part of the key at the provider. */
  readonly generation: number;
  /** As it was decided, in minor units; null where the command has no amount of its own. */
  readonly amountMinor: number | null;
}

/** Proves to whoever moves money that the command still owns the order. */
export type Turn = Pick<OrderOwnership, 'commandId' | 'turn'>;

/** Events that end a command; they name it in their data. */
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

/** Takes (a part of) an authorized amount; null is all that is left. */
export interface CaptureCommand extends OrderCommand {
  readonly amountMinor: number | null;
}

/**
 * Id of a command: the same key on the same route of the same order is the same command, whichever way it takes to
 * the workflow and however often.
 */
export function commandIdFor(tenantId: string, orderId: string, kind: CommandKind, idempotencyKey: string): string {
  return `cmd_${base32Digest(`${tenantId}\0${orderId}\0${kind}\0${idempotencyKey}`)}`;
}

/** Id of the repair of an order, on behalf of nobody's command: one for each order, so a second repair starts nothing. */
export function repairCommandId(orderId: string): string {
  return `cmd_repair_${orderId}`;
}
