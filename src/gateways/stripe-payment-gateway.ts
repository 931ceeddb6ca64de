import { Stripe } from 'stripe';
import { PaymentContractError, PaymentMismatchError } from '../domain/errors.ts';
import type { CaptureRequest, ChargeOutcome, ChargeRequest, LookupOutcome, PaymentGateway } from './payment-gateway.ts';
import {
  chargeOutcomeOf,
  declineOf,
  expectSameCurrency,
  expectSameOrder,
  intentAnswer,
  parseStripe,
} from './stripe-answers.ts';
import {
  createStripeClient,
  isKeyReused,
  refusing,
  stripeRefusalOf,
  type StripeClientOptions,
  type StripeSend,
} from './stripe-client.ts';
import { findPayment, searchPayment } from './stripe-lookup.ts';
import { refund } from './stripe-refund.ts';
import { claimKey, voidByKey } from './stripe-void.ts';

/**
 * Adapter to Stripe: a charge is one PaymentIntent, created and confirmed by one call whose idempotency key is ours.
 *
 * Two mechanisms guard a key, because neither is enough alone. Stripe's idempotency layer answers a repeated call as
 * the first time, at once, but may forget a key after 24 hours. The list of charges by `transfer_group`, which carries
 * our key, never forgets, but is only as fast as Stripe's lists. So every charge looks at the list first and then
 * creates under the key: a repeat within a day meets the one, a workflow that is reset a week later meets the other.
 *
 * A decline is final for its key, a soft one too. Stripe would confirm the same intent again, but whoever undoes an order
 * takes a decline for proof that nothing can be taken any more, so to ask again is to ask under a new key.
 *
 * Authorizations are captured once: Stripe releases what a capture leaves over. A payment method is `pm_...`, or
 * `cus_.../pm_...` when it is saved with a customer, without whom Stripe does not use it.
 */
export function createStripePaymentGateway(options: StripeClientOptions): PaymentGateway {
  const scopeOf = createStripeClient(options);
  const scope = (route: string, about: string, signal: AbortSignal): StripeSend => scopeOf({ route, about, signal });
  return {
    charge: (request, signal) => charge(scope('charge', request.key, signal), request),
    lookup: (request, signal) => lookup(scope('lookup', request.key, signal), request),
    voidByKey: (request, signal) => voidByKey(scope('void', request.key, signal), request),
    capture: (request, signal) => capture(scope('capture', request.key, signal), request),
    refund: (request, signal) => refund(scope('refund', request.key, signal), request),
    ping: async (signal) => {
      const send = scope('ping', 'ping', signal);
      await refusing('ping', () => send((stripe) => stripe.charges.list({ limit: 1 })));
    },
  };
}

async function charge(send: StripeSend, request: ChargeRequest): Promise<ChargeOutcome> {
  const known = await refusing(request.key, () => findPayment(send, request.key, request.key));
  return known === null ? createCharge(send, request) : chargeOutcomeOf(request, known.intent);
}

async function createCharge(send: StripeSend, request: ChargeRequest): Promise<ChargeOutcome> {
  try {
    const created = await send((stripe) =>
      stripe.paymentIntents.create(chargeParams(request), { idempotencyKey: request.key }),
    );
    return chargeOutcomeOf(request, parseStripe(request.key, intentAnswer, created));
  } catch (error) {
    if (isKeyReused(error)) return outcomeOfUsedKey(send, request);
    return outcomeOfRefusal(request, error);
  }
}

/**
 * The key was used with other parameters, by a void or by another charge. Only for a void's tombstone is its creation,
 * repeated, answered with the tombstone: that is proof, at once, where a search would need a minute to know.
 */
async function outcomeOfUsedKey(send: StripeSend, request: ChargeRequest): Promise<ChargeOutcome> {
  const { key, orderId, currency } = request;
  const tombstone = await refusing(key, () => claimKey(send, { key, chargeKey: key, orderId, currency }));
  if (tombstone !== null) return { kind: 'voided' };
  const payment = await refusing(key, () => findPayment(send, key, key));
  if (payment !== null) chargeOutcomeOf(request, payment.intent);
  throw new PaymentContractError(key, 'this key was used with other parameters');
}

/** A card error carries the intent it is about, so what was declined is compared with what was asked. */
function outcomeOfRefusal(request: ChargeRequest, error: unknown): ChargeOutcome {
  if (error instanceof Stripe.errors.StripeCardError) {
    if (error.payment_intent === undefined) return declineOf(error);
    return chargeOutcomeOf(request, parseStripe(request.key, intentAnswer, error.payment_intent));
  }
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    // A token that the client made up is the client's mistake, and nothing was charged under it.
    if (error.param === 'payment_method') return { kind: 'declined', declineCode: 'unsupported_method', soft: false };
  }
  throw stripeRefusalOf(request.key, error);
}

/** `absent` also for an intent that was made less than a minute ago and never tried a card: search does not know it yet. */
async function lookup(send: StripeSend, request: ChargeRequest): Promise<LookupOutcome> {
  const { key } = request;
  const known = await refusing(key, async () => (await findPayment(send, key, key)) ?? searchPayment(send, key, key));
  return known === null ? { kind: 'absent' } : chargeOutcomeOf(request, known.intent);
}

/** The capture's key is kept on the intent, so that a repeat is known for longer than Stripe keeps keys. */
async function capture(send: StripeSend, request: CaptureRequest): Promise<{ providerRef: string }> {
  const { key, chargeKey, orderId, amountMinor, currency } = request;
  return refusing(key, async () => {
    const known = await findPayment(send, key, chargeKey);
    if (known === null) throw new PaymentContractError(key, `nothing is known under ${chargeKey}`);
    expectSameOrder(key, orderId, known.intent.metadata.orderId);
    expectSameCurrency(key, currency, known.intent.currency);
    const captured =
      known.intent.metadata.captureKey === key
        ? known.intent
        : await send((stripe) =>
            stripe.paymentIntents.capture(
              known.intent.id,
              { amount_to_capture: amountMinor, metadata: { captureKey: key } },
              { idempotencyKey: key },
            ),
          );
    const { id, amount_received } = parseStripe(key, intentAnswer, captured);
    if (amount_received !== amountMinor) throw new PaymentMismatchError(key, 'amountMinor');
    return { providerRef: id };
  });
}

/**
 * Cards only: they are answered at once, other methods stay `processing` for days. Amounts are passed as they are,
 * because Stripe counts zero-decimal currencies in the same minor units as we do.
 */
function chargeParams({
  key,
  orderId,
  kind,
  amountMinor,
  currency,
  method,
}: ChargeRequest): Stripe.PaymentIntentCreateParams {
  return {
    amount: amountMinor,
    currency: currency.toLowerCase(),
    capture_method: kind === 'authorize' ? 'manual' : 'automatic',
    confirm: true,
    off_session: true,
    allowed_payment_method_types: ['card'],
    ...methodParams(method),
    metadata: { orderId, key },
    transfer_group: key,
  };
}

function methodParams(method: string): { readonly payment_method: string; readonly customer?: string } {
  const [customer = '', saved] = method.split('/', 2);
  return saved === undefined ? { payment_method: method } : { payment_method: saved, customer };
}
