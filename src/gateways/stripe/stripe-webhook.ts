import { Stripe } from 'stripe';
import { z } from 'zod';
import {
  WEBHOOK_TOLERANCE_SECONDS,
  WebhookContentError,
  WebhookSignatureError,
  type PaymentNotice,
  type PaymentNoticeKind,
  type PaymentWebhook,
  type WebhookRequest,
} from '../../domain/payments/payment-notice.ts';
import { fromStripeAmount } from './stripe-amounts.ts';

const eventBody = z.object({
  id: z.string(),
  type: z.string(),
  created: z.number(),
  data: z.object({ object: z.unknown() }),
});

/** Only our own metadata on an object tells which order it belongs to. */
const ownedObject = z.object({
  metadata: z.object({ orderId: z.string().optional(), key: z.string().optional() }).nullish(),
});

const intentObject = ownedObject.extend({
  id: z.string(),
  amount: z.number(),
  amount_received: z.number(),
  amount_capturable: z.number(),
  currency: z.string(),
});

/** An object that is about a charge; its own metadata is empty when it was made outside. */
const chargedObject = ownedObject.extend({
  amount: z.number(),
  currency: z.string(),
  payment_intent: z.string().nullish(),
});

const refundObject = chargedObject.extend({ id: z.string(), status: z.string().nullable() });

type EventBody = z.output<typeof eventBody>;
type Told = Pick<PaymentNotice, 'kind' | 'orderId' | 'key' | 'chargeRef' | 'movementRef' | 'amountMinor' | 'currency'>;

/** Reads Stripe's webhooks, which the `stripe` package verifies with the secret of the endpoint (`whsec_...`). */
export function createStripeWebhook({ secret }: { readonly secret: string }): PaymentWebhook {
  return {
    read: (request) => {
      const event = parse(eventBody, openEvent(request, secret));
      const occurredAt = new Date(event.created * 1_000).toISOString();
      return { eventId: event.id, provider: 'stripe', occurredAt, ...tell(event) };
    },
  };
}

/** The signature is verified before anything is parsed. */
function openEvent({ header, body, receivedAt }: WebhookRequest, secret: string): unknown {
  const signature = header('stripe-signature');
  if (signature === undefined) throw new WebhookSignatureError('it has none');
  const receivedMs = receivedAt.getTime();
  try {
    return Stripe.webhooks.constructEvent(body, signature, secret, WEBHOOK_TOLERANCE_SECONDS, undefined, receivedMs);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeSignatureVerificationError))
      throw new WebhookContentError('it is no event');
    // The package's messages explain its integration; our messages are written for logs.
    throw new WebhookSignatureError(error.message.startsWith('Timestamp') ? 'it is too old' : 'it does not match');
  }
}

/**
 * One type of event reports each fact: a refund is reported by the refund itself, because its charge would report it
 * again. A cancelled intent is `other`, because our own voids cancel intents.
 */
function tell({ type, data: { object } }: EventBody): Told {
  switch (type) {
    case 'payment_intent.succeeded':
      return tellIntent('charge_succeeded', object, 'amount_received');
    case 'payment_intent.amount_capturable_updated':
      return tellIntent('charge_succeeded', object, 'amount_capturable');
    case 'payment_intent.payment_failed':
      return tellIntent('charge_failed', object, 'amount');
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
      return tellRefund(object);
    case 'charge.dispute.created':
      return { kind: 'disputed', ...chargedOf(parse(chargedObject, object)) };
    default: {
      const owner = ownerOf(ownedObject.safeParse(object).data);
      return { kind: 'other', ...owner, chargeRef: null, movementRef: null, amountMinor: null, currency: null };
    }
  }
}

function tellIntent(
  kind: PaymentNoticeKind,
  object: unknown,
  amount: 'amount' | 'amount_received' | 'amount_capturable',
): Told {
  const intent = parse(intentObject, object);
  const { id: chargeRef, currency } = intent;
  return {
    kind,
    ...ownerOf(intent),
    chargeRef,
    movementRef: null,
    amountMinor: fromStripeAmount(intent[amount], currency),
    currency: currency.toUpperCase(),
  };
}

/** A pending refund is not reported yet. */
function tellRefund(object: unknown): Told {
  const refund = parse(refundObject, object);
  const kinds: Readonly<Record<string, PaymentNoticeKind>> = {
    succeeded: 'refunded',
    failed: 'refund_failed',
    canceled: 'refund_failed',
  };
  return { kind: kinds[refund.status ?? ''] ?? 'other', ...chargedOf(refund), movementRef: refund.id };
}

function chargedOf(object: z.output<typeof chargedObject>): Omit<Told, 'kind'> {
  const { amount, currency, payment_intent: chargeRef = null } = object;
  const amountMinor = fromStripeAmount(amount, currency);
  return { ...ownerOf(object), chargeRef, movementRef: null, amountMinor, currency: currency.toUpperCase() };
}

function ownerOf(owned: z.output<typeof ownedObject> | undefined): Pick<PaymentNotice, 'orderId' | 'key'> {
  return { orderId: owned?.metadata?.orderId ?? null, key: owned?.metadata?.key ?? null };
}

function parse<Schema extends z.ZodType>(schema: Schema, content: unknown): z.output<Schema> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new WebhookContentError(parsed.error.issues.map(({ path }) => path.join('.')).join(', '));
}
