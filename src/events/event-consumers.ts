import { topicOf, type EventConsumer, type LoggedEvent } from '../domain/event.ts';
import { EventFailure } from './event-failure.ts';
import { USUAL_RETRIES, type EventRetryPolicy } from './event-type.ts';
import { findEventType } from './event-types.ts';
import type { EventPorts } from './ports.ts';

/** What a consumer does with the log. */
export interface EventConsumerDefinition {
  readonly name: EventConsumer;
  /** First words of the types it wants; null is all. */
  readonly topics: ReadonlySet<string> | null;
  retriesOf(event: LoggedEvent): EventRetryPolicy;
  /**
   * Deals with one event and answers its category, or what still has to happen outside before it has one. May be called
   * again for the same event. @throws {EventFailure}
   */
  handle(event: LoggedEvent): string | (() => Promise<string>);
}

/** Whether an event of the type is for the consumer. */
export function wants({ topics }: Pick<EventConsumerDefinition, 'topics'>, type: string): boolean {
  return topics === null || topics.has(topicOf(type));
}

/** 1 s to 10 min: long enough for a deployment of whatever stands between an order's event and its webhooks. */
const WEBHOOK_RETRIES: EventRetryPolicy = { maxAttempts: 12, firstWaitSeconds: 1, longestWaitSeconds: 600 };

/** The consumers, by name. */
export function createEventConsumers(ports: EventPorts): Readonly<Record<EventConsumer, EventConsumerDefinition>> {
  return {
    analytics: {
      name: 'analytics',
      topics: null,
      retriesOf: ({ type }) => findEventType(type)?.retries ?? USUAL_RETRIES,
      handle: (event) => validateAndEnrich(event, ports),
    },
    webhooks: {
      name: 'webhooks',
      topics: new Set(['order']),
      retriesOf: () => WEBHOOK_RETRIES,
      handle: (event) => async () => ((await ports.publishToWebhooks(event)) > 0 ? 'published' : 'not_subscribed'),
    },
  };
}

function validateAndEnrich(event: LoggedEvent, ports: EventPorts): string | (() => Promise<string>) {
  const type = findEventType(event.type);
  if (type === null) throw new EventFailure('unknown_event_type', `nothing is known of the type ${event.type}`);
  const { category, effect } = type.read(event);
  if (effect === null) return category;
  return async () => {
    await effect(ports);
    return category;
  };
}
