import { Webhook } from 'standardwebhooks';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import type { HistoryEntry } from '../history.ts';
import type { ReceivedWebhook } from '../system/receiver.ts';
import { violation, type DeliveryFact, type OrderFact, type RunFacts, type Violation } from './facts.ts';

/** A message that the receiver took, with what it says about its order. */
interface Taken {
  readonly message: ReceivedWebhook;
  readonly type: string;
  readonly orderId: string | null;
}

/**
 * Every order's end is told to its tenant's webhook and to no other, signed by the secret of the subscription; the
 * messages of an order arrive in their order; and what the service calls delivered was taken by the receiver.
 */
export function checkWebhooks(facts: RunFacts): Violation[] {
  const taken = facts.received.filter(({ answered }) => answered >= 200 && answered < 300).map(readMessage);
  const secrets = secretsByTenant(facts.entries);
  return [
    ...checkTold(facts, secrets),
    ...checkSignatures(facts, secrets, taken),
    ...checkDeliveries(facts.deliveries, taken),
  ];
}

function readMessage(message: ReceivedWebhook): Taken {
  const { type, data } = JSON.parse(message.body) as { type: string; data: { orderId?: string } };
  return { message, type, orderId: data.orderId ?? null };
}

function secretsByTenant(entries: readonly HistoryEntry[]): Map<string, string> {
  const subscribed = entries.filter(
    ({ op, type, data }) => op === 'subscribe' && type === 'ok' && data['secret'] !== null,
  );
  return new Map(subscribed.map(({ who, data }) => [who.split('/')[0] ?? '', String(data['secret'])]));
}

function checkDeliveries(deliveries: readonly DeliveryFact[], taken: readonly Taken[]): Violation[] {
  const firstAt = new Map(taken.toReversed().map(({ message }) => [message.id, message.at]));
  const states = deliveries.flatMap(({ deliveryId, state, eventKey }) => {
    if (state !== 'DELIVERED') return [violation('webhooks', eventKey, `the delivery ${deliveryId} is ${state}`)];
    return firstAt.has(deliveryId)
      ? []
      : [violation('webhooks', eventKey, `the delivery ${deliveryId} is DELIVERED, and never arrived`)];
  });
  const byKey = Map.groupBy(deliveries, ({ tenantId, eventKey }) => `${tenantId}/${eventKey}`);
  const swapped = [...byKey.values()].flatMap((ofKey) => {
    const inOrder = ofKey.toSorted((left, right) => left.seq - right.seq);
    return inOrder.flatMap((after, index) => {
      const before = inOrder[index - 1];
      const [first, second] = [firstAt.get(before?.deliveryId ?? ''), firstAt.get(after.deliveryId)];
      if (before === undefined || first === undefined || second === undefined || first <= second) return [];
      return [violation('webhooks', after.eventKey, `${after.eventType} arrived before ${before.eventType}`)];
    });
  });
  return [...states, ...swapped];
}

function checkSignatures(
  { orders }: RunFacts,
  secrets: ReadonlyMap<string, string>,
  taken: readonly Taken[],
): Violation[] {
  return taken.flatMap(({ message, orderId }) => {
    const tenant = orders.get(orderId ?? '')?.tenantId;
    if (orderId === null || tenant === undefined) return [];
    const secret = secrets.get(tenant);
    if (secret === undefined) {
      return [violation('webhooks', orderId, `the message ${message.id} went out, and ${tenant} has no webhook`)];
    }
    if (isSignedBy(secret, message)) return [];
    return [violation('webhooks', orderId, `the message ${message.id} is not signed by the secret of ${tenant}`)];
  });
}

/** The library's own `verify` refuses messages that are older than five minutes, which those of a long run are. */
function isSignedBy(secret: string, { id, body, headers }: ReceivedWebhook): boolean {
  const sentAt = new Date(Number(headers['webhook-timestamp']) * 1_000);
  return (headers['webhook-signature'] ?? '').split(' ').includes(new Webhook(secret).sign(id, sentAt, body));
}

/** The event that tells of a status at rest. */
const TOLD: Readonly<Partial<Record<OrderStatus, string>>> = {
  AWAITING_CAPTURE: 'order.awaiting_capture',
  CONFIRMED: 'order.confirmed',
  REJECTED: 'order.rejected',
  CANCELLED: 'order.cancelled',
  EXPIRED: 'order.expired',
  PARTIALLY_REFUNDED: 'order.partially_refunded',
  REFUNDED: 'order.refunded',
};

/** Whether a message arrived is judged by its delivery; here each end must have one. */
function checkTold({ orders, deliveries }: RunFacts, secrets: ReadonlyMap<string, string>): Violation[] {
  const known = new Set(deliveries.map(({ eventKey, eventType }) => `${eventKey} ${eventType}`));
  const missing = ({ orderId, tenantId, status }: OrderFact): string[] =>
    ['order.created', TOLD[status]].flatMap((type) =>
      type === undefined || !secrets.has(tenantId) || known.has(`${orderId} ${type}`) ? [] : [type],
    );
  return [...orders.values()].flatMap((order) =>
    missing(order).map((type) => violation('webhooks', order.orderId, `there is no delivery of ${type}`)),
  );
}
