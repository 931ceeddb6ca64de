import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import type { EventOutboxRepository } from '../../../db/repositories/orders/event-outbox-repository.ts';
import { toOrderEvent, type OrderPromises } from '../../events/order-event.ts';
import type { PumpRun } from './event-pump.ts';

export interface OrderFeedDeps {
  readonly outbox: EventOutboxRepository;
  readonly log: EventLogRepository;
  readonly promises: OrderPromises;
}

/** Transitions that the feed moves at once. */
const BATCH = 500;

/** How often an idle feed looks, which is the longest time that an order's event lags behind the order. */
const POLL_MS = 200;

/**
 * Moves the transitions of orders into the event log until told to stop. A transition is in the log exactly once and in
 * the order of its order's events, after any crash and even while two feeds overlap: it is first appended, under an id
 * that the log accepts once, and then removed from the outbox.
 */
export async function runOrderFeed({ outbox, log, promises }: OrderFeedDeps, { until, stop }: PumpRun): Promise<void> {
  while (!stop.aborted && Date.now() < until) {
    const transitions = await outbox.list(BATCH);
    if (transitions.length > 0) {
      const appended = await log.append(transitions.map((transition) => toOrderEvent(transition, promises)));
      await log.announce([...new Set(appended.map(({ partition }) => partition))], ['order']);
      await outbox.remove(transitions);
    }
    if (transitions.length < BATCH) await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {});
  }
}
