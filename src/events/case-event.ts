import type { UnpublishedCaseChange } from '../domain/case.ts';
import { SERVICE_EVENT_ID_PREFIX, type OfferedEvent } from '../domain/event.ts';

/** The event about a case that was opened or resolved. It belongs to the order's events, in their order. */
export function toCaseEvent(change: UnpublishedCaseChange): OfferedEvent {
  const { type, caseId, orderId, tenantId, step, errorCode, attempts, resolution, traceId, at } = change;
  return {
    tenantId,
    // A case is opened once and resolved once.
    eventId: `${SERVICE_EVENT_ID_PREFIX}${caseId}.${type.replace('case.', '')}`,
    type,
    key: orderId,
    userId: null,
    source: 'order-saga',
    correlationId: change.correlationId ?? caseId,
    traceparent: change.traceparent,
    occurredAt: at,
    properties: { caseId, orderId, step, errorCode, attempts, resolution, traceId },
  };
}
