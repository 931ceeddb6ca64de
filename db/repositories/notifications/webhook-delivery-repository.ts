import type { SealedText } from '../../../src/domain/personal-data/text-sealer.ts';
import type { WebhookDeliveryState, WebhookQueue, WebhookState } from '../../../src/domain/webhook.ts';
import type { Database } from '../../client.ts';
import { forgetAll } from '../../delete-in-batches.ts';
import { createGathering, rowsByPlace, type Placed } from '../../batching.ts';
import {
  CANCEL_QUEUE,
  FIND_HEAD,
  FIND_OPEN,
  FIND_STRANDED,
  FORGET_SETTLED,
  LIST_DELIVERIES,
  OFFER_DELIVERIES,
  RECORD_DELIVERED,
  RECORD_FAILED,
  RECORD_FAILED_EARLY,
  REDELIVER,
  WANTING_SUBSCRIPTIONS,
} from './webhook-delivery-statements.ts';

/** One event for one subscription, about to be stored. */
export interface OfferedWebhook {
  readonly deliveryId: string;
  readonly subscriptionId: string;
}

/** What all deliveries of one event share. */
export interface WebhookEvent {
  readonly tenantId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly eventKey: string;
  readonly body: string;
}

/** A delivery that may be sent now. */
export interface WebhookHead {
  readonly deliveryId: string;
  readonly tenantId: string;
  readonly eventType: string;
  readonly body: string;
  readonly attempts: number;
  /** Milliseconds until its next attempt is due; 0 when it is. */
  readonly waitMs: number;
  readonly url: string;
  readonly sealedSecret: SealedText | null;
  readonly subscriptionState: WebhookState;
}

/** What one attempt came to. */
export interface WebhookAttempt {
  readonly deliveryId: string;
  /** HTTP status; null when nobody answered. */
  readonly status: number | null;
  readonly excerpt: string | null;
}

/** A delivery as stored. */
export interface WebhookDeliveryRecord {
  readonly deliveryId: string;
  readonly seq: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly eventKey: string;
  readonly state: WebhookDeliveryState;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly responseExcerpt: string | null;
  readonly nextAttemptAt: Date | null;
  readonly deliveredAt: Date | null;
  readonly createdAt: Date;
}

/** Which page of a subscription's deliveries, newest first. */
export interface WebhookDeliveryListQuery {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly state?: WebhookDeliveryState | undefined;
  readonly beforeSeq?: number | undefined;
  readonly limit: number;
}

/** Events on their way to the subscriptions that want them. */
export interface WebhookDeliveryRepository {
  /** Active subscriptions of a tenant that want one of these types. */
  listWanting(tenantId: string, eventTypes: readonly string[]): Promise<string[]>;
  /** Stores what is not stored yet. @returns the subscriptions at which the event is not settled. */
  offer(event: WebhookEvent, offered: readonly OfferedWebhook[]): Promise<string[]>;
  /** The oldest delivery of a queue that is neither settled nor cancelled. */
  findHead(queue: WebhookQueue): Promise<WebhookHead | null>;
  /** One delivery of a queue, wherever it stands; null when it is settled or cancelled. */
  findOpen(queue: WebhookQueue, deliveryId: string): Promise<WebhookHead | null>;
  /** Cancels what is left in a queue. */
  cancelQueue(queue: WebhookQueue): Promise<void>;
  /** Ends the subscription's failing; a delivery that was cancelled meanwhile stays so. */
  recordDelivered(attempt: WebhookAttempt): Promise<void>;
  /**
   * Notes a failed attempt; `retryInMs` null gives the delivery up.
   * @returns for how many seconds the subscription has been failing.
   */
  recordFailed(attempt: WebhookAttempt, error: string, retryInMs: number | null): Promise<number>;
  /** Notes a failed attempt that costs no try; the next one comes no earlier than asked. @returns as `recordFailed` does. */
  recordFailedEarly(attempt: WebhookAttempt, error: string, askedForMs: number): Promise<number>;
  list(query: WebhookDeliveryListQuery): Promise<WebhookDeliveryRecord[]>;
  /** Puts a delivery of an active subscription back to its beginning; null when there is none such. */
  redeliver(tenantId: string, subscriptionId: string, deliveryId: string): Promise<WebhookDeliveryRecord | null>;
  /** Queues whose head nobody has touched for so long that its workflow must be missing; any of them, not the first. */
  listStranded(limits: {
    readonly pendingSeconds: number;
    readonly overdueSeconds: number;
    readonly limit: number;
  }): Promise<WebhookQueue[]>;
  /** Forgets deliveries from before a time that are over; what is still tried stays. */
  forgetSettled(before: Date): Promise<void>;
}

