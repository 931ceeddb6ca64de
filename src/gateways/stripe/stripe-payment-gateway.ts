import { Stripe } from 'stripe';
import { PaymentContractError } from '../../domain/errors.ts';
import { problemOf, type PaymentCapabilities } from '../../domain/payments/payment-capabilities.ts';
import type { ChargeOutcome, ChargeRequest, LookupOutcome, PaymentGateway } from '../payment-gateway.ts';
import { stripeLimitsOf, toStripeAmount } from './stripe-amounts.ts';
import { chargeOutcomeOf, declineOf, intentAnswer, parseRefused, parseStripe } from './stripe-answers.ts';
import { capture } from './stripe-capture.ts';
import {
  createStripeClient,
  isKeyReused,
  refusing,
  stripeRefusalOf,
  type StripeClientOptions,
  type StripeSend,
} from './stripe-client.ts';
import { findPayment, searchPayment } from './stripe-lookup.ts';
import { movementsOf } from './stripe-movements.ts';
import { refund } from './stripe-refund.ts';
import { claimKey, voidByKey } from './stripe-void.ts';

/**
 * The adapter to Stripe: a charge is one PaymentIntent, which one call creates and confirms under our idempotency key.
 *
 * Two mechanisms guard a key, because neither is enough alone. Stripe's idempotency layer answers a repeated call with
 * the first result at once, but may forget a key after 24 hours. The list of charges by `transfer_group`, which
 * contains our key, never forgets, but is only as fast as Stripe's lists. So every charge first reads the list and then
 * creates the intent under the key: the idempotency layer answers a repeat within a day, and the list answers a
 * workflow that is reset a week later.
 *
 * A decline is final for its key, even a soft one. Stripe would confirm the same intent again, but the undo of an order
 * relies on a decline as proof that nothing can be taken any more. So another try needs a new key.
 *
 * Authorizations are captured once, and Stripe releases the rest, unless the account may use multicapture and
 * `multicapture` says so. A payment method is `pm_...`, or `cus_.../pm_...` when it is saved with a customer: Stripe
 * uses it only together with this customer.
 */
export function createStripePaymentGateway(options: StripeGatewayOptions): PaymentGateway {
  const scopeOf = createStripeClient(options);
  const scope = (route: string, about: string, signal: AbortSignal): StripeSend => scopeOf({ route, about, signal });
  return {
    capabilities: capabilitiesOf(options),
    charge: (request, signal) => charge(scope('charge', request.key, signal), request, options),
    lookup: (request, signal) => lookup(scope('lookup', request.key, signal), request),
    voidByKey: (request, signal) => voidByKey(scope('void', request.key, signal), request),
    capture: (request, signal) => capture(scope('capture', request.key, signal), request, options),
    refund: (request, signal) => refund(scope('refund', request.key, signal), request),
    movements: (question, signal) => movementsOf(scope('lookup', question.chargeKey, signal), question),
    routeOf: () => 'charge',
    ping: async (signal) => {
      const send = scope('ping', 'ping', signal);
      await refusing('ping', () => send((stripe) => stripe.charges.list({ limit: 1 })));
    },
  };
}

/** How Stripe is reached, and what the account may do. */
export interface StripeGatewayOptions extends StripeClientOptions {
  /**
   * Allows several captures of one authorization. An account must ask Stripe for it, and not every card supports it.
   */
  readonly multicapture?: true;
}

/**
 * Visa ends an authorization without a present customer after 4 days and 18 hours, other networks after 7 days
 * (docs.stripe.com/payments/place-a-hold-on-a-payment-method); the shortest time counts.
 */
const AUTHORIZATION_SECONDS = (4 * 24 + 18) * 3_600;

function capabilitiesOf({ multicapture }: StripeGatewayOptions): PaymentCapabilities {
  const isMulticapture = multicapture === true;
  return {
    captures: isMulticapture ? 'several' : 'once',
    restAfterCapture: isMulticapture ? 'stays_authorized' : 'released_by_provider',
    voidsRest: isMulticapture,
    authorizationSeconds: AUTHORIZATION_SECONDS,
    limitsOf: stripeLimitsOf,
  };
}

