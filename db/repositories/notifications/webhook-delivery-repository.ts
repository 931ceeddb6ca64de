import type { SealedText } from '../../../src/domain/personal-data/text-sealer.ts';
import type { WebhookDeliveryState, WebhookQueue, WebhookState } from '../../../src/domain/webhook.ts';
import { PLAIN_FIELDS, type FieldSealer } from '../../../src/domain/personal-data/field-sealer.ts';
import { webhookAddressSubject } from '../../../src/domain/webhook.ts';
import type { Database } from '../../client.ts';
import { deleteInBatches } from '../../delete-in-batches.ts';
import { createBatcher, rowsByOrdinal, type WithOrdinal } from '../../batching.ts';
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

/** One event for one subscription that is about to be stored. */
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
  /** Milliseconds until the next attempt is due; 0 when it is due now. */
  readonly waitMs: number;
  readonly url: string;
  readonly sealedSecret: SealedText | null;
  readonly subscriptionState: WebhookState;
}

/** The result of one attempt. */
export interface WebhookAttempt {
  readonly deliveryId: string;
  /** The HTTP status; null when no answer came. */
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
  /**
   * Stores the deliveries that are not stored yet.
   * @returns the subscriptions whose delivery of the event is still open.
   */
  offer(event: WebhookEvent, offered: readonly OfferedWebhook[]): Promise<string[]>;
  /** The oldest delivery of a queue that is neither settled nor cancelled. */
  findHead(queue: WebhookQueue): Promise<WebhookHead | null>;
  /** One delivery of a queue, at any place in it; null when it is settled or cancelled. */
  findOpen(queue: WebhookQueue, deliveryId: string): Promise<WebhookHead | null>;
  /** Cancels the open deliveries of a queue. */
  cancelQueue(queue: WebhookQueue): Promise<void>;
  /** Ends the subscription's run of failures. A delivery that was cancelled meanwhile stays cancelled. */
  recordDelivered(attempt: WebhookAttempt): Promise<void>;
  /**
   * Stores a failed attempt; `retryInMs` is null when the delivery is given up.
   * @returns for how many seconds the subscription has been failing.
   */
  recordFailed(attempt: WebhookAttempt, error: string, retryInMs: number | null): Promise<number>;
  /**
   * Stores a failed attempt that does not count as a try. The next attempt begins no earlier than the receiver asked
   * for.
   * @returns for how many seconds the subscription has been failing.
   */
  recordFailedEarly(attempt: WebhookAttempt, error: string, askedForMs: number): Promise<number>;
  list(query: WebhookDeliveryListQuery): Promise<WebhookDeliveryRecord[]>;
  /** Starts a delivery of an active subscription anew; null when there is no delivery to start. */
  redeliver(tenantId: string, subscriptionId: string, deliveryId: string): Promise<WebhookDeliveryRecord | null>;
  /**
   * A random sample of queues whose head has not been touched for longer than the limits, so that their workflow must
   * be missing. (A sample, so that some queues cannot keep the others out.)
   */
  listStranded(limits: {
    readonly pendingSeconds: number;
    readonly overdueSeconds: number;
    readonly limit: number;
  }): Promise<WebhookQueue[]>;
  /** Deletes the settled deliveries from before a time; open ones stay. */
  forgetSettled(before: Date): Promise<void>;
}

/** A question: which subscriptions of a tenant want one of these event types? */
interface Wanted {
  readonly tenantId: string;
  readonly eventTypes: readonly string[];
}

/**
 * Events of all partitions arrive at about the same time, and most of them are wanted by nobody; one statement answers
 * for all of them.
 */
const LOOKUPS_MAX = 500;

/** `fields` opens the addresses. */
export function createWebhookDeliveryRepository(
  db: Database,
  fields: FieldSealer = PLAIN_FIELDS,
): WebhookDeliveryRepository {
  const listWanting = createBatcher<Wanted, string[]>({
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
      const rows = await db.run<WebhookHead>(FIND_HEAD, [subscriptionId, key]);
      return firstOpened(fields, subscriptionId, rows);
    },
    findOpen: async ({ subscriptionId, key }, deliveryId) => {
      const rows = await db.run<WebhookHead>(FIND_OPEN, [subscriptionId, key, deliveryId]);
      return firstOpened(fields, subscriptionId, rows);
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
    forgetSettled: (before) => deleteInBatches(db, FORGET_SETTLED, [before]),
  };
}

function firstOpened(fields: FieldSealer, subscriptionId: string, [head]: readonly WebhookHead[]): WebhookHead | null {
  return head === undefined ? null : { ...head, url: fields.open(webhookAddressSubject(subscriptionId), head.url) };
}

async function listAllWanting(db: Database, wanted: readonly Wanted[]): Promise<string[][]> {
  const rows = await db.run<WithOrdinal & { subscriptionId: string }>(WANTING_SUBSCRIPTIONS, [
    wanted.map(({ tenantId }) => tenantId),
    wanted.map(({ eventTypes }) => eventTypes.join(',')),
  ]);
  return rowsByOrdinal(wanted.length, rows).map((own) => own.map(({ subscriptionId }) => subscriptionId));
}
