import { DatabaseContractError, DatabaseUnavailableError, OrderSagaError } from '../src/domain/errors.ts';

/**
 * SQLSTATE classes and codes that a later attempt may get past: connection lost (08), out of resources (53),
 * shutting down or starting (57P0x), serialization and deadlock (40), lock and statement timeouts (55P03, 57014),
 * a session ended because this process was suspended in mid-transaction (25P03, 25P04), a read-only standby after a
 * failover (25006), and what is wrong with the connection and not with the statement: a login refused while a
 * secret is rotated (28), a database absent while it is restored (3D000).
 */
const PASSING = [/^08/, /^53/, /^57P0/, /^40/, /^55P03$/, /^57014$/, /^25P0[34]$/, /^25006$/, /^28/, /^3D000$/];

/** Codes of the operating system (`ECONNREFUSED`, `EPIPE`, `EAI_AGAIN`): the network's, which no SQLSTATE looks like. */
const SYSTEM_ERROR = /^E(?!RR_)[A-Z0-9_]+$/;

const SQLSTATE = /^[0-9A-Z]{5}$/;

const PASSING_MESSAGES =
  /timeout exceeded when trying to connect|query read timeout|connection terminated|not queryable|cannot use a pool after/i;

/** The function of the server that finds out that a migration changed the types which a kept statement gives. */
const REVALIDATION = 'RevalidateCachedQuery';

/** SQLSTATE of that finding: nothing was done, and another connection learns the statement anew. */
export const STATEMENT_OUTDATED = '0A000';

interface DriverError extends Error {
  readonly code?: string;
  readonly constraint?: string;
  readonly routine?: string;
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
  if (SYSTEM_ERROR.test(code) || PASSING.some((pattern) => pattern.test(code))) {
    return new DatabaseUnavailableError(code);
  }
  if (origin.routine === REVALIDATION) return new DatabaseUnavailableError(STATEMENT_OUTDATED);
  if (SQLSTATE.test(code)) return new DatabaseContractError(code, origin.constraint ?? null);
  if (PASSING_MESSAGES.test(origin.message)) return new DatabaseUnavailableError('no answer');
  return origin;
}

/** The driver's error below the query builder's, which wraps it as its cause. */
function originOf(error: unknown): DriverError | null {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current : null;
}
