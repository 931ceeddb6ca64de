import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { SealingKey } from './text-sealer.ts';

/** What a request asked for, as it is stored beside what came of it. */
export interface RequestHash {
  /** With the id of its key: `hmac-sha256:KEY:DIGEST`. */
  readonly text: string;
  /** Whether a stored hash is of the same request, under whichever known key it was made. */
  isSameAs(stored: string): boolean;
}

/** Hashes under the newest key, compares under any known one. */
export interface RequestHasher {
  /** `about` is the id of what the request makes: the same request about something else has another hash. */
  hash(about: string, value: unknown): RequestHash;
}

const SCHEME = 'hmac-sha256';
const KEYED = /^hmac-sha256:([^:]+):[A-Za-z0-9_-]+$/;

/** From before there was a key: SHA-256, hexadecimal, of the value alone. */
const UNKEYED = /^[0-9a-f]{64}$/;

const KEY_BYTES = 32;

/**
 * Creates a hasher. A request holds an address and a phone number, and all phone numbers can be tried in seconds: only
 * with a key the hash of one tells nothing. `keys` are those that seal, newest first; what hashes is derived from each, so
 * neither is used for two purposes.
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

/** Equal values are written alike, whatever the order of their properties. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry)}`).join(',')}}`;
}
