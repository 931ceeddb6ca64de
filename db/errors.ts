import { DatabaseContractError, DatabaseUnavailableError, OrderSagaError } from '../src/domain/errors.ts';

/**
 * SQLSTATE classes and codes of failures that a later attempt may not meet: connection lost (08), out of resources
 * (53), server shutting down or starting (57P0x), serialization failure and deadlock (40), lock and statement timeouts
 * (55P03, 57014), a session that ended because this process was suspended inside a transaction (25P03, 25P04), and a
 * read-only standby after a failover (25006). Two more are about the connection and not about the statement: a login
 * that is refused while a secret is rotated (28), and a database that is absent while it is restored (3D000).
 */
const PASSING = [/^08/, /^53/, /^57P0/, /^40/, /^55P03$/, /^57014$/, /^25P0[34]$/, /^25006$/, /^28/, /^3D000$/];

/**
 * Error codes of the operating system (`ECONNREFUSED`, `EPIPE`, `EAI_AGAIN`), which come from the network. No SQLSTATE
 * has this form.
 */
const SYSTEM_ERROR = /^E(?!RR_)[A-Z0-9_]+$/;

/**
 * Codes of TLS (`CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`): a certificate that ends or is replaced wrongly is an
 * outage, which passes when it is corrected.
 */
const TLS_ERROR = /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** The driver's words, which have no code, when the server has turned TLS off. */
const NO_TLS = /server does not support SSL/i;

const SQLSTATE = /^[0-9A-Z]{5}$/;

const PASSING_MESSAGES =
  /timeout exceeded when trying to connect|query read timeout|connection terminated|not queryable|cannot use a pool after/i;

/** The function of the server that notices that a migration has changed the result types of a prepared statement. */
const REVALIDATION = 'RevalidateCachedQuery';

/**
 * The SQLSTATE of a prepared statement that a migration has outdated. Nothing was done, and another connection prepares
 * the statement again.
 */
export const STATEMENT_OUTDATED = '0A000';

interface DriverError extends Error {
  readonly code?: string;
  readonly constraint?: string;
  readonly routine?: string;
}

/**
 * Translates an error of the driver or the query builder into an error of the domain. The original message is dropped,
 * because the driver repeats parameters in it, and these are customer data.
 */
export function toDatabaseError(error: unknown): Error {
  if (error instanceof OrderSagaError) return error;
  const origin = originOf(error);
  if (origin === null) return new DatabaseUnavailableError('unknown');
  const code = origin.code ?? '';
  if ([SYSTEM_ERROR, TLS_ERROR, ...PASSING].some((pattern) => pattern.test(code))) {
    return new DatabaseUnavailableError(code);
  }
  if (NO_TLS.test(origin.message)) return new DatabaseUnavailableError('no TLS');
  if (origin.routine === REVALIDATION) return new DatabaseUnavailableError(STATEMENT_OUTDATED);
  if (SQLSTATE.test(code)) return new DatabaseContractError(code, origin.constraint ?? null);
  if (PASSING_MESSAGES.test(origin.message)) return new DatabaseUnavailableError('no answer');
  return origin;
}

/** The driver's error, which the query builder wraps as the cause of its own. */
function originOf(error: unknown): DriverError | null {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current : null;
}
