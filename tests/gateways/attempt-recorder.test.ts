import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../db/client.ts';
import { createPaymentHistoryRepository } from '../../db/repositories/payments/payment-history-repository.ts';
import { createPaymentRepository, type PaymentOperation } from '../../db/repositories/payments/payment-repository.ts';
import { createAttemptRecorder } from '../../src/activities/attempt-recorder.ts';
import {
  PaymentContractError,
  PaymentGatewayOpenError,
  PaymentMismatchError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../../src/domain/errors.ts';
import type { ChargeOutcome, PaymentGateway } from '../../src/gateways/payment-gateway.ts';
import { freshId } from '../repositories/fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { timed } from '../support/stopwatch.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const charged: ChargeOutcome = { kind: 'succeeded', providerRef: 'ch_1' };

/** A provider that answers every charge in the same way. */
function provider(charge: () => Promise<ChargeOutcome>): PaymentGateway {
  return { charge } as unknown as PaymentGateway;
}

/** A database that counts its statements. */
function counted(db: Database): { readonly db: Database; readonly statements: string[] } {
  const statements: string[] = [];
  const run: Database['run'] = (statement, values) => {
    statements.push(statement.name);
    return db.run(statement, values);
  };
  return { db: { ...db, run }, statements };
}

/** Asks for a charge like a step, and then does the rest of the step. */
async function charge(
  gateway: PaymentGateway,
  finish: (
    record: (operation: PaymentOperation) => Promise<PaymentOperation>,
    sale: PaymentOperation,
  ) => Promise<unknown>,
  historyOn: Database = database.databases.payments,
) {
  const { db, statements } = counted(database.databases.payments);
  const losses: object[] = [];
  const recorder = createAttemptRecorder({
    gateway,
    payments: createPaymentRepository(db),
    paymentHistory: createPaymentHistoryRepository(historyOn === database.databases.payments ? db : historyOn),
    onLost: (lost) => losses.push(lost),
  });
  const orderId = freshId();
  const about = { orderId, tenantId: 'demo', key: `${orderId}:sale:1`, kind: 'sale', currency: 'EUR' } as const;
  const money = { ...about, amountMinor: 4_500 };
  const result = { state: 'SUCCEEDED', declineCode: null, providerRef: 'ch_1' } as const;
  const { takePayment } = recorder.during({
    takePayment: async ({ tenantId }: { tenantId: string }) => {
      const request = { ...money, tenantId, method: 'pm_ok' };
      await recorder.gateway.charge(request, AbortSignal.timeout(1_000));
      await finish(recorder.payments.record, { ...money, ...result, generation: 1 });
    },
  });
  const failure: unknown = await takePayment({ tenantId: 'demo' }).then(
    () => null,
    (error: unknown) => error,
  );
  const history = createPaymentHistoryRepository(database.databases.payments);
  return { failure, statements, losses, attempts: await history.listAttempts(orderId) };
}

it('A call to the provider that led to an operation is stored by the statement of that operation and costs none more', async () => {
  const { statements, attempts } = await charge(
    provider(async () => charged),
    (record, sale) => record(sale),
  );
  expect(statements).toEqual(['record_operation']);
  expect(attempts).toMatchObject([{ number: 1, call: 'charge', outcome: 'succeeded', providerRef: 'ch_1' }]);
});

it.each([
  [new PaymentOutcomeUnknownError('key', 'no answer in time'), { outcome: 'unknown', code: 'no answer in time' }],
  [new PaymentGatewayOpenError('key'), { outcome: 'not_sent' }],
  [
    new PaymentMismatchError('key', { field: 'amountMinor', expected: 2_250, found: 2_251 }),
    { outcome: 'mismatch', code: 'amountMinor' },
  ],
  [new PaymentContractError('key', '400 bad_request'), { outcome: 'refused', code: '400 bad_request' }],
  [new RefundRefusedError('key', 'closed'), { outcome: 'refused', code: 'refund_refused' }],
  [new TypeError('the text may hold customer data'), { outcome: 'failed', code: null }],
])(
  'A call to the provider that ended in %s is stored when its step ends, which fails as it did',
  async (error, stored) => {
    const { failure, statements, attempts } = await charge(
      provider(() => Promise.reject(error)),
      async () => {},
    );
    expect(failure).toBe(error);
    expect(statements).toEqual(['add_payment_attempts']);
    expect(attempts).toMatchObject([stored]);
  },
);

it('A call to the provider is stored also when the operation that it led to is refused', async () => {
  const { failure, attempts } = await charge(
    provider(async () => charged),
    (record, sale) => record({ ...sale, amountMinor: -1 }),
  );
  expect(failure).toMatchObject({ code: 'database_contract' });
  expect(attempts).toMatchObject([{ outcome: 'succeeded' }]);
});

it('A call to the provider that cannot be stored hides no outcome and delays no step', async () => {
  const away = await createTestDatabase(1);
  await away.close();
  const error = new PaymentOutcomeUnknownError('key', 'no answer in time');
  const { result, seconds } = await timed(
    charge(
      provider(() => Promise.reject(error)),
      async () => {},
      away.databases.payments,
    ),
  );
  const { failure, losses, attempts } = result;
  expect(failure).toBe(error);
  expect(attempts).toEqual([]);
  expect(losses).toMatchObject([{ step: 'takePayment', calls: 1 }]);
  expect(seconds).toBeLessThan(2);
});

it('A call to the provider has the time of its end by the clock of the database, whenever it is stored', async () => {
  const { attempts } = await charge(
    provider(async () => charged),
    async (record, sale) => {
      const [slept] = await database.query<{ at: Date }>('SELECT now() AS at FROM (SELECT pg_sleep(0.2)) AS pause');
      expect(slept).toBeDefined();
      await record(sale);
    },
  );
  const [{ ageMs } = { ageMs: 0 }] = await database.query<{ ageMs: number }>(
    `SELECT (1000 * extract(epoch FROM clock_timestamp() - at))::float8 AS "ageMs" FROM payments.attempts
       WHERE order_id = $1`,
    [attempts[0]?.orderId],
  );
  expect(ageMs).toBeGreaterThanOrEqual(200);
});
