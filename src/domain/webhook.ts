import { base32Digest } from './ids.ts';

/**
 * Events that a webhook may subscribe to; `order.*` and `case.*` mean all of their kind, including those that later
 * versions add.
 */
export const WEBHOOK_EVENT_TYPES = [
  'order.*',
  'order.created',
  'order.awaiting_capture',
  'order.confirmed',
  'order.captured',
  'order.rejected',
  'order.expired',
  'order.cancelling',
  'order.cancelled',
  'order.refunding',
  'order.partially_refunded',
  'order.refunded',
  'case.*',
  'case.opened',
  'case.resolved',
  'event.failed',
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];

/** First words of the types of events that webhooks can be about. */
export const WEBHOOK_TOPICS = ['order', 'case', 'event'] as const;

/**
 * The states of a subscription. A deleted one keeps its row, so that its Idempotency-Key stays used, but not its
 * secret.
 */
export const WEBHOOK_STATES = ['ACTIVE', 'DISABLED', 'DELETED'] as const;
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** Why a subscription was disabled: its receiver answered 410, or failed for days. */
export const WEBHOOK_DISABLED_REASONS = ['gone', 'failing'] as const;
export type WebhookDisabledReason = (typeof WEBHOOK_DISABLED_REASONS)[number];

/** The states of one event at one subscription. */
export const WEBHOOK_DELIVERY_STATES = ['PENDING', 'RETRYING', 'DELIVERED', 'GAVE_UP', 'CANCELLED'] as const;
export type WebhookDeliveryState = (typeof WEBHOOK_DELIVERY_STATES)[number];

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Waits between the attempts of one delivery. After 12 attempts in 76 hours, longer than a weekend, the delivery is
 * given up. The short waits at the start cover a restart of the receiver, the long ones an outage.
 */
export const WEBHOOK_RETRY_DELAYS_MS = [
  1 * SECOND,
  5 * SECOND,
  30 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

/** A receiver may ask for more time (`Retry-After`), up to our own longest wait. */
export const WEBHOOK_RETRY_AFTER_MAX_MS = 24 * HOUR;

/** Subscriptions that a tenant may have; each multiplies the traffic of every order. */
export const WEBHOOKS_PER_TENANT_MAX = 50;

/** Characters of a subscription's address; servers commonly accept this length. */
export const WEBHOOK_URL_MAX = 2_048;

/** Characters of an address in the database; a sealed one is a third longer, and names its key. */
export const STORED_WEBHOOK_URL_MAX = 4_096;

/** Characters of a receiver's answer that are kept, so that a person can find the reason of a failure. */
export const WEBHOOK_EXCERPT_MAX = 512;

/** The id of a subscription: the same tenant and key give the same subscription. */
export function webhookIdFor(tenantId: string, idempotencyKey: string): string {
  return `wh_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
}

/** The id of a delivery and of its message (`webhook-id`). It is the same for every attempt and every redelivery. */
export function webhookDeliveryIdFor(subscriptionId: string, eventId: string): string {
  return `msg_${base32Digest(`${subscriptionId}\0${eventId}`)}`;
}

/** The subject under which a signing secret is sealed. */
export function webhookSecretSubject(subscriptionId: string): string {
  return `webhook/${subscriptionId}`;
}

/** The subject under which an address is sealed. */
export function webhookAddressSubject(subscriptionId: string): string {
  return `webhook-address/${subscriptionId}`;
}

/**
 * Milliseconds until the next attempt after the given number of attempts; null when the delivery is given up. The next
 * attempt comes no earlier than the receiver asked for.
 */
export function webhookRetryDelayMs(attempts: number, askedForMs: number): number | null {
  const planned = WEBHOOK_RETRY_DELAYS_MS[attempts - 1];
  return planned === undefined ? null : Math.max(planned, askedForMs);
}

/** The deliveries of one subscription about one order or one failed event, which follow each other. */
export interface WebhookQueue {
  readonly subscriptionId: string;
  /** The order's id, or an id of the event's own where it is about no order. */
  readonly key: string;
}
