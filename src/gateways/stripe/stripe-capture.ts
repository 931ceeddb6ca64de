import { Stripe } from 'stripe';
import { AmountExceedsLeftError, AuthorizationGoneError, PaymentContractError } from '../../domain/errors.ts';
import type { CaptureRequest } from '../payment-gateway.ts';
import { toStripeAmount } from './stripe-amounts.ts';
import {
  expectSameAmount,
  expectSameCurrency,
  expectSameOrder,
  intentAnswer,
  parseStripe,
  type StripeIntent,
  type StripePayment,
} from './stripe-answers.ts';
import { refusing, type StripeSend } from './stripe-client.ts';
import { findPayment } from './stripe-lookup.ts';

/**
 * Captures. The amount of each capture is stored on the intent under the capture's name, so that a repeat is recognized
 * for longer than Stripe keeps idempotency keys.
 */
export async function capture(
  send: StripeSend,
  request: CaptureRequest,
  { multicapture = false }: { readonly multicapture?: boolean },
): Promise<{ providerRef: string }> {
  const { key, chargeKey, orderId, amountMinor, currency } = request;
  return refusing(key, async () => {
    const known = await findPayment(send, key, chargeKey);
    if (known === null) throw new PaymentContractError(key, `nothing is known under ${chargeKey}`);
    const { id, metadata, amount_received: takenBefore } = known.intent;
    expectSameOrder(key, orderId, metadata['orderId']);
    expectSameCurrency(key, currency, known.intent.currency);
    const name = nameOf(request);
    const earlier = metadata[name];
    if (earlier !== undefined) return { providerRef: expectAmount(request, Number(earlier), id) };
    if (known.intent.status === 'canceled') throw new AuthorizationGoneError(key, 'its intent is cancelled');
    if (known.intent.status === 'succeeded') throw new AmountExceedsLeftError(key, 'it is captured already');
    const amount = toStripeAmount(amountMinor, currency);
    const leavesRest = multicapture && canCaptureAgain(known) && amount < known.intent.amount - takenBefore;
    const answer = await sendCapture(send, key, (stripe) =>
      stripe.paymentIntents.capture(
        id,
        {
          amount_to_capture: amount,
          ...(leavesRest ? { final_capture: false } : {}),
          metadata: { [name]: String(amount) },
        },
        { idempotencyKey: key },
      ),
    );
    const { amount_received: takenNow } = parseStripe(key, intentAnswer, answer);
    return { providerRef: expectAmount(request, takenNow - takenBefore, id) };
  });
}

/** Stripe has a code of its own for an authorization that has lapsed. */
async function sendCapture(send: StripeSend, key: string, call: Parameters<StripeSend>[0]): Promise<unknown> {
  try {
    return await send(call);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError && error.code === 'charge_expired_for_capture') {
      throw new AuthorizationGoneError(key, error.code);
    }
    throw error;
  }
}

/** The capture's part of the key, for example `capture_1`: names of metadata must be short. */
function nameOf({ key, orderId }: CaptureRequest): string {
  return key.slice(orderId.length + 1).replaceAll(':', '_');
}

/** The amounts of our captures of an intent, with their keys. */
export function ownCapturesOf(
  orderId: string,
  { metadata }: StripeIntent,
): { readonly key: string; readonly amount: number }[] {
  return Object.entries(metadata)
    .filter(([name]) => CAPTURE_NAME.test(name))
    .map(([name, amount]) => ({ key: `${orderId}:${name.replace('_', ':')}`, amount: Number(amount) }));
}

const CAPTURE_NAME = /^capture_\d+$/;

function canCaptureAgain({ attempts }: StripePayment): boolean {
  return attempts.some(({ payment_method_details: details }) => details?.card?.multicapture?.status === 'available');
}

function expectAmount(request: CaptureRequest, taken: number, providerRef: string): string {
  expectSameAmount(request, taken);
  return providerRef;
}
