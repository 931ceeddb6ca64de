import { randomUUID } from 'node:crypto';
import type { OfferedEvent } from '../../src/domain/event.ts';

/**
 * An event in the form that the log takes: a purchase of 10 without a user, with its own key and the changes of the
 * test.
 */
export function offer(event: Partial<OfferedEvent> = {}): OfferedEvent {
  const eventId = event.eventId ?? randomUUID();
  return {
    tenantId: 'demo',
    eventId,
    type: 'purchase',
    key: eventId,
    userId: null,
    source: 'http',
    correlationId: 'corr',
    occurredAt: new Date(),
    properties: { amount: 10 },
    ...event,
  };
}
