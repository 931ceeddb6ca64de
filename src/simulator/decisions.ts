import { randomUUID } from 'node:crypto';
import type { Charge, LedgerRecord, LedgerView, VoidRecord } from './ledger.ts';
import { behaviorOf } from './methods.ts';
import { KEY_IN_USE, KEY_VOIDED, NOT_FOUND, refusal, reply, replyFor, type Reply } from './replies.ts';
import type { ChargeRequest, EffectRequest, ExternalRequest, MovementRequest, VoidRequest } from './requests.ts';

/** ISO 4217 for "no currency": a tombstone has the amount 0 without a currency. */
const NO_CURRENCY = 'XXX';

/** Either an effect to write, or an answer that changes nothing. */
export type Decision =
  /** Answered by `reply`, or by the record when there is no `reply`. */
  | { readonly kind: 'write'; readonly record: LedgerRecord; readonly reply?: Reply }
  | { readonly kind: 'answer'; readonly reply: Reply };

/**
 * The answer a key already has: the stored one for a repeat, 422 for other parameters, 410 for a voided key;
 * `undefined` if the key is new.
 */
export function settledReply(ledger: LedgerView, request: EffectRequest): Reply | undefined {
  if (ledger.voidOf(request.key)) return KEY_VOIDED;
  const stored = ledger.find(request.key);
  if (!stored) return undefined;
  if (isRepeat(stored, request)) {
    const charge = stored.kind === 'void' ? ledger.charge(stored.target) : undefined;
    return charge === undefined || charge.capturedMinor === 0 || stored.kind !== 'void'
      ? replyFor(stored)
      : capturedReply(request, charge, stored.amountMinor);
  }
  return refusal(422, 'key_reused', 'this key was used with other parameters');
}

/**
 * Decides one request by the ledger alone, without waiting, so two requests are never decided from the same state. A
 * key that was settled meanwhile keeps its answer. `isInFlight` says whether the target's own request is still under
 * way.
 */
export function decide(ledger: LedgerView, request: EffectRequest, isInFlight: (key: string) => boolean): Decision {
  const settled = settledReply(ledger, request);
  if (settled) return answer(settled);
  if ('method' in request) return decideCharge(request);
  if (isInFlight(request.target)) return answer(KEY_IN_USE);
  return request.kind === 'void' ? decideVoid(ledger, request) : decideMovement(ledger, request);
}

function decideCharge(request: ChargeRequest): Decision {
  const { key, orderId, kind, currency, method } = request;
  const { decline, extraMinor = 0 } = behaviorOf(method);
  const shared = { ...stamp(), key, orderId, kind, currency, method, requestedMinor: request.amountMinor };
  if (decline) return write({ ...shared, amountMinor: request.amountMinor, state: 'DECLINED', decline });
  return write({ ...shared, amountMinor: request.amountMinor + extraMinor, state: 'SUCCEEDED' });
}

function decideMovement(ledger: LedgerView, request: MovementRequest): Decision {
  const charge = ledger.charge(request.target);
  // Money that was captured before the void can still be refunded.
  const isVoided = ledger.voidOf(request.target) !== undefined;
  if (isVoided && (request.kind === 'capture' || charge === undefined || charge.capturedMinor === 0)) {
    return answer(KEY_VOIDED);
  }
  if (!charge) return answer(NOT_FOUND);
  const refused = mismatch(charge, request) ?? overdraft(charge, request);
  if (refused) return answer(refused);
  const { key, target, orderId, kind, amountMinor, currency } = request;
  return write({ ...stamp(), key, target, orderId, kind, amountMinor, currency, state: 'SUCCEEDED' });
}

/** Decides an act of a person at the provider itself. The person sees the charge, so only the amount can be wrong. */
export function decideExternal(ledger: LedgerView, { kind, target, amountMinor: asked }: ExternalRequest): Decision {
  if (kind === 'capture' && ledger.voidOf(target)) return answer(KEY_VOIDED);
  const charge = ledger.charge(target);
  if (!charge) return answer(NOT_FOUND);
  const { orderId, currency } = charge.record;
  const amountMinor = asked ?? leftOf(charge, kind);
  const stamped = stamp();
  const movement = { kind, key: stamped.id, target, orderId, amountMinor, currency };
  const nothing = refusal(422, 'nothing_left', `nothing is left to ${kind}`);
  const refused = amountMinor === 0 ? nothing : overdraft(charge, movement);
  if (refused) return answer(refused);
  return write({ ...stamped, ...movement, state: 'SUCCEEDED', external: true });
}

function leftOf({ authorizedMinor, capturedMinor, refundedMinor }: Charge, kind: MovementRequest['kind']): number {
  return kind === 'capture' ? authorizedMinor - capturedMinor : capturedMinor - refundedMinor;
}

function mismatch(charge: Charge, request: MovementRequest): Reply | undefined {
  if (charge.record.orderId !== request.orderId) return orderMismatch();
  if (charge.record.currency === request.currency) return undefined;
  return refusal(422, 'currency_mismatch', `the payment is in ${charge.record.currency}`);
}

