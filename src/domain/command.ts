import { base32Digest } from './ids.ts';

/** What a client may ask of an order after it was accepted. */
export const COMMAND_KINDS = ['cancel', 'capture', 'refund'] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/**
 * What a command was answered; stored, so the same key gets the same answer for ever.
 * `will_cancel`: nothing stays taken. `will_refund`: what is taken, or may be, is given back. `accepted`: a capture or a
 * refund is under way. `too_late`: the order's status does not allow it any more. `busy`: another command is under way.
 */
export const COMMAND_DECISIONS = [
  'will_cancel',
  'will_refund',
  'accepted',
  'too_late',
  'busy',
  'amount_exceeds_authorized',
  'amount_exceeds_captured',
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
