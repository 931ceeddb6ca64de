import { and, desc, inArray } from 'drizzle-orm';
import {
  EMPTY_BALANCE,
  type PaymentBalance,
  type PaymentKind,
  type PaymentOperationState,
} from '../../src/domain/payment.ts';
import type { Database, Statement } from '../client.ts';
import { balances, operations } from '../schema/payments.ts';

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
  /** State of the newest sale or authorization; null when none was tried. */
  readonly lastCharge: PaymentOperationState | null;
}

/** The ledger of what was asked of the provider; balances follow it by a trigger. */
export interface PaymentRepository {
  /**
   * Stores an operation under its key and returns what is stored now. A definite result replaces UNKNOWN,
   * a success replaces a decline or a failure (late money that a look-up has proved), and a success never changes.
   */
  record(operation: PaymentOperation): Promise<PaymentOperation>;
  findOptional(key: string): Promise<PaymentOperation | null>;
  /** All operations of an order, oldest first. */
  listByOrder(orderId: string): Promise<RecordedOperation[]>;
  /** By order id; an order without operations is absent from the map. */
  summaries(orderIds: readonly string[]): Promise<Map<string, PaymentSummary>>;
}

/** Creates the repository over the `payments` schema. */
export function createPaymentRepository(db: Database): PaymentRepository {
  const findOptional = async (key: string): Promise<PaymentOperation | null> => {
    const [row] = await db.run<PaymentOperation>(FIND_OPERATION, [key]);
    return row ?? null;
  };
  return {
    findOptional,
    record: async (operation) => {
      const [row] = await db.run<PaymentOperation>(RECORD_OPERATION, [
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
      ]);
      return row ?? (await findOptional(operation.key)) ?? operation;
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
        .where(and(inArray(operations.orderId, ids), inArray(operations.kind, ['sale', 'authorize'])))
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

const RECORD_OPERATION: Statement = {
  name: 'record_operation',
  text: `
INSERT INTO payments.operations AS o
  (key, order_id, tenant_id, kind, generation, amount_minor, currency, state, decline_code, provider_ref)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (key) DO UPDATE
  SET state = excluded.state, amount_minor = excluded.amount_minor, decline_code = excluded.decline_code,
    provider_ref = excluded.provider_ref, updated_at = now()
  WHERE excluded.state <> 'UNKNOWN' AND (o.state = 'UNKNOWN' OR (o.state IN ('DECLINED', 'FAILED') AND excluded.state = 'SUCCEEDED'))
RETURNING ${COLUMNS}`,
};
