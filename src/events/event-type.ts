import type { z } from 'zod';
import type { LoggedEvent } from '../domain/event.ts';
import { EventFailure } from './event-failure.ts';
import type { EventPorts } from './ports.ts';

/** How an event is tried again after a failure that may pass. */
export interface EventRetryPolicy {
  /** All tries together, including the first. */
  readonly maxAttempts: number;
  /** Seconds until the second try; each further wait is twice as long. */
  readonly firstWaitSeconds: number;
  readonly longestWaitSeconds: number;
}

/**
 * Waits of 2, 4 and 8 s: longer than a restart of what a handler calls, and short enough that later events of the key
 * wait little.
 */
export const USUAL_RETRIES: EventRetryPolicy = { maxAttempts: 4, firstWaitSeconds: 2, longestWaitSeconds: 8 };

/** What is known about an event when its content has been read. */
export interface ReadEvent {
  /** The enrichment: which kind of event of its type it is. */
  readonly category: string;
  /** What must happen outside before the event counts as processed. */
  readonly effect: ((ports: EventPorts) => Promise<void>) | null;
}

/** One type of events: what its content must be, and how it is handled. */
export interface EventType {
  /** The type's name; a family also contains all types that begin with its name and a dot. */
  readonly name: string;
  readonly isFamily: boolean;
  /** Who may send the type: clients over HTTP, or only this service about itself. */
  readonly origin: 'client' | 'service';
  readonly description: string;
  readonly retries: EventRetryPolicy;
  /**
   * Reads and checks the content of an event.
   * @throws {EventFailure} `invalid_event`.
   */
  read(event: LoggedEvent): ReadEvent;
}

/** What the author of an event type defines. */
export interface EventTypeDefinition<Properties> extends Omit<EventType, 'read' | 'retries' | 'isFamily' | 'origin'> {
  readonly isFamily?: boolean;
  readonly origin?: EventType['origin'];
  readonly retries?: EventRetryPolicy;
  /** Whether an event must have a user. */
  readonly needsUser?: boolean;
  readonly properties: z.ZodType<Properties>;
  categorize(properties: Properties, event: LoggedEvent): string;
  /** What has to happen outside; left out when nothing has to. It may be repeated, and the event's id is its key. */
  effect?(event: LoggedEvent, properties: Properties, ports: EventPorts): Promise<void>;
}

/** Makes an event type from its definition; `types/` has one file per type. */
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

/** Names fields and rules but never values, because the message is stored and shown. */
function problemsOf(error: z.ZodError): string {
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'properties'}: ${message}`);
  return problems.slice(0, 5).join('; ').slice(0, 500);
}
