import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import type { PaymentOperation, PaymentRepository } from '../../../db/repositories/payments/payment-repository.ts';
import type { PaymentGateway } from '../../gateways/payment-gateway.ts';
import { createUndoPaymentActivities } from './undo-payment-activities.ts';

const ORDER = { orderId: 'ord_1', tenantId: 'demo', currency: 'EUR' } as const;

/** Books in memory; the process "dies" at the write with this number. */
function booksThatFailAt(fatal: number) {
  const rows = new Map<string, PaymentOperation>();
  let writes = 0;
  const payments = {
    beginTurn: async () => {},
    listByOrder: async () => [...rows.values()],
    record: async (operation: PaymentOperation) => {
      writes += 1;
      if (writes === fatal) throw new Error('the process was killed');
      rows.set(operation.key, operation);
      return operation;
    },
  } as unknown as PaymentRepository;
  return { payments, states: () => Object.fromEntries([...rows].map(([key, { state }]) => [key, state])) };
}

/** The charge never arrived, so a void leaves a tombstone. */
const gateway = {
  voidByKey: async () => ({ kind: 'voided', amountMinor: 0 }),
} as unknown as PaymentGateway;

it.each([1, 2])(
  'Books have the void and the failed charge, also if the process was killed at write %i',
  async (fatal) => {
    const { payments, states } = booksThatFailAt(fatal);
    const { undoPayment } = createUndoPaymentActivities({ payments, gateway });
    const context = { cancellationSignal: new AbortController().signal } as unknown as Context;
    const undo = (): Promise<unknown> => asyncLocalStorage.run(context, () => undoPayment(ORDER));
    await expect(undo()).rejects.toThrow('the process was killed');
    await undo();
    expect(states()).toEqual({ 'ord_1:sale:1': 'FAILED', 'ord_1:void:1': 'SUCCEEDED' });
  },
);

/** The authorization was there, and nothing was captured. */
const unusedGateway = {
  voidByKey: async () => ({ kind: 'voided', amountMinor: 4_500 }),
} as unknown as PaymentGateway;

it('A capture without an answer has failed when its authorization is voided, and nothing was captured', async () => {
  const { payments, states } = booksThatFailAt(Infinity);
  const { undoPayment } = createUndoPaymentActivities({ payments, gateway: unusedGateway });
  const operation = { ...ORDER, generation: 1, declineCode: null, providerRef: null } as const;
  const authorized = { ...operation, key: 'ord_1:authorize:1', kind: 'authorize', amountMinor: 4_500 } as const;
  await payments.record({ ...authorized, state: 'SUCCEEDED' }, 1);
  const sent = { ...operation, key: 'ord_1:capture:1', kind: 'capture', amountMinor: 583 } as const;
  await payments.record({ ...sent, state: 'UNKNOWN' }, 1);
  const context = { cancellationSignal: new AbortController().signal } as unknown as Context;
  await asyncLocalStorage.run(context, () => undoPayment({ ...ORDER, chargeKind: 'authorize' }));
  expect(states()).toEqual({
    'ord_1:authorize:1': 'SUCCEEDED',
    'ord_1:capture:1': 'FAILED',
    'ord_1:void:1': 'SUCCEEDED',
  });
});
