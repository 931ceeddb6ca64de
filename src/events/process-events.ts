import pLimit from 'p-limit';
import type { EventOutcome, PendingEvent } from '../domain/event.ts';
import type { EventConsumerDefinition } from './event-consumers.ts';
import { EVENT_FAILURES, EventFailure } from './event-failure.ts';
import type { EventRetryPolicy } from './event-type.ts';

/** How a batch is handled. */
export interface ProcessingDeps {
  readonly consumer: EventConsumerDefinition;
  /** Called with failures that no code expected. */
  readonly onUnexpected: (event: PendingEvent, error: unknown) => void;
  readonly now: () => number;
}

/** Effects of different keys that run at the same time; more could overload the service that they call. */
const EFFECTS_AT_ONCE = 16;

/**
 * Effects of a batch must begin within this time, or they wait for a later batch. Otherwise 500 effects of one key at 2
 * s each would outlast the activity (11 min), which would begin with the same batch for ever, and no worker could end
 * before they do.
 */
const EFFECTS_WITHIN_MS = 5_000;

/**
 * Handles events in the order of the log: events of one key one after another, and effects of different keys side by
 * side. An event that must be tried again holds up only the later events of its key. The same holds for an event whose
 * effect lasts until the batch's time is over.
 * @returns the outcome of each event, at the event's index.
 */
export async function processEvents(
  events: readonly PendingEvent[],
  { consumer, onUnexpected, now }: ProcessingDeps,
): Promise<EventOutcome[]> {
  const limit = pLimit(EFFECTS_AT_ONCE);
  const beginUntil = now() + EFFECTS_WITHIN_MS;
  const held = new Set<string>();
  const underWay = new Map<string, Promise<void>>();
  const outcomes: EventOutcome[] = [];
  const settle = (index: number, key: string, outcome: EventOutcome): void => {
    outcomes[index] = outcome;
    if (outcome.kind === 'retrying' || outcome.kind === 'waiting') held.add(key);
  };
  const fail = (event: PendingEvent, error: unknown): EventOutcome => {
    if (!(error instanceof EventFailure)) onUnexpected(event, error);
    return outcomeOfFailure(event, error, { retries: consumer.retriesOf(event), now: now() });
  };
  const deal = (index: number, event: PendingEvent, key: string): Promise<void> | undefined => {
    const attempt = event.isBlocked || held.has(key) ? null : begin(event);
    if (typeof attempt === 'function') {
      const inTime = (): Promise<string | null> => (now() < beginUntil ? attempt() : Promise.resolve(null));
      return limit(inTime).then(
        (category) => settle(index, key, category === null ? { kind: 'waiting' } : { kind: 'processed', category }),
        (error: unknown) => settle(index, key, fail(event, error)),
      );
    }
    settle(index, key, attempt ?? { kind: 'waiting' });
    return undefined;
  };
  const begin = (event: PendingEvent): EventOutcome | (() => Promise<string>) => {
    try {
      const handled = consumer.handle(event);
      return typeof handled === 'string' ? { kind: 'processed', category: handled } : handled;
    } catch (error) {
      return fail(event, error);
    }
  };
  for (const [index, event] of events.entries()) {
    const key = `${event.tenantId}\0${event.key}`;
    const before = underWay.get(key);
    const next = before === undefined ? deal(index, event, key) : before.then(() => deal(index, event, key));
    if (next !== undefined) underWay.set(key, next);
  }
  await Promise.all(underWay.values());
  return outcomes;
}

function outcomeOfFailure(
  event: PendingEvent,
  error: unknown,
  { retries, now }: { readonly retries: EventRetryPolicy; readonly now: number },
): EventOutcome {
  const { maxAttempts, firstWaitSeconds, longestWaitSeconds } = retries;
  const code = error instanceof EventFailure ? error.code : 'unclassified';
  const message = error instanceof EventFailure ? error.message : 'the handler failed unexpectedly';
  const attempts = event.attempts + 1;
  if (!EVENT_FAILURES[code].isTransient || attempts >= maxAttempts) return { kind: 'failed', code, message, attempts };
  const waitSeconds = Math.min(firstWaitSeconds * 2 ** (attempts - 1), longestWaitSeconds);
  return { kind: 'retrying', code, message, attempts, nextAttemptAt: new Date(now + waitSeconds * 1_000) };
}
