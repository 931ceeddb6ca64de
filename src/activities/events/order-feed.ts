import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import type {
  EventOutboxRepository,
  UnpublishedTransition,
} from '../../../db/repositories/orders/event-outbox-repository.ts';
import { SERVICE_EVENT_ID_PREFIX, type OfferedEvent } from '../../domain/event.ts';
import { cancelableUntilOf, capturableMinorOf } from '../../domain/order-deadlines.ts';
import type { PaymentCapabilities } from '../../domain/payments/payment-capabilities.ts';
import type { PumpRun } from './event-pump.ts';

/** What the feed works with. */
export interface OrderFeedDeps {
  readonly outbox: EventOutboxRepository;
  readonly log: EventLogRepository;
  readonly promises: OrderPromises;
}

/** What is told beside a transition: what the provider and the settings allow from then on. */
export interface OrderPromises {
  readonly capabilities: PaymentCapabilities;
  readonly cancelWindowSeconds: number | undefined;
}

/** Transitions of one turn. */
const BATCH = 500;

/** An idle feed looks this often: the longest time that an order's event stays behind the order. */
const POLL_MS = 200;

/**
 * Moves the transitions of orders into the event log until told to stop. Appended first and taken out of the outbox
 * afterwards, under an id that the log takes once: whatever crashes in between, each is there exactly once, and those of
 * one order in its order, also while two feeds overlap.
 */
export async function runOrderFeed({ outbox, log, promises }: OrderFeedDeps, { until, stop }: PumpRun): Promise<void> {
  while (!stop.aborted && Date.now() < until) {
    const transitions = await outbox.list(BATCH);
    if (transitions.length > 0) {
      const appended = await log.append(transitions.map((transition) => toEvent(transition, promises)));
      await log.announce([...new Set(appended.map(({ partition }) => partition))], ['order']);
      await outbox.remove(transitions);
    }
    if (transitions.length < BATCH) await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {});
  }
}

function toEvent(transition: UnpublishedTransition, promises: OrderPromises): OfferedEvent {
  const { orderId, seq, tenantId, customerId, correlationId, at } = transition;
  const { to, reference, currency, totalMinor, reason } = transition;
  // A capture leaves the status as it is.
  const from = transition.type === CAPTURED ? to : transition.from;
  return {
    tenantId,
    eventId: `${SERVICE_EVENT_ID_PREFIX}${orderId}.${seq}`,
    type: typeOf(transition),
    key: orderId,
    userId: customerId,
    source: 'order-saga',
    correlationId,
    occurredAt: at,
    properties: {
      orderId,
      status: to,
      previousStatus: from,
      seq,
      customerId,
      reference,
      currency,
      totalMinor,
      reason,
      ...amountsOf(transition),
      ...deadlinesOf(transition, promises),
    },
  };
}

function deadlinesOf(transition: UnpublishedTransition, { capabilities, cancelWindowSeconds }: OrderPromises) {
  const { to: status, captureMode, captureBy, confirmedAt, totalMinor, captureAcceptedMinor } = transition;
  // What is authorized is the total; of captures the accepted ones count, whether they have happened yet or not.
  const money = { authorizedMinor: totalMinor ?? 0, takenMinor: captureAcceptedMinor, voided: false };
  return {
    captureMode,
    captureBy: captureBy?.toISOString() ?? null,
    capturableMinor: capturableMinorOf({ captureMode, status, ...money }, capabilities),
    confirmedAt: confirmedAt?.toISOString() ?? null,
    cancelableUntil: cancelableUntilOf({ status, confirmedAt }, cancelWindowSeconds)?.toISOString() ?? null,
  };
}

/** A further capture, the one event that is no transition. */
const CAPTURED = 'order.captured';

function typeOf({ type, from, to }: UnpublishedTransition): string {
  if (type === CAPTURED) return type;
  return from === null ? 'order.created' : `order.${to.toLowerCase()}`;
}

/** How much this refund or capture moved, and the sums after it; the other data are the order's own. */
function amountsOf({ data }: UnpublishedTransition): Readonly<Record<string, unknown>> {
  const amounts = ['amountMinor', 'capturedMinor', 'refundedMinor'] as const;
  return Object.fromEntries(amounts.filter((name) => name in data).map((name) => [name, data[name]]));
}
