import { randomUUID } from 'node:crypto';
import type { OfferedEvent } from '../../src/domain/event.ts';

/** An event as the log takes it: a purchase of 10 by nobody, with a key of its own, and what the test changes. */
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
