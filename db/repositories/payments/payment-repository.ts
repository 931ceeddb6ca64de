import { and, desc, gt, inArray } from 'drizzle-orm';
import {
  EMPTY_BALANCE,
  type PaymentBalance,
  type PaymentKind,
  type PaymentOperationState,
} from '../../../src/domain/payments/payment.ts';
import { OrderTurnOverError } from '../../../src/domain/errors.ts';
import type { Database, Statement } from '../../client.ts';
import { balances, operations } from '../../schema/payments.ts';
import { insertAttempts, type EndedAttempt } from './payment-history-repository.ts';

/** One effect at the provider, as far as its outcome is known. */
export interface PaymentOperation {
  readonly key: string;
  readonly orderId: string;
  readonly tenantId: string;
  readonly kind: PaymentKind;
  readonly generation: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly state: PaymentOperationState;
  readonly declineCode: string | null;
  readonly providerRef: string | null;
}

/** An operation with the time of its last change. */
export interface RecordedOperation extends PaymentOperation {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A short form of one order's payments. */
export interface PaymentSummary {
  readonly balance: PaymentBalance;
  /** State of the newest sale or authorization; null when no charge was tried, for example because the total is 0. */
  readonly lastCharge: PaymentOperationState | null;
}

/** The turn of the order's first payment; every command that owns the order later has a higher turn. */
export const FIRST_TURN = 0;

/** The ledger of effects that were asked of the provider. A trigger keeps the balances up to date. */
export interface PaymentRepository {
  /**
   * Proves, before money is moved, that no later command owns the order. Repeating it is harmless.
   * @throws {OrderTurnOverError} when a later command owns the order.
   */
  beginTurn(order: { readonly orderId: string; readonly turn: number; readonly commandId: string }): Promise<void>;
  /**
   * Stores an operation under its key and returns the stored state. A definite result replaces UNKNOWN; a success
   * replaces a decline or a failure (a look-up has proved late money); a success never changes. The attempts that led
   * to the operation are stored with it, even if the operation changes nothing or is refused.
   * @throws {OrderTurnOverError} when a turn after `turn` has begun; the later owner looks up what was done at the
   * provider.
   */
  record(operation: PaymentOperation, turn?: number, attempts?: readonly EndedAttempt[]): Promise<PaymentOperation>;
  findOptional(key: string): Promise<PaymentOperation | null>;
  /** All operations of an order, oldest first. */
  listByOrder(orderId: string): Promise<RecordedOperation[]>;
  /** The summaries by order id; an order without operations is absent. */
  summaries(orderIds: readonly string[]): Promise<Map<string, PaymentSummary>>;
}

export function createPaymentRepository(db: Database): PaymentRepository {
  const findOptional = async (key: string): Promise<PaymentOperation | null> => {
    const [row] = await db.run<PaymentOperation>(FIND_OPERATION, [key]);
    return row ?? null;
  };
  return {
    findOptional,
    beginTurn: async ({ orderId, turn, commandId }) => {
      if (turn > FIRST_TURN) await db.run(RESTORE_PAYMENTS, [orderId]);
      const rows = await db.run(BEGIN_TURN, [orderId, turn, commandId]);
      if (rows.length === 0) throw new OrderTurnOverError(orderId, turn);
    },
    record: async (operation, turn = FIRST_TURN, attempts = []) => {
      const [row] = await db.run<PaymentOperation & { readonly isOver: boolean }>(RECORD_OPERATION, [
        operation.key,
        operation.orderId,
        operation.tenantId,
        operation.kind,
        operation.generation,
        operation.amountMinor,
        operation.currency,
        operation.state,
        operation.declineCode,
        operation.providerRef,
        turn,
        JSON.stringify(attempts),
      ]);
      if (row === undefined) return (await findOptional(operation.key)) ?? operation;
      const { isOver, ...stored } = row;
      if (isOver) throw new OrderTurnOverError(operation.orderId, turn);
      return stored;
    },
    listByOrder: (orderId) => db.run<RecordedOperation>(LIST_OPERATIONS, [orderId]),
    summaries: (orderIds) => summarize(db, orderIds),
  };
}

async function summarize(db: Database, orderIds: readonly string[]): Promise<Map<string, PaymentSummary>> {
  const ids = [...orderIds];
  const [charges, sums] = await Promise.all([
    db.query((orm) =>
      orm
        .selectDistinctOn([operations.orderId], { orderId: operations.orderId, state: operations.state })
        .from(operations)
        // The provider was never asked for a charge of 0 (see `wasAsked`).
        .where(
          and(
            inArray(operations.orderId, ids),
            inArray(operations.kind, ['sale', 'authorize']),
            gt(operations.amountMinor, 0),
          ),
        )
        .orderBy(operations.orderId, desc(operations.generation)),
    ),
    db.query((orm) => orm.select().from(balances).where(inArray(balances.orderId, ids))),
  ]);
  const balanceOf = new Map(sums.map((sum) => [sum.orderId, sum]));
  return new Map(
    charges.map(({ orderId, state }) => [
      orderId,
      { balance: balanceOf.get(orderId) ?? EMPTY_BALANCE, lastCharge: state },
    ]),
  );
}

const COLUMNS = `key, order_id AS "orderId", tenant_id AS "tenantId", kind, generation, amount_minor AS "amountMinor",
  currency, state, decline_code AS "declineCode", provider_ref AS "providerRef"`;

const FIND_OPERATION: Statement = {
  name: 'find_operation',
  text: `SELECT ${COLUMNS} FROM payments.operations WHERE key = $1`,
};

const LIST_OPERATIONS: Statement = {
  name: 'list_operations',
  text: `SELECT ${COLUMNS}, created_at AS "createdAt", updated_at AS "updatedAt" FROM payments.operations
WHERE order_id = $1 ORDER BY created_at, key`,
};

/** A command may be about an archived order, whose payments then come back. */
const RESTORE_PAYMENTS: Statement = {
  name: 'restore_payments',
  text: `
SELECT payments.restore_orders(ARRAY[$1::text])
WHERE EXISTS (SELECT FROM payments.turns WHERE order_id = $1 AND tableoid <> 'payments.turns'::regclass)
  OR EXISTS (SELECT FROM payments.operations WHERE order_id = $1 AND tableoid <> 'payments.operations'::regclass)`,
};

/** Begins or continues a turn; no row when a later turn has begun. */
const BEGIN_TURN: Statement = {
  name: 'begin_turn',
  text: `
INSERT INTO payments.turns AS t (order_id, turn, command_id) VALUES ($1, $2, $3)
ON CONFLICT (order_id) DO UPDATE SET turn = excluded.turn, command_id = excluded.command_id WHERE t.turn <= excluded.turn
RETURNING turn`,
};

/** The lock on the turn keeps a later turn from beginning between the check and the insert. */
const RECORD_OPERATION: Statement = {
  name: 'record_operation',
  text: `
WITH asked AS (${insertAttempts('$12')}), begun AS (
  SELECT turn FROM payments.turns WHERE order_id = $2 FOR SHARE
), later AS (
  SELECT FROM begun WHERE turn > $11::integer
), recorded AS (
  INSERT INTO payments.operations AS o
    (key, order_id, tenant_id, kind, generation, amount_minor, currency, state, decline_code, provider_ref)
  SELECT $1, $2, $3, $4, $5::integer, $6::bigint, $7, $8, $9, $10 WHERE NOT EXISTS (SELECT FROM later)
  ON CONFLICT (key) DO UPDATE
    SET state = excluded.state, amount_minor = excluded.amount_minor, decline_code = excluded.decline_code,
      provider_ref = excluded.provider_ref, updated_at = now()
    WHERE excluded.state <> 'UNKNOWN'
      AND (o.state = 'UNKNOWN' OR (o.state IN ('DECLINED', 'FAILED') AND excluded.state = 'SUCCEEDED'))
  RETURNING ${COLUMNS}
)
SELECT recorded.*, false AS "isOver" FROM recorded
UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true FROM later`,
};