/** Whoever wants one of the types of a tenant's events. */
interface Wanted {
  readonly tenantId: string;
  readonly eventTypes: readonly string[];
}

/** Events of all partitions come at about the same time, and most of them nobody wants: one statement says so. */
const LOOKUPS_MAX = 500;

export function createWebhookDeliveryRepository(db: Database): WebhookDeliveryRepository {
  const listWanting = createGathering<Wanted, string[]>({
    weightOf: () => 1,
    weightMax: LOOKUPS_MAX,
    runsMax: 2,
    run: (wanted) => listAllWanting(db, wanted),
  });
  return {
    listWanting: (tenantId, eventTypes) => listWanting({ tenantId, eventTypes }),
    offer: async ({ tenantId, eventId, eventType, eventKey, body }, offered) => {
      const rows = await db.run<{ subscriptionId: string; state: WebhookDeliveryState }>(OFFER_DELIVERIES, [
        offered.map(({ deliveryId }) => deliveryId),
        offered.map(({ subscriptionId }) => subscriptionId),
        tenantId,
        eventId,
        eventType,
        eventKey,
        body,
      ]);
      return rows
        .filter(({ state }) => state === 'PENDING' || state === 'RETRYING')
        .map(({ subscriptionId }) => subscriptionId);
    },
    findHead: async ({ subscriptionId, key }) => {
      const [row] = await db.run<WebhookHead>(FIND_HEAD, [subscriptionId, key]);
      return row ?? null;
    },
    findOpen: async ({ subscriptionId, key }, deliveryId) => {
      const [row] = await db.run<WebhookHead>(FIND_OPEN, [subscriptionId, key, deliveryId]);
      return row ?? null;
    },
    cancelQueue: async ({ subscriptionId, key }) => {
      await db.run(CANCEL_QUEUE, [subscriptionId, key]);
    },
    recordDelivered: async ({ deliveryId, status, excerpt }) => {
      await db.run(RECORD_DELIVERED, [deliveryId, status, excerpt]);
    },
    recordFailed: async ({ deliveryId, status, excerpt }, error, retryInMs) => {
      const values = [deliveryId, status, excerpt, error, retryInMs === null ? null : Math.round(retryInMs)];
      const [row] = await db.run<{ failingSeconds: number }>(RECORD_FAILED, values);
      return row?.failingSeconds ?? 0;
    },
    recordFailedEarly: async ({ deliveryId, status, excerpt }, error, askedForMs) => {
      const values = [deliveryId, status, excerpt, error, Math.round(askedForMs)];
      const [row] = await db.run<{ failingSeconds: number }>(RECORD_FAILED_EARLY, values);
      return row?.failingSeconds ?? 0;
    },
    list: ({ tenantId, subscriptionId, state, beforeSeq, limit }) =>
      db.run<WebhookDeliveryRecord>(LIST_DELIVERIES, [
        tenantId,
        subscriptionId,
        state ?? null,
        beforeSeq ?? null,
        limit,
      ]),
    redeliver: async (tenantId, subscriptionId, deliveryId) => {
      const [row] = await db.run<WebhookDeliveryRecord>(REDELIVER, [tenantId, subscriptionId, deliveryId]);
      return row ?? null;
    },
    listStranded: ({ pendingSeconds, overdueSeconds, limit }) =>
      db.run<WebhookQueue & { [column: string]: unknown }>(FIND_STRANDED, [pendingSeconds, overdueSeconds, limit]),
    forgetSettled: (before) => forgetAll(db, FORGET_SETTLED, [before]),
  };
}

async function listAllWanting(db: Database, wanted: readonly Wanted[]): Promise<string[][]> {
  const rows = await db.run<Placed & { subscriptionId: string }>(WANTING_SUBSCRIPTIONS, [
    wanted.map(({ tenantId }) => tenantId),
    wanted.map(({ eventTypes }) => eventTypes.join(',')),
  ]);
  return rowsByPlace(wanted.length, rows).map((own) => own.map(({ subscriptionId }) => subscriptionId));
}
