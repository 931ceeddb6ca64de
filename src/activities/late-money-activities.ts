import { PAYMENT_CALL_TIMEOUT_MS, paymentKey } from '../domain/payment.ts';
import {
  bookCapture,
  bookUntaken,
  openRefundOf,
  operation,
  timeout,
  type ChargeOfOrder,
  type PaymentActivityDeps,
} from './payment-activities.ts';

/** Steps on money that came when nobody expected it any more. */
export function createLateMoneyActivities(deps: PaymentActivityDeps) {
  return {
    /**
     * Effect: what the provider has under the key of a charge that was not expected goes back: voided by key, or booked
     * and refunded under the order's next refund key, which is noted before it is sent. Key: `orderId:void:n` for the
     * charge of generation n, `orderId:refund:m`. Outcomes: done, also when nothing was there. Failures: outcome unknown,
     * refund refused, database, retryable. Undo: none.
     */
    async returnCharge(input: Required<ChargeOfOrder>): Promise<void> {
      await returnCharge(deps, input);
    },
  };
}

/** One charge by itself, whatever other charges and refunds the order has. */
async function returnCharge({ payments, gateway }: PaymentActivityDeps, input: Required<ChargeOfOrder>): Promise<void> {
  const { orderId, currency, chargeKind, generation } = input;
  const operations = await payments.listByOrder(orderId);
  const chargeKey = paymentKey(orderId, chargeKind, generation);
  const signal = timeout(PAYMENT_CALL_TIMEOUT_MS);
  const key = paymentKey(orderId, 'void', generation);
  const found = await gateway.voidByKey({ key, chargeKey, orderId, currency }, signal);
  if (found.kind !== 'captured') {
    const asked = operations.find((each) => each.key === chargeKey);
    return bookUntaken(payments, input, found, asked?.amountMinor ?? 0);
  }
  const { capturedMinor, refundedMinor, providerRef } = found;
  await payments.record(operation(input, chargeKind, generation, capturedMinor, 'SUCCEEDED', { providerRef }));
  if (chargeKind === 'authorize') await bookCapture(payments, input, operations, capturedMinor);
  const open = openRefundOf(operations);
  const amountMinor = open.amountMinor ?? capturedMinor - refundedMinor;
  if (amountMinor <= 0) return;
  await payments.record(operation(input, 'refund', open.generation, amountMinor, 'UNKNOWN'));
  const refundKey = paymentKey(orderId, 'refund', open.generation);
  const refunded = await gateway.refund({ key: refundKey, chargeKey, orderId, currency, amountMinor }, signal);
  await payments.record(
    operation(input, 'refund', open.generation, amountMinor, 'SUCCEEDED', { providerRef: refunded.providerRef }),
  );
}
