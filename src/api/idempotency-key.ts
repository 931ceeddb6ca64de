import { createHash } from 'node:crypto';
import { ProblemError } from './problem.ts';

const KEY = /^[A-Za-z0-9_.:-]{8,255}$/;

/**
 * Reads the `Idempotency-Key` header; the quoted and the bare form are the same key.
 * @throws {ProblemError} `idempotency_key_missing` or `idempotency_key_malformed`.
 */
export function parseIdempotencyKey(header: string | undefined): string {
  if (header === undefined || header.trim() === '') {
    throw new ProblemError('idempotency_key_missing', 'the Idempotency-Key header is required');
  }
  const key = header.trim().replace(/^"(.*)"$/, '$1');
  if (!KEY.test(key)) {
    throw new ProblemError(
      'idempotency_key_malformed',
      'Idempotency-Key must be 8 to 255 characters of A-Z a-z 0-9 _ . : -',
    );
  }
  return key;
}

/** SHA-256, hexadecimal, of a validated value: equal values hash alike whatever the order of their properties. */
export function requestHashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry)}`).join(',')}}`;
}
