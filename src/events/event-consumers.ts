import { topicOf, type EventConsumer, type LoggedEvent } from '../domain/event.ts';
import { EventFailure } from './event-failure.ts';
import { CONSUMER_TOPICS, eventRetriesOf, type EventRetrySettings } from './event-retries.ts';
import type { EventRetryPolicy } from './event-type.ts';
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

/** The consumers, by name; their retries are those of the code but for what is set. */
export function createEventConsumers(
  ports: EventPorts,
  retries: EventRetrySettings,
): Readonly<Record<EventConsumer, EventConsumerDefinition>> {
  return {
    analytics: {
      name: 'analytics',
      topics: CONSUMER_TOPICS.analytics,
      retriesOf: ({ type }) => eventRetriesOf('analytics', type, retries),
      handle: (event) => validateAndEnrich(event, ports),
    },
    webhooks: {
      name: 'webhooks',
      topics: CONSUMER_TOPICS.webhooks,
      retriesOf: ({ type }) => eventRetriesOf('webhooks', type, retries),
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
