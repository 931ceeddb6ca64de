import { hash } from 'node:crypto';
import type { CloudEventParts } from './cloud-event-parts.ts';
import { base32Digest, isOrderId } from './ids.ts';

/** The consumers of the log, each with its own cursor, results and failures. */
export const EVENT_CONSUMERS = ['analytics', 'webhooks'] as const;
export type EventConsumer = (typeof EVENT_CONSUMERS)[number];

/** The states of one event at one consumer. */
export const EVENT_STATUSES = ['ACCEPTED', 'PROCESSED', 'RETRYING', 'FAILED'] as const;
export type EventStatus = (typeof EVENT_STATUSES)[number];

/** Why an event failed at a consumer; `docs/errors.md` says what to do about each. */
export const EVENT_FAILURE_CODES = [
  'invalid_event',
  'unknown_event_type',
  'effect_unavailable',
  'unclassified',
] as const;
export type EventFailureCode = (typeof EVENT_FAILURE_CODES)[number];

/** Ids with this prefix belong to the service; no client may use one. */
export const SERVICE_EVENT_ID_PREFIX = 'order-saga:';

/** The order that an event of the service is about; null for clients' events, and where it is about no order. */
export function orderOfEvent({ eventId, key }: Pick<OfferedEvent, 'eventId' | 'key'>): string | null {
  return eventId.startsWith(SERVICE_EVENT_ID_PREFIX) && isOrderId(key) ? key : null;
}

/** The id of a request with events: the same tenant and key give the same request. */
export function eventRequestIdFor(tenantId: string, idempotencyKey: string): string {
  return `evr_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
}

/** An event as a producer offers it, with its envelope checked and its defaults filled in. */
export interface OfferedEvent {
  readonly tenantId: string;
  /** Unique per tenant, and for a CloudEvent per tenant and source. An id is accepted once. */
  readonly eventId: string;
  readonly type: string;
  /** Events of one key are processed in the order in which they were accepted. */
  readonly key: string;
  readonly userId: string | null;
  /** The producer: `http`, the `source` of a CloudEvent, or the service itself. */
  readonly source: string;
  readonly correlationId: string;
  /** The trace of the request or of the order; absent or null when it is not recorded. */
  readonly traceparent?: string | null;
  readonly occurredAt: Date;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Absent or null for events that are not CloudEvents. */
  readonly cloudEvent?: CloudEventParts | null;
}

/**
 * What identifies an event beside its tenant and its id: for a CloudEvent the hash of its source, which is short enough
 * for an index.
 */
export function sourceHashOf({ cloudEvent, source }: Pick<OfferedEvent, 'cloudEvent' | 'source'>): string {
  return cloudEvent == null ? '' : base32Digest(source);
}

/**
 * The idempotency key of the effects that an event has outside: its id, and for a CloudEvent also the hash of its
 * source.
 */
export function effectKeyOf(event: Pick<OfferedEvent, 'eventId' | 'cloudEvent' | 'source'>): string {
  const sourceHash = sourceHashOf(event);
  return sourceHash === '' ? event.eventId : `${event.eventId}.${sourceHash}`;
}

/** Events that a consumer gave up for one reason, which the log does not tell of yet; fields of one are of the first. */
export interface UnpublishedFailure {
  readonly position: number;
  readonly consumer: EventConsumer;
  readonly partition: number;
  readonly sequence: number;
  readonly lastSequence: number;
  /** How many events they are. */
  readonly count: number;
  readonly tenantId: string;
  readonly eventId: string;
  readonly type: string;
  readonly errorCode: EventFailureCode;
  readonly attempts: number;
  readonly failedAt: Date;
  /** Null when the first event has left the log. */
  readonly correlationId: string | null;
  readonly traceparent: string | null;
}

/** The place of an event in the log. */
export interface EventPosition {
  readonly partition: number;
  /** Counted from 1, without gaps, per partition. */
  readonly sequence: number;
  readonly receivedAt: Date;
}

/** An event of the log. */
export interface LoggedEvent extends OfferedEvent, EventPosition {}

/** An event that waits for its consumer. */
export interface PendingEvent extends LoggedEvent {
  /** The number of tries so far. */
  readonly attempts: number;
  /** Whether an earlier event of its key waits for a retry, so that this one waits behind it. */
  readonly isBlocked: boolean;
  /** Whether the event may have an earlier result or failure. */
  readonly isReplay: boolean;
}

/** The result of handling one event. */
export type EventOutcome =
  | { readonly kind: 'processed'; readonly category: string }
  | { readonly kind: 'failed'; readonly code: EventFailureCode; readonly message: string; readonly attempts: number }
  | {
      readonly kind: 'retrying';
      readonly code: EventFailureCode;
      readonly message: string;
      readonly attempts: number;
      readonly nextAttemptAt: Date;
    }
  /** The event waits behind an earlier event of its key. */
  | { readonly kind: 'waiting' };

/**
 * The first word of a type. Consumers are woken by it and metrics are labeled with it, because a family may have any
 * number of types.
 */
export function topicOf(type: string): string {
  return type.split('.', 1)[0] ?? type;
}

/** The partition of a key. It never changes, because the order of a key's events depends on it. */
export function partitionOf(tenantId: string, key: string, partitions: number): number {
  return hash('md5', `${tenantId}\0${key}`, 'buffer').readUInt32BE(0) % partitions;
}

/** One partition of the event log, and the consumer that reads it. */
export interface EventPump {
  readonly consumer: EventConsumer;
  readonly partition: number;
}
