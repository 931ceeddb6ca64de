import { messageIdFor, type MessageName } from '../../src/domain/notification.ts';
import { CANARY } from '../workload/order-plans.ts';
import { violation, type MailFact, type MessageFact, type OrderFact, type RunFacts, type Violation } from './facts.ts';

/**
 * Every customer hears of the end of the order at the address of the order; a message is sent under one Message-ID,
 * however often; and what the service calls sent has arrived.
 */
export function checkMails({ orders, messages, mails }: RunFacts): Violation[] {
  const rows = messages.filter(({ channel }) => channel === 'email');
  const arrived = new Set(mails.map(({ messageId }) => messageId));
  const known = new Map(rows.map((row) => [idOf(row), row]));
  return [
    ...rows.flatMap((row) => checkRow(row, arrived)),
    ...mails.flatMap((mail) => checkMail(mail, known, orders)),
    ...[...orders.values()].flatMap((order) => checkTold(order, known)),
  ];
}

function idOf({ orderId, name }: MessageFact): string {
  return messageIdFor(orderId, name as MessageName);
}

function checkRow(row: MessageFact, arrived: ReadonlySet<string | null>): Violation[] {
  if (row.state === 'GAVE_UP') return [violation('mails', row.orderId, `${row.name} was given up`)];
  if (row.state !== 'SENT' || arrived.has(idOf(row))) return [];
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

function checkTold({ orderId, status }: OrderFact, known: ReadonlyMap<string, MessageFact>): Violation[] {
  const names = status === 'CONFIRMED' ? ['order-confirmed'] : status === 'CANCELLED' ? ['order-cancelled'] : [];
  return names
    .filter((name) => !known.has(messageIdFor(orderId, name as MessageName)))
    .map((name) => violation('mails', orderId, `${status}, and there is no ${name}`));
}
