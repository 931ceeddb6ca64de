import { SERVICE_EVENT_ID_PREFIX, type OfferedEvent } from '../domain/event.ts';
import { cancelableUntilOf, capturableMinorOf } from '../domain/order-deadlines.ts';
import type { UnpublishedTransition } from '../domain/order-transition.ts';
import type { PaymentCapabilities } from '../domain/payments/payment-capabilities.ts';

/** Facts beside a transition: what the provider and the settings allow from then on. */
export interface OrderPromises {
  readonly capabilities: PaymentCapabilities;
  readonly cancelWindowSeconds: number | undefined;
}

/**
 * The event about a transition of an order, or about a further capture, with the facts of the moment when it happened.
 */
export function toOrderEvent(transition: UnpublishedTransition, promises: OrderPromises): OfferedEvent {
  const { orderId, seq, tenantId, customerId, correlationId, traceparent, at } = transition;
  const { to, reference, currency, totalMinor, reason } = transition;
  // A capture does not change the status.
  const from = transition.type === CAPTURED ? to : transition.from;
  return {
    tenantId,
    eventId: `${SERVICE_EVENT_ID_PREFIX}${orderId}.${seq}`,
    type: typeOf(transition),
    key: orderId,
    userId: customerId,
    source: 'order-saga',
    correlationId,
    traceparent,
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
  // The authorized amount is the total. Accepted captures count, whether they have happened yet or not.
  const money = { authorizedMinor: totalMinor ?? 0, takenMinor: captureAcceptedMinor, voided: false };
  return {
    captureMode,
    captureBy: captureBy?.toISOString() ?? null,
    capturableMinor: capturableMinorOf({ captureMode, status, ...money }, capabilities),
    confirmedAt: confirmedAt?.toISOString() ?? null,
    cancelableUntil: cancelableUntilOf({ status, confirmedAt }, cancelWindowSeconds)?.toISOString() ?? null,
  };
}

/** The type of a further capture, the only event that is not a transition. */
const CAPTURED = 'order.captured';

function typeOf({ type, from, to }: UnpublishedTransition): string {
  if (type === CAPTURED) return type;
  return from === null ? 'order.created' : `order.${to.toLowerCase()}`;
}

/** The amount that this refund or capture moved, and the sums after it; all other data stay within the order. */
function amountsOf({ data }: UnpublishedTransition): Readonly<Record<string, unknown>> {
  const amounts = ['amountMinor', 'capturedMinor', 'refundedMinor'] as const;
  return Object.fromEntries(amounts.filter((name) => name in data).map((name) => [name, data[name]]));
}