function orderMismatch(): Reply {
  return refusal(422, 'order_mismatch', 'the payment belongs to another order');
}

function overdraft(charge: Charge, request: MovementRequest): Reply | undefined {
  const left = leftOf(charge, request.kind);
  if (request.kind === 'capture') {
    if (request.amountMinor <= left) return undefined;
    return refusal(422, 'amount_exceeds_authorized', `${left} is left to capture`);
  }
  if (behaviorOf(charge.record.method).refundFails) {
    return refusal(422, 'refund_failed', 'the card cannot take a refund');
  }
  if (request.amountMinor <= left) return undefined;
  return refusal(422, 'amount_exceeds_captured', `${left} is left to refund`);
}

function decideVoid(ledger: LedgerView, request: VoidRequest): Decision {
  const charge = ledger.charge(request.target);
  const earlier = ledger.voidOf(request.target);
  const owner = charge?.record ?? earlier;
  if (owner && owner.orderId !== request.orderId) return answer(orderMismatch());
  if (earlier) return answer(repeatedVoid(request, earlier, charge));
  if (charge) return decideVoidOfCharge(charge, request);
  if (ledger.find(request.target)) {
    return answer(refusal(422, 'not_voidable', 'only the key of a sale or an authorization can be voided'));
  }
  return write(voidRecord(request, 'tombstoned', { amountMinor: 0, currency: request.currency ?? NO_CURRENCY }));
}

/** A key is voided once: a second void (under another key) finds it done, and adds no entry. */
function repeatedVoid(request: VoidRequest, { result, amountMinor }: VoidRecord, charge: Charge | undefined): Reply {
  if (charge && charge.capturedMinor > 0) return capturedReply(request, charge, amountMinor);
  return unwrittenVoid(request, result, { amountMinor });
}

function decideVoidOfCharge(charge: Charge, request: VoidRequest): Decision {
  const { authorizedMinor, capturedMinor } = charge;
  const { amountMinor, currency, decline } = charge.record;
  if (decline) return answer(unwrittenVoid(request, 'declined', { amountMinor, declineCode: decline.code }));
  const restMinor = authorizedMinor - capturedMinor;
  if (restMinor === 0) return answer(capturedReply(request, charge, 0));
  if (capturedMinor === 0) return write(voidRecord(request, 'voided', { amountMinor, currency }));
  const record = voidRecord(request, 'voided', { amountMinor: restMinor, currency });
  return { kind: 'write', record, reply: capturedReply(request, charge, restMinor) };
}

/**
 * The answer to a void of a captured charge: the void has released the uncaptured rest, and left the captured money.
 */
function capturedReply(
  request: Pick<VoidRequest, 'key' | 'orderId'>,
  { record, capturedMinor, refundedMinor }: Charge,
  releasedMinor: number,
): Reply {
  const { key, orderId } = request;
  const found = { capturedMinor, refundedMinor, releasedMinor, paymentId: record.id };
  return unwrittenVoid({ key, orderId, kind: 'void' }, 'already_captured', found);
}

function voidRecord(
  request: VoidRequest,
  result: VoidRecord['result'],
  money: Pick<VoidRecord, 'amountMinor' | 'currency'>,
): VoidRecord {
  const { key, target, orderId, kind } = request;
  return { ...stamp(), key, target, orderId, kind, result, ...money, state: 'SUCCEEDED' };
}

/**
 * The answer to a void that had nothing to do. It has no id and is not stored, because a repeat finds the same facts.
 */
function unwrittenVoid(
  request: Pick<VoidRequest, 'key' | 'orderId' | 'kind'>,
  result: VoidRecord['result'] | 'declined' | 'already_captured',
  found: object,
): Reply {
  const { key, orderId, kind } = request;
  return reply(200, { result, key, orderId, kind, state: 'SUCCEEDED', ...found });
}

function isRepeat(stored: LedgerRecord, request: EffectRequest): boolean {
  if (stored.orderId !== request.orderId || stored.kind !== request.kind) return false;
  if ('method' in stored && 'method' in request) return isSameCharge(stored, request);
  if (!('target' in stored && 'target' in request) || stored.target !== request.target) return false;
  // The currency of a void is only a label for its ledger entry.
  if (request.kind === 'void') return true;
  return stored.amountMinor === request.amountMinor && stored.currency === request.currency;
}

function isSameCharge(stored: Extract<LedgerRecord, { method: unknown }>, request: ChargeRequest): boolean {
  const { requestedMinor, currency, method } = stored;
  return requestedMinor === request.amountMinor && currency === request.currency && method === request.method;
}

function stamp(): { id: string; at: string } {
  return { id: `pay_${randomUUID().replaceAll('-', '')}`, at: new Date().toISOString() };
}

function write(record: LedgerRecord): Decision {
  return { kind: 'write', record };
}

function answer(reply: Reply): Decision {
  return { kind: 'answer', reply };
}
