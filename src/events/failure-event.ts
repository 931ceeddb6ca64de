import { SERVICE_EVENT_ID_PREFIX, type OfferedEvent, type UnpublishedFailure } from '../domain/event.ts';

/**
 * The event about events that were given up for one reason. Its key is its own id: failures are told independently of
 * each other, and the key of a failed event may be personal.
 */
export function toFailureEvent(failure: UnpublishedFailure): OfferedEvent {
  const { position, tenantId, correlationId, traceparent, failedAt, type: eventType, ...facts } = failure;
  const { count, eventId, consumer, errorCode, attempts, partition, sequence, lastSequence } = facts;
  const id = `${SERVICE_EVENT_ID_PREFIX}failure.${position}`;
  return {
    tenantId,
    eventId: id,
    type: 'event.failed',
    key: id,
    userId: null,
    source: 'order-saga',
    correlationId: correlationId ?? id,
    traceparent,
    occurredAt: failedAt,
    properties: { count, eventId, eventType, consumer, errorCode, attempts, partition, sequence, lastSequence },
  };
}
