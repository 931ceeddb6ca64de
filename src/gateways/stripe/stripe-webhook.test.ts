import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  WebhookContentError,
  WebhookSignatureError,
  type PaymentNotice,
} from '../../domain/payments/payment-notice.ts';
import { createStripeWebhook } from './stripe-webhook.ts';

const SECRET = 'whsec_test_of_an_endpoint';
const SENT_AT = 1_750_000_000;
const webhook = createStripeWebhook({ secret: SECRET });

const METADATA = { orderId: 'ord_a', key: 'ord_a:sale:1' };
const INTENT = {
  object: 'payment_intent',
  id: 'pi_1',
  amount: 2_500,
  amount_received: 2_500,
  amount_capturable: 0,
  currency: 'eur',
  metadata: METADATA,
};
const REFUND = {
  object: 'refund',
  id: 're_1',
  amount: 700,
  currency: 'jpy',
  status: 'succeeded',
  payment_intent: 'pi_1',
  metadata: METADATA,
};

function eventOf(type: string, object: unknown): string {
  return JSON.stringify({ id: 'evt_1', object: 'event', type, created: SENT_AT - 10, data: { object } });
}

/** Computes the signature as Stripe documents it, so that the package is not tested against itself. */
function signatureOf(body: string, { secret = SECRET, at = SENT_AT } = {}): string {
  return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
}

function read(body: string, signature: string | undefined = signatureOf(body), ageSeconds = 0): PaymentNotice {
  return webhook.read({
    header: (name) => (name === 'stripe-signature' ? signature : undefined),
    body: Buffer.from(body),
    receivedAt: new Date((SENT_AT + ageSeconds) * 1_000),
  });
}

const body = eventOf('payment_intent.succeeded', INTENT);

it('The signature of a Stripe webhook is accepted up to 5 minutes after it was made', () => {
  expect(read(body, signatureOf(body), 300).eventId).toBe('evt_1');
  expect(() => read(body, signatureOf(body), 301)).toThrow(WebhookSignatureError);
});

it('The signature of a Stripe webhook is accepted beside one with the secret before', () => {
  const old = signatureOf(body, { secret: 'whsec_before' }).split(',')[1];
  expect(read(body, `${signatureOf(body)},${old}`).eventId).toBe('evt_1');
});

it.each([
  ['of another secret', signatureOf(body, { secret: 'whsec_of_somebody_else' })],
  ['with another time than was signed', signatureOf(body).replace(String(SENT_AT), String(SENT_AT + 1))],
  ['of another scheme only', signatureOf(body).replace('v1=', 'v0=')],
  ['that is empty', ''],
  ['that is none', 'hello'],
])('A signature %s is refused', (_, signature) => {
  expect(() => read(body, signature)).toThrow(WebhookSignatureError);
});

it('The signature of a Stripe webhook is refused for a body that was changed, even in blanks', () => {
  expect(() => read(`${body} `, signatureOf(body))).toThrow(WebhookSignatureError);
  expect(() => read(body.replace('2500', '2501'), signatureOf(body))).toThrow(WebhookSignatureError);
});

it('A signature that is missing is refused', () => {
  const request = { header: () => undefined, body: Buffer.from(body), receivedAt: new Date(SENT_AT * 1_000) };
  expect(() => webhook.read(request)).toThrow('it has none');
});

it('A signature that is refused is told without body, secret or signature', () => {
  let told = '';
  try {
    read(body, signatureOf(body, { secret: 'whsec_of_somebody_else' }));
  } catch (error) {
    told = String(error);
  }
  expect(told).toBe("WebhookSignatureError: the webhook's signature was refused: it does not match");
});

it.for([
  ['payment_intent.succeeded', INTENT, 'charge_succeeded', 2_500, 'EUR'],
  [
    'payment_intent.amount_capturable_updated',
    { ...INTENT, amount_received: 0, amount_capturable: 2_500 },
    'charge_succeeded',
    2_500,
    'EUR',
  ],
  ['payment_intent.payment_failed', { ...INTENT, amount_received: 0 }, 'charge_failed', 2_500, 'EUR'],
  ['refund.created', REFUND, 'refunded', 700, 'JPY'],
  ['refund.created', { ...REFUND, status: 'pending' }, 'other', 700, 'JPY'],
  ['refund.updated', { ...REFUND, status: 'succeeded' }, 'refunded', 700, 'JPY'],
  ['refund.failed', { ...REFUND, status: 'failed' }, 'refund_failed', 700, 'JPY'],
  ['payment_intent.canceled', INTENT, 'other', null, null],
  ['charge.refunded', { object: 'charge', metadata: METADATA }, 'other', null, null],
] as const)('The event %s of Stripe is told in our words', ([type, object, kind, amountMinor, currency]) => {
  expect(read(eventOf(type, object))).toEqual({
    eventId: 'evt_1',
    provider: 'stripe',
    kind,
    ...METADATA,
    chargeRef: amountMinor === null ? null : 'pi_1',
    movementRef: type.startsWith('refund.') ? 're_1' : null,
    amountMinor,
    currency,
    occurredAt: new Date((SENT_AT - 10) * 1_000).toISOString(),
  });
});

it('An event of Stripe about something that is not ours names no order', () => {
  const outside = { orderId: null, key: null, chargeRef: 'pi_1' };
  expect(read(eventOf('refund.created', { ...REFUND, metadata: {} }))).toMatchObject({
    kind: 'refunded',
    ...outside,
  });
  const dispute = { ...REFUND, object: 'dispute', id: 'du_1', metadata: {} };
  expect(read(eventOf('charge.dispute.created', dispute))).toMatchObject({ kind: 'disputed', ...outside });
  expect(read(eventOf('customer.created', { object: 'customer' }))).toMatchObject({ kind: 'other', orderId: null });
});

it.each([
  ['that is not JSON', 'hello'],
  ['without its object', JSON.stringify({ id: 'evt_1', type: 'refund.created', created: SENT_AT })],
  ['whose object lacks its amount', eventOf('refund.created', { ...REFUND, amount: undefined })],
])('An event of Stripe %s is refused as unreadable', (_, body) => {
  expect(() => read(body)).toThrow(WebhookContentError);
});
