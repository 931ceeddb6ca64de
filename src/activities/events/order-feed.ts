import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import type { FailureOutboxRepository } from '../../../db/repositories/events/failure-outbox-repository.ts';
import type { OperatorAlertRepository } from '../../../db/repositories/notifications/operator-alert-repository.ts';
import type { EventOutboxRepository } from '../../../db/repositories/orders/event-outbox-repository.ts';
import { topicOf, type OfferedEvent } from '../../domain/event.ts';
import { toCaseEvent } from '../../events/case-event.ts';
import { toFailureEvent } from '../../events/failure-event.ts';
import { alertOfFailure, alertsOfCase } from '../../events/operator-alert.ts';
import { toOrderEvent, type OrderPromises } from '../../events/order-event.ts';
import type { PumpRun } from './event-pump.ts';

export interface OrderFeedDeps {
  readonly outbox: EventOutboxRepository;
  readonly failures: FailureOutboxRepository;
  /** Null when operators are not told by mail. */
  readonly alerts: OperatorAlertRepository | null;
  readonly log: EventLogRepository;
  readonly promises: OrderPromises;
}

/** Changes that the feed moves at once. */
const BATCH = 500;

/** How often an idle feed looks, which is the longest time that an order's event lags behind the order. */
const POLL_MS = 200;

/** How often the feed looks for failed events, which also bounds how many events tell of a flood of failures. */
const FAILURES_EVERY_MS = 1_000;

/**
 * Moves the transitions of orders, the changes of cases and the failures of events into the event log until told to
 * stop. Each is in the log exactly once, and those of an order in their order, after any crash and even while two feeds
 * overlap: it is first appended, under an id that the log accepts once, and then removed from the outbox.
 */
export async function runOrderFeed(deps: OrderFeedDeps, { until, stop }: PumpRun): Promise<void> {
  let lookedAt = -Infinity;
  while (!stop.aborted && Date.now() < until) {
    const moved = await feedOrders(deps);
    if (performance.now() - lookedAt >= FAILURES_EVERY_MS) {
      lookedAt = performance.now();
      await feedFailures(deps);
    }
    if (moved < BATCH) await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {});
  }
}

/** Answers how many changes it has moved. */
async function feedOrders(deps: OrderFeedDeps): Promise<number> {
  const { outbox, alerts, promises } = deps;
  const transitions = await outbox.list(BATCH);
  const changes = await outbox.listCaseChanges(BATCH);
  // Both lists have the oldest, so the oldest of both together leave no gap.
  const oldest = [...transitions, ...changes].toSorted((left, right) => left.position - right.position).slice(0, BATCH);
  const last = oldest.at(-1)?.position;
  if (last === undefined) return 0;
  const cases = changes.filter(({ position }) => position <= last);
  await append(
    deps,
    oldest.map((change) => ('caseId' in change ? toCaseEvent(change) : toOrderEvent(change, promises))),
  );
  await alerts?.note(cases.flatMap(alertsOfCase));
  await outbox.remove(transitions.filter(({ position }) => position <= last));
  if (cases.length > 0) await outbox.removeCaseChanges(cases);
  return oldest.length;
}

async function feedFailures(deps: OrderFeedDeps): Promise<void> {
  const { failures, alerts } = deps;
  const oldest = await failures.take(BATCH);
  if (oldest.length === 0) return;
  await append(deps, oldest.map(toFailureEvent));
  await alerts?.note(oldest.map(alertOfFailure));
  await failures.remove(oldest);
}

async function append({ log }: OrderFeedDeps, events: readonly OfferedEvent[]): Promise<void> {
  const appended = await log.append(events);
  const topics = [...new Set(events.map(({ type }) => topicOf(type)))];
  await log.announce([...new Set(appended.map(({ partition }) => partition))], topics);
}
