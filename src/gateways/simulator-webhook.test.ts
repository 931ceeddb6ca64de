import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { WebhookContentError, WebhookSignatureError, type PaymentNotice } from '../domain/payments/payment-notice.ts';
import { createSimulatorWebhook } from './simulator-webhook.ts';

/** The example of the Standard Webhooks libraries: secret, message and signature come from them. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const EVENT = {
  type: 'payment.succeeded',
  timestamp: '2026-11-21T10:00:00.000Z',
  data: { orderId: 'ord_a', key: 'ord_a:sale:1', amountMinor: 2_500, currency: 'EUR' },
};

interface Delivery {
  readonly body: string;
  readonly id?: string;
  readonly timestamp?: string;
  readonly signature?: string;
  readonly ageSeconds?: number;
}

function signatureOf(body: string, { secret = VECTOR.secret, id = VECTOR.id, timestamp = VECTOR.timestamp } = {}) {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

function read(delivery: Delivery): PaymentNotice {
  const headers: Readonly<Record<string, string>> = {
    'webhook-id': delivery.id ?? VECTOR.id,
    'webhook-timestamp': delivery.timestamp ?? String(VECTOR.timestamp),
    'webhook-signature': delivery.signature ?? signatureOf(delivery.body),
  };
  return createSimulatorWebhook(VECTOR).read({
    header: (name) => headers[name],
    body: Buffer.from(delivery.body),
    receivedAt: new Date((VECTOR.timestamp + (delivery.ageSeconds ?? 0)) * 1_000),
  });
}

const body = JSON.stringify(EVENT);

it('The signature of a simulator webhook is the one of Standard Webhooks: their example passes, and is then no event of ours', () => {
  expect(() => read({ body: VECTOR.body, signature: VECTOR.signature })).toThrow(WebhookContentError);
});

it.each([-300, 0, 300])('The signature of a simulator webhook is accepted %d s after it was made', (ageSeconds) => {
  expect(read({ body, ageSeconds }).eventId).toBe(VECTOR.id);
});

it.each([-301, 301])('The signature of a simulator webhook is refused %d s after it was made', (ageSeconds) => {
  expect(() => read({ body, ageSeconds })).toThrow(WebhookSignatureError);
});

it('The signature of a simulator webhook is accepted beside one with another secret or of another version', () => {
  const other = signatureOf(body, { secret: 'whsec_b3RoZXIgc2VjcmV0' });
  expect(read({ body, signature: `${other} v1a,abc ${signatureOf(body)}` }).kind).toBe('charge_succeeded');
});

it.each([
  ['of another secret', { body, signature: signatureOf(body, { secret: 'whsec_b3RoZXIgc2VjcmV0' }) }],
  ['of another body', { body: body.replace('2500', '2501'), signature: signatureOf(body) }],
  ['of another id', { body, id: 'msg_other' }],
  ['of another time', { body, timestamp: String(VECTOR.timestamp + 1) }],
  ['of a time that is no number', { body, timestamp: 'now' }],
  ['of another version only', { body, signature: signatureOf(body).replace('v1,', 'v2,') }],
  ['that is shortened', { body, signature: signatureOf(body).slice(0, -8) }],
  ['that is empty', { body, signature: '' }],
])('A signature %s is refused', (_, delivery) => {
  expect(() => read(delivery)).toThrow(WebhookSignatureError);
});

it('A signature of a time that is signed but no number is refused', () => {
  const key = Buffer.from(VECTOR.secret.slice('whsec_'.length), 'base64');
  const signature = `v1,${createHmac('sha256', key).update(`${VECTOR.id}.now.${body}`).digest('base64')}`;
  expect(() => read({ body, timestamp: 'now', signature })).toThrow('too old or too new');
});

it('A signature that is missing is refused', () => {
  const request = { header: () => undefined, body: Buffer.from(body), receivedAt: new Date() };
  expect(() => createSimulatorWebhook(VECTOR).read(request)).toThrow('a header is missing');
});

it.each([
  ['payment.succeeded', 'charge_succeeded'],
  ['payment.declined', 'charge_failed'],
  ['refund.succeeded', 'refunded'],
  ['refund.failed', 'refund_failed'],
])('The event %s of the simulator is told in our words', (type, kind) => {
  expect(read({ body: JSON.stringify({ ...EVENT, type }) })).toEqual({
    chargeRef: null,
    movementRef: null,
    eventId: VECTOR.id,
    provider: 'simulator',
    kind,
    ...EVENT.data,
    occurredAt: EVENT.timestamp,
  });
});

it('An event of something made at the provider itself has its reference and no key', () => {
  const data = { ...EVENT.data, key: null, id: 'pay_1' };
  expect(read({ body: JSON.stringify({ ...EVENT, type: 'refund.succeeded', data }) })).toMatchObject({
    kind: 'refunded',
    key: null,
    movementRef: 'pay_1',
  });
});

it('An event of a type we do not know is other news', () => {
  const news = read({ body: JSON.stringify({ type: 'payout.sent', timestamp: EVENT.timestamp, data: {} }) });
  expect(news).toMatchObject({ kind: 'other', orderId: null, key: null, amountMinor: null });
});

it.each([
  ['that is not JSON', 'hello'],
  ['of a known type without its data', JSON.stringify({ ...EVENT, data: {} })],
  ['without a time', JSON.stringify({ type: 'payout.sent' })],
])('An event %s is refused as unreadable', (_, body) => {
  expect(() => read({ body })).toThrow(WebhookContentError);
});
