import { EVENT_CONSUMERS, topicOf, type EventConsumer } from '../domain/event.ts';
import { WEBHOOK_TOPICS } from '../domain/webhook.ts';
import { USUAL_RETRIES, type EventRetryPolicy } from './event-type.ts';
import { EVENT_TYPE_NAMES, findEventType } from './event-types.ts';

/** Retries that replace those of the code, by `consumer`, or by `consumer/type` for one type. */
export type EventRetrySettings = Readonly<Record<string, Partial<EventRetryPolicy>>>;

/** 1 s to 10 min: long enough for a deployment of any service between an order's event and its webhooks. */
const WEBHOOK_RETRIES: EventRetryPolicy = { maxAttempts: 12, firstWaitSeconds: 1, longestWaitSeconds: 600 };

/** First words of the types that each consumer wants; null means all types. */
export const CONSUMER_TOPICS: Readonly<Record<EventConsumer, ReadonlySet<string> | null>> = {
  analytics: null,
  webhooks: new Set(WEBHOOK_TOPICS),
};

/**
 * How a consumer retries events of a type. The most specific setting wins: for the type (`webhooks/order.refunded`),
 * then for its family (`webhooks/order`), then for the consumer, then the code.
 */
export function eventRetriesOf(consumer: EventConsumer, type: string, settings: EventRetrySettings): EventRetryPolicy {
  const ofCode = consumer === 'webhooks' ? WEBHOOK_RETRIES : (findEventType(type)?.retries ?? USUAL_RETRIES);
  return {
    ...ofCode,
    ...settings[consumer],
    ...settings[`${consumer}/${topicOf(type)}`],
    ...settings[`${consumer}/${type}`],
  };
}

/** The retries of every type at every consumer, by `consumer/type`. */
export function eventRetryTable(settings: EventRetrySettings): Readonly<Record<string, EventRetryPolicy>> {
  const usual = EVENT_CONSUMERS.flatMap((consumer) => EVENT_TYPE_NAMES.map((type) => `${consumer}/${type}`));
  const named = Object.keys(settings).filter((key) => key.includes('/'));
  const keys = [...new Set([...usual, ...named])].filter(isEventRetryKey);
  const row = (key: string): [string, EventRetryPolicy] => {
    const [consumer, type] = split(key);
    return [key, eventRetriesOf(consumer as EventConsumer, type ?? '', settings)];
  };
  return Object.fromEntries(keys.map(row));
}

/** Whether a setting may have this key: it must name a consumer, or one of the types that the consumer reads. */
export function isEventRetryKey(key: string): boolean {
  const [consumer, type] = split(key);
  const known = EVENT_CONSUMERS.find((name) => name === consumer);
  if (known === undefined) return false;
  if (type === undefined) return true;
  return findEventType(type) !== null && (CONSUMER_TOPICS[known]?.has(topicOf(type)) ?? true);
}

function split(key: string): [consumer: string, type: string | undefined] {
  const at = key.indexOf('/');
  return at === -1 ? [key, undefined] : [key.slice(0, at), key.slice(at + 1)];
}
