import { holdsCardNumber } from '../../domain/personal-data/card-number.ts';
import { ProblemError } from './problem.ts';

/** Only digits and hyphens. Digits inside of longer keys are more often random than a card number. */
const NUMBER = /^[\d-]+$/;

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
  if (NUMBER.test(key) && holdsCardNumber(key)) {
    throw new ProblemError('idempotency_key_malformed', 'Idempotency-Key must not be a card number');
  }
  return key;
}
