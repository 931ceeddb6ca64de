import type { PaymentAttempt } from '../../../src/domain/payments/payment-attempt.ts';
import type { PaymentKind, PaymentOperationState } from '../../../src/domain/payments/payment.ts';
import type { Database, Statement } from '../../client.ts';

/**
 * An attempt that is not stored yet, with the time that has passed since its end. (A worker's own clock is not trusted
 * for points in time.)
 */
export interface EndedAttempt extends PaymentAttempt {
  readonly ageMs: number;
}

/** A stored call to the provider; `number` counts the calls for its key, from 1. */
export interface StoredAttempt extends Omit<PaymentAttempt, 'tenantId'> {
  readonly number: number;
  readonly at: Date;
  /** The time of `at` with microseconds. */
  readonly atMs: number;
}

/** A state of an operation, and when it began. */
export interface OperationChange {
  readonly key: string;
  readonly kind: PaymentKind;
  readonly generation: number;
  readonly state: PaymentOperationState;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declineCode: string | null;
  readonly providerRef: string | null;
  readonly at: Date;
  /** The time of `at` with microseconds. */
  readonly atMs: number;
}

/** The history of an order's payments. Rows are added and never changed. */
export interface PaymentHistoryRepository {
  /** Stores attempts without an operation; attempts that were stored before stay as they are. */
  addAttempts(attempts: readonly EndedAttempt[]): Promise<void>;
  /** The attempts in the order in which they were stored. */
  listAttempts(orderId: string): Promise<StoredAttempt[]>;
  /** The changes, oldest first. */
  listChanges(orderId: string): Promise<OperationChange[]>;
}

export function createPaymentHistoryRepository(db: Database): PaymentHistoryRepository {
  return {
    addAttempts: async (attempts) => {
      await db.run(ADD_ATTEMPTS, [JSON.stringify(attempts)]);
    },
    listAttempts: (orderId) => db.run<StoredAttempt>(LIST_ATTEMPTS, [orderId]),
    listChanges: (orderId) => db.run<OperationChange>(LIST_CHANGES, [orderId]),
  };
}

/**
 * SQL that stores the attempts that a parameter holds as JSON. It is part of another statement, so it costs no round
 * trip.
 */
export function insertAttempts(parameter: string): string {
  return `
  INSERT INTO payments.attempts (order_id, attempt_id, tenant_id, key, kind, generation, call, amount_minor, currency,
    method, outcome, code, provider_ref, step, duration_ms, at)
  SELECT a."orderId", a."attemptId", a."tenantId", a.key, a.kind, a.generation, a.call, a."amountMinor", a.currency,
    a.method, a.outcome, a.code, a."providerRef", a.step, a."durationMs",
    clock_timestamp() - a."ageMs" * interval '1 millisecond'
  FROM jsonb_to_recordset(${parameter}::jsonb) AS a ("orderId" text, "attemptId" text, "tenantId" text, key text, kind text,
    generation integer, call text, "amountMinor" bigint, currency text, method text, outcome text, code text,
    "providerRef" text, step text, "durationMs" integer, "ageMs" float8)
  ON CONFLICT DO NOTHING`;
}

const ADD_ATTEMPTS: Statement = { name: 'add_payment_attempts', text: insertAttempts('$1') };

/** Times are rounded to milliseconds, as in all other tables. */
const TIMES = `at::timestamptz(3) AS at, extract(epoch FROM at)::float8 * 1000 AS "atMs"`;

const LIST_ATTEMPTS: Statement = {
  name: 'list_payment_attempts',
  text: `
SELECT order_id AS "orderId", attempt_id AS "attemptId", key, kind, generation, call, amount_minor AS "amountMinor",
  currency, method, outcome, code, provider_ref AS "providerRef", step, duration_ms AS "durationMs",
  (row_number() OVER (PARTITION BY key ORDER BY position))::integer AS number, ${TIMES}
FROM payments.attempts WHERE order_id = $1 ORDER BY position`,
};

const LIST_CHANGES: Statement = {
  name: 'list_operation_changes',
  text: `
SELECT key, kind, generation, state, amount_minor AS "amountMinor", currency, decline_code AS "declineCode",
  provider_ref AS "providerRef", ${TIMES}
FROM payments.operation_changes WHERE order_id = $1 ORDER BY position`,
};
