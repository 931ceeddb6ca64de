import { createHash, randomBytes } from 'node:crypto';
import type { CommandKind } from './command.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * 26 base32 characters hold 130 bits: even after 2^32 orders, two different keys collide with a probability below
 * 2^-64.
 */
const ID_CHARACTERS = 26;

const ORDER_ID = /^ord_[a-z2-7]{26}$/;

/** Order id: `ord_` and the first 26 characters of lower-case base32(SHA-256(tenant + NUL + idempotency key)). */
export type OrderId = string;

/**
 * Derives the order id from tenant and `Idempotency-Key`. The same pair always gives the same id, so a repeated POST
 * finds the first order and does not make a second one.
 */
export function orderIdFor(tenantId: string, idempotencyKey: string): OrderId {
  return `ord_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
}

/** First 26 characters of lower-case base32(SHA-256(text)). */
export function base32Digest(text: string): string {
  return base32(createHash('sha256').update(text, 'utf8').digest()).slice(0, ID_CHARACTERS);
}

/** Whether a string has the form of an order id. The order need not exist. */
export function isOrderId(candidate: string): candidate is OrderId {
  return ORDER_ID.test(candidate);
}

/** A new random id with a prefix, for example `case_x4...`; it has 130 random bits. */
export function randomId(prefix: string): string {
  return `${prefix}_${base32(randomBytes(17)).slice(0, ID_CHARACTERS)}`;
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(buffer >> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(buffer << (5 - bits)) & 31] : text;
}

/** A placeholder for the order id of a payment provider's report that has no order. */
export function standInOf({ provider, eventId }: { readonly provider: string; readonly eventId: string }): string {
  return `notice_${base32Digest(`${provider}\0${eventId}`)}`;
}

/**
 * The id of a command: the same key on the same route of the same order is the same command, however and how often it
 * reaches the workflow.
 */
export function commandIdFor(command: {
  readonly tenantId: string;
  readonly orderId: string;
  readonly kind: CommandKind;
  readonly idempotencyKey: string;
}): string {
  const { tenantId, orderId, kind, idempotencyKey } = command;
  return `cmd_${base32Digest(`${tenantId}\0${orderId}\0${kind}\0${idempotencyKey}`)}`;
}
