import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import {
  WEBHOOK_TOLERANCE_SECONDS,
  WebhookContentError,
  WebhookSignatureError,
  type PaymentNotice,
  type PaymentNoticeKind,
  type PaymentWebhook,
  type WebhookRequest,
} from '../domain/payments/payment-notice.ts';

const KINDS = {
  'payment.succeeded': 'charge_succeeded',
  'payment.declined': 'charge_failed',
  'refund.succeeded': 'refunded',
  'refund.failed': 'refund_failed',
} as const satisfies Readonly<Record<string, PaymentNoticeKind>>;

const paymentEvent = z.object({
  type: z.enum(['payment.succeeded', 'payment.declined', 'refund.succeeded', 'refund.failed']),
  timestamp: z.iso.datetime(),
  data: z.object({
    /** The provider's own id of the effect; a failed refund does not have one. */
    id: z.string().optional(),
    orderId: z.string(),
    key: z.string().nullable(),
    amountMinor: z.int(),
    currency: z.string(),
  }),
});

const anyEvent = z.object({ type: z.string(), timestamp: z.iso.datetime() });

/**
 * Reads the simulator's webhooks, which are signed by Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over
 * `webhook-id.webhook-timestamp.body` with the base64 part of a `whsec_...` secret. `webhook-signature` lists
 * signatures of the form `v1,` and base64; there are several while a secret is being replaced.
 */
export function createSimulatorWebhook({ secret }: { readonly secret: string }): PaymentWebhook {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return {
    read: (request) => {
      const eventId = verify(request, key);
      return { eventId, provider: 'simulator', ...translate(request.body) };
    },
  };
}

/** Verifies a request and returns its id, which the signature covers too. */
function verify({ header, body, receivedAt }: WebhookRequest, key: Buffer): string {
  const id = header('webhook-id');
  const timestamp = header('webhook-timestamp');
  const signatures = header('webhook-signature');
  if (id === undefined || timestamp === undefined || signatures === undefined) {
    throw new WebhookSignatureError('a header is missing');
  }
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  if (!signatures.split(' ').some((signature) => isSame(signature, expected))) {
    throw new WebhookSignatureError('it does not match');
  }
  const ageSeconds = receivedAt.getTime() / 1_000 - Number(timestamp);
  // In this form the comparison also refuses a timestamp that is not a number.
  if (!(Math.abs(ageSeconds) <= WEBHOOK_TOLERANCE_SECONDS)) throw new WebhookSignatureError('it is too old or too new');
  return id;
}

/** Compares in constant time, so that the delay of the answer does not tell how much of a guess was right. */
function isSame(signature: string, expected: Buffer): boolean {
  if (!signature.startsWith('v1,')) return false;
  const given = Buffer.from(signature.slice('v1,'.length), 'base64');
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
}

function translate(body: Uint8Array): Omit<PaymentNotice, 'eventId' | 'provider'> {
  const content = parseJson(body);
  const event = paymentEvent.safeParse(content);
  if (event.success) {
    const { type, timestamp, data } = event.data;
    const { id: movementRef = null, ...told } = data;
    return { kind: KINDS[type], occurredAt: timestamp, chargeRef: null, movementRef, ...told };
  }
  const other = anyEvent.safeParse(content);
  if (!other.success || other.data.type in KINDS) throw new WebhookContentError('it is no event');
  const { timestamp: occurredAt } = other.data;
  const nothing = { orderId: null, key: null, chargeRef: null, movementRef: null, amountMinor: null, currency: null };
  return { kind: 'other', ...nothing, occurredAt };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    throw new WebhookContentError('it is not JSON');
  }
}
