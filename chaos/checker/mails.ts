import { messageIdFor, type MessageName, type MessageTemplate } from '../../src/domain/notification.ts';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import { CANARY } from '../workload/order-plans.ts';
import {
  isExternal,
  violation,
  type MailFact,
  type MessageFact,
  type OrderFact,
  type RunFacts,
  type Violation,
} from './facts.ts';

/**
 * Every customer hears of the end of the order at the address of the order; a message is sent under one Message-ID,
 * however often; and what the service calls sent has arrived. If Temporal's own tools ended the workflow after the end of
 * its order and before the mail, nobody sends the mail (docs/temporal-ui.md).
 */
export function checkMails(facts: RunFacts): Violation[] {
  const { orders, messages, mails } = facts;
  const rows = messages.filter(({ channel }) => channel === 'email');
  const byOrder = Map.groupBy(rows, ({ orderId }) => orderId);
  const arrived = new Set(mails.map(({ messageId }) => messageId));
  const known = new Map(rows.map((row) => [idOf(row), row]));
  return [
    ...rows.flatMap((row) => checkRow(row, arrived)),
    ...mails.flatMap((mail) => checkMail(mail, known, orders)),
    ...[...orders.values()].flatMap((order) => {
      const names = new Set((byOrder.get(order.orderId) ?? []).map(({ name }) => name.split('.')[0] ?? name));
      return checkTold(facts, order, names);
    }),
  ];
}

function idOf({ orderId, name }: MessageFact): string {
  return messageIdFor(orderId, name as MessageName);
}

function checkRow(row: MessageFact, arrived: ReadonlySet<string | null>): Violation[] {
  if (row.state === 'GAVE_UP') return [violation('mails', row.orderId, `${row.name} was given up`)];
  if (row.state !== 'SENT')
    return [violation('mails', row.orderId, `${row.name} is ${row.state}, and nobody sends it`)];
  if (arrived.has(idOf(row))) return [];
  return [violation('mails', row.orderId, `${row.name} is SENT, and never arrived`)];
}

function checkMail(
  { messageId, orderId, to }: MailFact,
  known: ReadonlyMap<string, MessageFact>,
  orders: RunFacts['orders'],
): Violation[] {
  const order = orders.get(orderId ?? '');
  // Mails to operators have no order.
  if (orderId === null) return [];
  if (order === undefined || !known.has(messageId ?? '')) {
    return [violation('mails', orderId, `a mail arrived as ${messageId}, which no message of an order is`)];
  }
  const address = `${CANARY}.${order.key.replace(/^order-/, '')}@example.com`;
  return to === address ? [] : [violation('mails', orderId, 'its mail went to the address of another order')];
}

/** What a customer has been told when an order has come to rest. */
const TOLD: Readonly<Partial<Record<OrderStatus, readonly MessageTemplate[]>>> = {
  CONFIRMED: ['order-confirmed'],
  PARTIALLY_REFUNDED: ['order-confirmed', 'order-refunded'],
  REFUNDED: ['order-confirmed', 'order-refunded'],
  CANCELLED: ['order-cancelled'],
  EXPIRED: ['order-expired'],
};

function checkTold(facts: RunFacts, { orderId, status }: OrderFact, names: ReadonlySet<string>): Violation[] {
  // Money that was moved at the provider itself is announced by the person who moved it.
  const refunds = (facts.ledger.get(orderId) ?? []).filter(({ kind }) => kind === 'refund');
  const isMovedOutside = refunds.length > 0 && refunds.every(isExternal);
  return (TOLD[status] ?? [])
    .filter((name) => !names.has(name))
    .filter((name) => !(name === 'order-refunded' && isMovedOutside))
    .filter((name) => !wasEndedAfter(facts, orderId, name === 'order-confirmed' ? 'CONFIRMED' : status))
    .map((name) => violation('mails', orderId, `${status}, and there is no ${name}`));
}

/** Faults that end the workflow of an order for ever. */
const ENDS_WORKFLOWS: ReadonlySet<string> = new Set(['terminate-workflows', 'delete-workflows']);

function wasEndedAfter({ entries, moves }: RunFacts, orderId: string, status: OrderStatus): boolean {
  const reached = moves.get(orderId)?.find(({ to }) => to === status);
  return (
    reached !== undefined &&
    entries.some(({ op, order, at }) => order === orderId && ENDS_WORKFLOWS.has(op) && at >= reached.at)
  );
}
