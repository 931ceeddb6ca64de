import type { NotificationRetention } from '../../../db/repositories/notifications/notification-retention.ts';
import type { EndedOrders } from '../../../db/repositories/orders/ended-orders.ts';
import type { PaymentRetention } from '../../../db/repositories/payments/payment-retention.ts';
import type { EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import type { OrderRetention } from '../../../db/repositories/order-retention.ts';

/** Days for which ended rows are kept; null for ever. */
export interface RetentionDays {
  readonly paymentNotices: number | null;
  readonly failedEvents: number | null;
  readonly deletedWebhooks: number | null;
  readonly messages: number | null;
  readonly cases: number | null;
  readonly paymentHistory: number | null;
}

export interface RetentionDeps {
  readonly log: Pick<EventLogRepository, 'forgetFailed'>;
  readonly endedOrders: EndedOrders;
  readonly payments: PaymentRetention;
  readonly notifications: NotificationRetention;
}

const DAY_MS = 86_400_000;

/** Rows that one statement reads; with their orders they are deleted in less than 100 ms. */
const ROWS_PER_BATCH = 1_000;

/** A run ends after this number of batches: 100,000 rows an hour are more than the service writes. */
const BATCHES_PER_RUN = 100;

/** Orders that are still open after the time; there are few, and beyond this number a person has to look at them. */
const OPEN_MAX = 5_000;

/** Deletes what has ended for longer than the settings keep it. Nothing that an open order needs is deleted. */
export async function forgetEnded(deps: RetentionDeps, days: RetentionDays, now: Date): Promise<void> {
  const { log, endedOrders, payments, notifications } = deps;
  const after = async (kept: number | null, forget: (before: Date) => Promise<void>): Promise<void> => {
    if (kept !== null) await forget(new Date(now.getTime() - kept * DAY_MS));
  };
  await after(days.failedEvents, (before) => log.forgetFailed(before));
  await after(days.paymentNotices, (before) => payments.forgetAppliedNotices(before));
  await after(days.deletedWebhooks, (before) => notifications.forgetDeletedWebhooks(before));
  await after(days.messages, (before) => forgetOfEndedOrders(notifications.messages, endedOrders, before));
  await after(days.paymentHistory, (before) => forgetOfEndedOrders(payments.history, endedOrders, before));
  await after(days.cases, (before) => endedOrders.forgetCases(before));
}

/** Services know nothing of an order's status, so the service of orders is asked about each batch. */
async function forgetOfEndedOrders(rows: OrderRetention, orders: EndedOrders, before: Date): Promise<void> {
  const open: string[] = [];
  for (let batch = 0; batch < BATCHES_PER_RUN && open.length < OPEN_MAX; batch += 1) {
    const orderIds = await rows.listOrders(before, open, ROWS_PER_BATCH);
    if (orderIds.length === 0) return;
    const ended = new Set(await orders.listEnded(orderIds, before));
    // What stays is left out of the next batches: an open order, and one with rows that something still refers to.
    const forgotten = ended.size === 0 ? 0 : await rows.forget(before, [...ended]);
    open.push(...(forgotten === 0 ? orderIds : orderIds.filter((orderId) => !ended.has(orderId))));
  }
}
