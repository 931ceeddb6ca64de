import { SERVICE_EVENT_ID_PREFIX, type OfferedEvent, type UnpublishedFailure } from '../domain/event.ts';

/**
 * The event about an event that was given up. Its key is its own id: failures are told independently of each other, and
 * the key of the failed event may be personal.
 */
export function toFailureEvent(failure: UnpublishedFailure): OfferedEvent {
  const { position, consumer, partition, sequence, tenantId, eventId, type, errorCode, attempts, failedAt } = failure;
  const id = `${SERVICE_EVENT_ID_PREFIX}failure.${position}`;
  return {
    tenantId,
    eventId: id,
    type: 'event.failed',
    key: id,
    userId: null,
    source: 'order-saga',
    correlationId: failure.correlationId ?? id,
    traceparent: failure.traceparent,
    occurredAt: failedAt,
    properties: { eventId, eventType: type, consumer, errorCode, attempts, partition, sequence },
  };
}
