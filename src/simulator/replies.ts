import type { Charge, LedgerRecord, MovementRecord } from './ledger.ts';

/** An HTTP answer with a JSON body. */
export interface Reply {
  readonly kind: 'reply';
  readonly status: 200 | 201 | 400 | 402 | 404 | 409 | 410 | 413 | 422 | 500 | 503;
  readonly body: object;
}

/** What happens on the wire: an answer, or a connection that is reset without one. */
export type Answer = Reply | { readonly kind: 'reset' };

/** The client hears nothing and cannot know what happened. */
export const RESET: Answer = { kind: 'reset' };

/** An answer that is not an error. */
export function reply(status: Reply['status'], body: object): Reply {
  return { kind: 'reply', status, body };
}

/** An error answer: `code` is for programs and stable, `message` is for people. */
export function refusal(status: Reply['status'], code: string, message: string): Reply {
  return { kind: 'reply', status, body: { code, message } };
}

/** The key is being worked on: the outcome exists soon, but not yet. */
export const KEY_IN_USE = refusal(409, 'key_in_use', 'a request with this key is still being processed');

/** Nothing was looked at or changed. */
export const UNAVAILABLE = refusal(503, 'unavailable', 'the provider is not available, try again later');

/** The key was voided: no money is held under it, and none ever will be. */
export const KEY_VOIDED = refusal(410, 'key_voided', 'this key was voided and can never be charged');

/** No effect is known under the key; proves nothing while a request may still be under way. */
export const NOT_FOUND = refusal(404, 'not_found', 'nothing is known under this key');

/** The answer to the request that wrote the record, and to each of its repeats: a function of the record alone. */
export function replyFor(record: LedgerRecord): Reply {
  if (record.kind === 'void') return reply(200, bodyOf(record));
  return reply(record.state === 'SUCCEEDED' ? 201 : 402, bodyOf(record));
}

/** The answer to a look-up: the stored body, and for a charge the later captures and refunds. */
export function lookupReplyFor(record: LedgerRecord, charge: Charge | undefined, voided: boolean): Reply {
  if (!charge) return reply(200, bodyOf(record));
  const { capturedMinor, refundedMinor } = charge;
  return reply(200, { ...bodyOf(record), voided, capturedMinor, refundedMinor });
}

/** The answer about captures and refunds; the key is null when the merchant's system did not make the movement. */
export function movementsReplyFor(records: readonly MovementRecord[]): Reply {
  const movements = records.map(({ id, key, kind, amountMinor, currency, at, external }) => ({
    id,
    kind,
    key: external === true ? null : key,
    amountMinor,
    currency,
    at,
  }));
  return reply(200, { movements });
}

function bodyOf(record: LedgerRecord): object {
  const { id, key, orderId, kind, amountMinor, currency, state, at } = record;
  const body = { id, key, orderId, kind, amountMinor, currency, state, at };
  if (record.kind === 'void') return { result: record.result, ...body };
  if ('decline' in record && record.decline) {
    return { ...body, declineCode: record.decline.code, retryable: record.decline.retryable };
  }
  return body;
}
