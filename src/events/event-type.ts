import type { z } from 'zod';
import type { LoggedEvent } from '../domain/event.ts';
import { EventFailure } from './event-failure.ts';
import type { EventPorts } from './ports.ts';

/** How an event that failed for a moment is tried again. */
export interface EventRetryPolicy {
  /** Tries in all, the first one included. */
  readonly maxAttempts: number;
  /** Seconds until the second try; each further wait is twice as long. */
  readonly firstWaitSeconds: number;
  readonly longestWaitSeconds: number;
}

/** 2, 4 and 8 s: longer than a restart of what a handler calls, short enough that later events of the key wait little. */
export const USUAL_RETRIES: EventRetryPolicy = { maxAttempts: 4, firstWaitSeconds: 2, longestWaitSeconds: 8 };

/** What is known of an event once its content has been read. */
export interface ReadEvent {
  /** Enrichment: what kind of event of its type it is. */
  readonly category: string;
  /** What has to happen outside before the event counts as processed. */
  readonly effect: ((ports: EventPorts) => Promise<void>) | null;
}

/** One type of events: what it must say and what becomes of it. */
export interface EventType {
  /** The type; of a family, also everything that begins with it and a dot. */
  readonly name: string;
  readonly isFamily: boolean;
  /** Who may send it: clients over HTTP, or only this service about itself. */
  readonly origin: 'client' | 'service';
  readonly description: string;
  readonly retries: EventRetryPolicy;
  /** @throws {EventFailure} `invalid_event`. */
  read(event: LoggedEvent): ReadEvent;
}

/** What the author of an event type says. */
export interface EventTypeDefinition<Properties> extends Omit<EventType, 'read' | 'retries' | 'isFamily' | 'origin'> {
  readonly isFamily?: boolean;
  readonly origin?: EventType['origin'];
  readonly retries?: EventRetryPolicy;
  /** Whether an event without a user makes no sense. */
  readonly needsUser?: boolean;
  readonly properties: z.ZodType<Properties>;
  categorize(properties: Properties, event: LoggedEvent): string;
  /** Leave it out when there is nothing to do outside. Must bear repetition: the event's id is the key. */
  effect?(event: LoggedEvent, properties: Properties, ports: EventPorts): Promise<void>;
}

/** Makes an event type out of its definition; see `types/` for one per file. */
export function defineEventType<Properties>(definition: EventTypeDefinition<Properties>): EventType {
  const { name, description, isFamily = false, origin = 'client', retries = USUAL_RETRIES } = definition;
  return {
    name,
    description,
    isFamily,
    origin,
    retries,
    read: (event) => {
      if (definition.needsUser === true && event.userId === null) throw invalid(name, 'userId is missing');
      const parsed = definition.properties.safeParse(event.properties);
      if (!parsed.success) throw invalid(name, problemsOf(parsed.error));
      const { effect } = definition;
      return {
        category: definition.categorize(parsed.data, event),
        effect: effect === undefined ? null : (ports) => effect(event, parsed.data, ports),
      };
    },
  };
}

function invalid(name: string, why: string): EventFailure {
  return new EventFailure('invalid_event', `this is no ${name}: ${why}`);
}

/** Names fields and rules, never values: the message is kept and shown. */
function problemsOf(error: z.ZodError): string {
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'properties'}: ${message}`);
  return problems.slice(0, 5).join('; ').slice(0, 500);
}
