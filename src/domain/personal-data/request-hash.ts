import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { SealingKey } from './text-sealer.ts';

/** A request's content in the form that is stored beside its result. */
export interface RequestHash {
  /** The hash with the id of its key: `hmac-sha256:KEY:DIGEST`. */
  readonly text: string;
  /** Whether a stored hash is of the same request, made with any known key. */
  isSameAs(stored: string): boolean;
}

/** Hashes with the newest key, and compares with any known key. */
export interface RequestHasher {
  /**
   * Hashes a request. `about` is the id of the thing that the request makes; the same request about another thing has
   * another hash.
   */
  hash(about: string, value: unknown): RequestHash;
}

const SCHEME = 'hmac-sha256';
const KEYED = /^hmac-sha256:([^:]+):[A-Za-z0-9_-]+$/;

/** A hash from before there were keys: SHA-256 of the value alone, hexadecimal. */
const UNKEYED = /^[0-9a-f]{64}$/;

const KEY_BYTES = 32;

/**
 * `keys` are the sealing keys, newest first; a hashing key is derived from each, so that no key serves two purposes.
 * (Hashes need a key, because a request holds an address and a phone number, and all phone numbers can be tried in
 * seconds.)
 */
export function createRequestHasher(keys: readonly [SealingKey, ...SealingKey[]]): RequestHasher {
  const derived = new Map(keys.map(({ id, key }) => [id, derive(key)]));
  const [{ id: newest }] = keys;
  const keyed = (keyId: string, text: string): string | null => {
    const key = derived.get(keyId);
    return key === undefined
      ? null
      : `${SCHEME}:${keyId}:${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  return {
    hash: (about, value) => {
      const request = canonical(value);
      const text = `${about}\0${request}`;
      return {
        text: keyed(newest, text) ?? '',
        isSameAs: (stored) => {
          const [, keyId] = KEYED.exec(stored) ?? [];
          if (keyId !== undefined) return isEqual(stored, keyed(keyId, text));
          return UNKEYED.test(stored) && isEqual(stored, createHash('sha256').update(request).digest('hex'));
        },
      };
    },
  };
}

function derive(key: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', 'order-saga request hash', KEY_BYTES));
}

function isEqual(stored: string, asked: string | null): boolean {
  if (asked === null || stored.length !== asked.length) return false;
  return timingSafeEqual(Buffer.from(stored), Buffer.from(asked));
}

/** Equal values have the same text, even if their properties are in another order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry)}`).join(',')}}`;
}
