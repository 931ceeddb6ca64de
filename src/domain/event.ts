import { hash } from 'node:crypto';
import type { CloudEventParts } from './cloud-event-parts.ts';
import { base32Digest } from './ids.ts';

/** Named subscriptions to the log, each with a cursor, results and failures of its own. */
export const EVENT_CONSUMERS = ['analytics', 'webhooks'] as const;
export type EventConsumer = (typeof EVENT_CONSUMERS)[number];

/** Fate of one event at one consumer. */
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

/** Ids that begin so are the service's own: nobody else may take one before it does. */
export const SERVICE_EVENT_ID_PREFIX = 'order-saga:';

/** The same tenant and key give the same request with events. */
export function eventRequestIdFor(tenantId: string, idempotencyKey: string): string {
  return `evr_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
}

/** An event as a producer offers it, its envelope checked and its defaults filled in. */
export interface OfferedEvent {
  readonly tenantId: string;
  /** Unique per tenant, of a CloudEvent per tenant and source: accepted once. */
  readonly eventId: string;
  readonly type: string;
  /** Events of one key are processed in the order in which they were accepted. */
  readonly key: string;
  readonly userId: string | null;
  /** Who produced it: `http`, the `source` of a CloudEvent, or the service itself. */
  readonly source: string;
  readonly correlationId: string;
  readonly occurredAt: Date;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Absent or null unless it came as a CloudEvent. */
  readonly cloudEvent?: CloudEventParts | null;
}

/** What an event is known by beside its tenant and its id: of a CloudEvent the source, short enough for an index. */
export function sourceHashOf({ cloudEvent, source }: Pick<OfferedEvent, 'cloudEvent' | 'source'>): string {
  return cloudEvent == null ? '' : base32Digest(source);
}

/** The idempotency key of what an event causes outside: its id, with the hash of its source where that counts. */
export function effectKeyOf(event: Pick<OfferedEvent, 'eventId' | 'cloudEvent' | 'source'>): string {
  const sourceHash = sourceHashOf(event);
  return sourceHash === '' ? event.eventId : `${event.eventId}.${sourceHash}`;
}

/** Where in the log an event is. */
export interface EventPosition {
  readonly partition: number;
  /** From 1, without gaps, per partition. */
  readonly sequence: number;
  readonly receivedAt: Date;
}

/** An event of the log. */
export interface LoggedEvent extends OfferedEvent, EventPosition {}

/** An event that waits for its consumer. */
export interface PendingEvent extends LoggedEvent {
  /** Tries so far. */
  readonly attempts: number;
  /** An earlier event of its key waits for a retry, so this one waits behind it. */
  readonly isBlocked: boolean;
  /** It may have a result or a failure from before. */
  readonly isAgain: boolean;
}

/** What became of one event. */
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
  /** Behind an earlier event of its key. */
  | { readonly kind: 'waiting' };

/** The first word of a type: consumers are woken by it, and metrics are kept by it, because types of a family are without number. */
export function topicOf(type: string): string {
  return type.split('.', 1)[0] ?? type;
}

/** The partition of a key: stable for ever, because the order of a key's events depends on it. */
export function partitionOf(tenantId: string, key: string, partitions: number): number {
  return hash('md5', `${tenantId}\0${key}`, 'buffer').readUInt32BE(0) % partitions;
}

/** One partition of the event log, and the consumer that reads it. */
export interface EventPump {
  readonly consumer: EventConsumer;
  readonly partition: number;
}
