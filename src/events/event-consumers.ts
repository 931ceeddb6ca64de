import { topicOf, type EventConsumer, type LoggedEvent } from '../domain/event.ts';
import { EventFailure } from './event-failure.ts';
import { CONSUMER_TOPICS, eventRetriesOf, type EventRetrySettings } from './event-retries.ts';
import type { EventRetryPolicy } from './event-type.ts';
import { findEventType } from './event-types.ts';
import type { EventPorts } from './ports.ts';

/** What a consumer does with the events of the log. */
export interface EventConsumerDefinition {
  readonly name: EventConsumer;
  /** First words of the types that the consumer wants; null means all types. */
  readonly topics: ReadonlySet<string> | null;
  retriesOf(event: LoggedEvent): EventRetryPolicy;
  /**
   * Handles one event, and returns its category or an effect that must first happen outside. It may be called again for
   * the same event.
   * @throws {EventFailure} when the event cannot be handled.
   */
  handle(event: LoggedEvent): string | (() => Promise<string>);
}

/** Whether a consumer wants events of the type. */
export function wants({ topics }: Pick<EventConsumerDefinition, 'topics'>, type: string): boolean {
  return topics === null || topics.has(topicOf(type));
}

/** The consumers by name. Their retries come from the code unless settings replace them. */
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
