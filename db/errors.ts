import { DatabaseContractError, DatabaseUnavailableError, OrderSagaError } from '../src/domain/errors.ts';

/**
 * SQLSTATE classes and codes that a later attempt may get past: connection lost (08), out of resources (53),
 * shutting down or starting (57P0x), serialization and deadlock (40), lock and statement timeouts (55P03, 57014),
 * a read-only standby after a failover (25006).
 */
const PASSING = [/^08/, /^53/, /^57P0/, /^40/, /^55P03$/, /^57014$/, /^25006$/];

const PASSING_MESSAGES =
  /timeout exceeded when trying to connect|query read timeout|connection terminated|not queryable|cannot use a pool after/i;

interface DriverError extends Error {
  readonly code?: string;
  readonly constraint?: string;
}

/**
 * Translates whatever the driver or the query builder threw into an error of the domain, once, and drops its
 * message: the driver's text repeats parameters, which are customer data.
 */
export function toDatabaseError(error: unknown): Error {
  if (error instanceof OrderSagaError) return error;
  const origin = originOf(error);
  if (origin === null) return new DatabaseUnavailableError('unknown');
  const code = origin.code ?? '';
  if (PASSING.some((pattern) => pattern.test(code))) return new DatabaseUnavailableError(code);
  if (/^[0-9A-Z]{5}$/.test(code)) return new DatabaseContractError(code, origin.constraint ?? null);
  if (/^E[A-Z]+$/.test(code) || PASSING_MESSAGES.test(origin.message)) {
    return new DatabaseUnavailableError(code === '' ? 'no answer' : code);
  }
  return origin;
}

/** The driver's error below the query builder's, which wraps it as its cause. */
function originOf(error: unknown): DriverError | null {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current : null;
}
