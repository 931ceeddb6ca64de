import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { PaymentOperation, PaymentRepository } from '../../db/repositories/payment-repository.ts';
import { OrderStateConflictError, PaymentOutcomeUnknownError } from '../domain/errors.ts';
import {
  LOCAL_PAYMENT_TRY_MS,
  PAYMENT_CALL_TIMEOUT_MS,
  PAYMENT_LOOKUP_TIMEOUT_MS,
  paymentKey,
  type PaymentKind,
} from '../domain/payment.ts';
import type { ChargeOutcome, ChargeRequest, PaymentGateway } from '../gateways/payment-gateway.ts';

/** What the payment steps work with. */
export interface PaymentActivityDeps {
  readonly payments: PaymentRepository;
  readonly gateway: PaymentGateway;
}

/** Input of `takePayment`. */
export interface TakePaymentInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly method: string;
}

/** A definite answer of the provider. */
export type TakePaymentResult =
  | { readonly kind: 'captured' }
  | { readonly kind: 'declined'; readonly declineCode: string; readonly soft: boolean };

/** Every order has one charge; a second generation needs proof that the first can never happen. */
const GENERATION = 1;

/** Steps on money. */
export function createPaymentActivities({ payments, gateway }: PaymentActivityDeps) {
  return {
    /**
     * Effect: one sale at the provider and its row. Key: `orderId:sale:1` at both. Outcomes: `captured`, also when an
     * earlier attempt charged; `declined`. Failures: outcome unknown (looked up first by the next attempt); another
     * amount, currency or order in the answer, permanent; database, retryable. Undo: `undoPayment`.
     */
    async takePayment(input: TakePaymentInput): Promise<TakePaymentResult> {
      const { method, ...money } = input;
      const charge: ChargeRequest = { ...money, key: keyOf(input.orderId, 'sale'), kind: 'sale', method };
      const note = (state: PaymentOperation['state'], result: Partial<PaymentOperation> = {}) =>
        payments.record(operation(input, 'sale', input.amountMinor, state, result));
      try {
        const outcome = await chargeOrAdopt(gateway, charge);
        switch (outcome.kind) {
          case 'succeeded':
            await note('SUCCEEDED', { providerRef: outcome.providerRef });
            return { kind: 'captured' };
          case 'declined':
            await note('DECLINED', { declineCode: outcome.declineCode });
            return { kind: 'declined', declineCode: outcome.declineCode, soft: outcome.soft };
          case 'voided':
            throw new OrderStateConflictError(input.orderId, 'voided', 'paid');
        }
      } catch (error) {
        // Shown to whoever asks for the order; that it could not be noted must not hide why.
        if (error instanceof PaymentOutcomeUnknownError) await note('UNKNOWN').catch(() => {});
        throw error;
      }
    },

    /**
     * Effect: nothing of the order's charge stays taken: void by key, which leaves a tombstone at the provider, or a
     * refund of what was captured. Key: `orderId:void:1`, `orderId:refund:1`. Outcomes: done, also when nothing was ever
     * charged. Failures: outcome unknown; refund refused, permanent; database, retryable. Undo: none.
     */
    async undoPayment(input: { orderId: string; tenantId: string; currency: string }): Promise<void> {
      const { orderId, currency } = input;
      const chargeKey = keyOf(orderId, 'sale');
      const charge = await payments.findOptional(chargeKey);
      // A definite decline is proof: the provider answers it for this key for ever.
      if (charge?.state === 'DECLINED') return;

      const signal = timeout(PAYMENT_CALL_TIMEOUT_MS);
      const found = await gateway.voidByKey({ key: keyOf(orderId, 'void'), chargeKey, orderId, currency }, signal);
      if (found.kind === 'nothing_taken') {
        if (charge !== null) await payments.record({ ...charge, state: 'FAILED' });
        if (found.written) await payments.record(operation(input, 'void', found.amountMinor, 'SUCCEEDED'));
        return;
      }
      const { capturedMinor, refundedMinor, providerRef } = found;
      await payments.record(operation(input, 'sale', capturedMinor, 'SUCCEEDED', { providerRef }));
      const amountMinor = capturedMinor - refundedMinor;
      if (amountMinor <= 0 && (await payments.findOptional(keyOf(orderId, 'refund'))) !== null) return;
      // A refund that was lost on its way back is asked again for the whole amount: the key answers as the first time.
      const refund = { key: keyOf(orderId, 'refund'), chargeKey, orderId, currency, amountMinor: capturedMinor };
      const refunded = await gateway.refund(refund, signal);
      await payments.record(
        operation(input, 'refund', capturedMinor, 'SUCCEEDED', { providerRef: refunded.providerRef }),
      );
    },
  };
}

/** A local try sends at once; a regular attempt looks first, because some attempt went before it. */
async function chargeOrAdopt(gateway: PaymentGateway, charge: ChargeRequest): Promise<ChargeOutcome> {
  if (activityInfo().isLocal) return gateway.charge(charge, timeout(LOCAL_PAYMENT_TRY_MS));
  const known = await gateway.lookup(charge, timeout(PAYMENT_LOOKUP_TIMEOUT_MS));
  if (known.kind === 'absent') return gateway.charge(charge, timeout(PAYMENT_CALL_TIMEOUT_MS));
  // The provider allows a softly declined key to be asked again.
  if (known.kind === 'declined' && known.soft) return gateway.charge(charge, timeout(PAYMENT_CALL_TIMEOUT_MS));
  return known;
}

function timeout(limitMs: number): AbortSignal {
  return AbortSignal.any([AbortSignal.timeout(limitMs), cancellationSignal()]);
}

function keyOf(orderId: string, kind: PaymentKind): string {
  return paymentKey(orderId, kind, GENERATION);
}

function operation(
  order: { readonly orderId: string; readonly tenantId: string; readonly currency: string },
  kind: PaymentKind,
  amountMinor: number,
  state: PaymentOperation['state'],
  result: Partial<PaymentOperation> = {},
): PaymentOperation {
  return {
    key: keyOf(order.orderId, kind),
    orderId: order.orderId,
    tenantId: order.tenantId,
    kind,
    generation: GENERATION,
    amountMinor,
    currency: order.currency,
    state,
    declineCode: null,
    providerRef: null,
    ...result,
  };
}
