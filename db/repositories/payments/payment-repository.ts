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

/** One effect at the provider, as far as it is known. */
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

/** Money of one order in short. */
export interface PaymentSummary {
  readonly balance: PaymentBalance;
  /** State of the newest sale or authorization; null when none was tried, also for a total of 0. */
  readonly lastCharge: PaymentOperationState | null;
}

/** The turn of the order's own first payment: every command that comes to own the order has a later one. */
export const FIRST_TURN = 0;

/** The ledger of what was asked of the provider; balances follow it by a trigger. */
export interface PaymentRepository {
  /**
   * Proves before money is moved that no later command has come to own the order. Repeating it is harmless.
   * @throws {OrderTurnOverError} when one has.
   */
  beginTurn(order: { readonly orderId: string; readonly turn: number; readonly commandId: string }): Promise<void>;
  /**
   * Stores an operation under its key and returns what is stored now. A definite result replaces UNKNOWN,
   * a success replaces a decline or a failure (late money that a look-up has proved), and a success never changes.
   * The attempts that led to it are stored with it, also when it changes nothing or is refused.
   * @throws {OrderTurnOverError} when a later turn than `turn` has begun; an owner finds what was done at the provider.
   */
  record(operation: PaymentOperation, turn?: number, attempts?: readonly EndedAttempt[]): Promise<PaymentOperation>;
  findOptional(key: string): Promise<PaymentOperation | null>;
  /** All operations of an order, oldest first. */
  listByOrder(orderId: string): Promise<RecordedOperation[]>;
  /** By order id; an order without operations is absent from the map. */
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
        // A charge of 0 was never asked for (see `wasAsked`).
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

/** A turn begins, or goes on; no row when a later one has begun. */
const BEGIN_TURN: Statement = {
  name: 'begin_turn',
  text: `
INSERT INTO payments.turns AS t (order_id, turn, command_id) VALUES ($1, $2, $3)
ON CONFLICT (order_id) DO UPDATE SET turn = excluded.turn, command_id = excluded.command_id WHERE t.turn <= excluded.turn
RETURNING turn`,
};

/** The lock on the turn keeps a later one from beginning between the look and the row. */
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