async function charge(
  send: StripeSend,
  request: ChargeRequest,
  options: Pick<StripeGatewayOptions, 'multicapture'>,
): Promise<ChargeOutcome> {
  const known = await refusing(request.key, () => findPayment(send, request.key, request.key));
  return known === null ? createCharge(send, request, options) : chargeOutcomeOf(request, known.intent);
}

async function createCharge(
  send: StripeSend,
  request: ChargeRequest,
  options: Pick<StripeGatewayOptions, 'multicapture'>,
): Promise<ChargeOutcome> {
  try {
    const params = { ...chargeParams(request), ...(options.multicapture === true ? multicaptureParams(request) : {}) };
    const created = await send((stripe) => stripe.paymentIntents.create(params, { idempotencyKey: request.key }));
    return chargeOutcomeOf(request, parseStripe(request.key, intentAnswer, created));
  } catch (error) {
    if (isKeyReused(error)) return outcomeOfUsedKey(send, request);
    return outcomeOfRefusal(request, error);
  }
}

/**
 * The key was used with other parameters, either by a void or by another charge. Repeating a void's creation of its
 * tombstone returns the tombstone only if the void was first. That proves the void at once, where search could take a
 * minute.
 */
async function outcomeOfUsedKey(send: StripeSend, request: ChargeRequest): Promise<ChargeOutcome> {
  const { key, orderId, currency } = request;
  const tombstone = await refusing(key, () => claimKey(send, { key, chargeKey: key, orderId, currency }));
  if (tombstone !== null) return { kind: 'voided' };
  const payment = await refusing(key, () => findPayment(send, key, key));
  if (payment !== null) chargeOutcomeOf(request, payment.intent);
  throw new PaymentContractError(key, 'this key was used with other parameters');
}

/** A card error contains its intent, so the declined charge is compared with the requested one. */
function outcomeOfRefusal(request: ChargeRequest, error: unknown): ChargeOutcome {
  if (error instanceof Stripe.errors.StripeCardError) {
    if (error.payment_intent === undefined) return declineOf(error);
    return chargeOutcomeOf(request, parseRefused(request.key, error.payment_intent));
  }
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    // A token that does not exist is the client's mistake, and nothing was charged under it.
    if (error.param === 'payment_method') return { kind: 'declined', declineCode: 'unsupported_method', soft: false };
    // Limits depend on the account, too. Nothing was charged, and the same amount never can be.
    if (error.param === 'amount' || error.param === 'currency') {
      const limits = stripeLimitsOf(request.currency);
      return { kind: 'not_chargeable', problem: problemOf('refused_by_provider', request.amountMinor, limits) };
    }
  }
  throw stripeRefusalOf(request.key, error);
}

/**
 * The result is also `absent` for an intent that is less than a minute old and never tried a card, because search does
 * not show it yet.
 */
async function lookup(send: StripeSend, request: ChargeRequest): Promise<LookupOutcome> {
  const { key } = request;
  const known = await refusing(key, async () => (await findPayment(send, key, key)) ?? searchPayment(send, key, key));
  return known === null ? { kind: 'absent' } : chargeOutcomeOf(request, known.intent);
}

/** Only cards are allowed: they are answered at once, while other methods stay `processing` for days. */
function chargeParams({
  key,
  orderId,
  kind,
  amountMinor,
  currency,
  method,
}: ChargeRequest): Stripe.PaymentIntentCreateParams {
  return {
    amount: toStripeAmount(amountMinor, currency),
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

/** Every authorization requests multicapture; the charge then tells whether the card supports it (see `capture`). */
function multicaptureParams({ kind }: ChargeRequest): Pick<Stripe.PaymentIntentCreateParams, 'payment_method_options'> {
  if (kind !== 'authorize') return {};
  return { payment_method_options: { card: { request_multicapture: 'if_available' } } };
}

function methodParams(method: string): { readonly payment_method: string; readonly customer?: string } {
  const [customer = '', saved] = method.split('/', 2);
  return saved === undefined ? { payment_method: method } : { payment_method: saved, customer };
}
