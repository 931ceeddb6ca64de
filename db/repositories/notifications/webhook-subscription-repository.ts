import type { SealedText } from '../../../src/domain/personal-data/text-sealer.ts';
import type { WebhookDisabledReason, WebhookEventType, WebhookState } from '../../../src/domain/webhook.ts';
import { webhookAddressSubject, WEBHOOKS_PER_TENANT_MAX } from '../../../src/domain/webhook.ts';
import { PLAIN_FIELDS, type FieldSealer } from '../../../src/domain/personal-data/field-sealer.ts';
import type { Database } from '../../client.ts';
import {
  DELETE_SUBSCRIPTION,
  DISABLE_SUBSCRIPTION,
  ENABLE_SUBSCRIPTION,
  FIND_SUBSCRIPTION,
  INSERT_SUBSCRIPTION,
  LIST_SUBSCRIPTIONS,
} from './webhook-subscription-statements.ts';

/** A subscription that is about to be stored. */
export interface NewWebhookSubscription {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly requestHash: string;
  readonly url: string;
  readonly eventTypes: readonly WebhookEventType[];
  readonly sealedSecret: SealedText;
}

/** A subscription as stored. */
export interface WebhookSubscriptionRecord extends Omit<NewWebhookSubscription, 'sealedSecret'> {
  /** Null when the subscription is deleted. */
  readonly sealedSecret: SealedText | null;
  readonly state: WebhookState;
  readonly disabledReason: WebhookDisabledReason | null;
  readonly disabledAt: Date | null;
  readonly failingSince: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Which page of a tenant's subscriptions, newest first. */
export interface WebhookListQuery {
  readonly tenantId: string;
  readonly before?: { readonly createdAt: Date; readonly subscriptionId: string } | undefined;
  readonly limit: number;
}

/** The subscriptions of all tenants. Only `create` finds deleted ones. */
export interface WebhookSubscriptionRepository {
  /**
   * Stores a subscription unless its id is taken. Answers the subscription under the id, and whether it is new; null
   * when the tenant may have no more subscriptions.
   */
  create(
    subscription: NewWebhookSubscription,
  ): Promise<{ readonly subscription: WebhookSubscriptionRecord; readonly isNew: boolean } | null>;
  findOptional(tenantId: string, subscriptionId: string): Promise<WebhookSubscriptionRecord | null>;
  list(query: WebhookListQuery): Promise<WebhookSubscriptionRecord[]>;
  /** Makes a subscription active, as if it had never failed; null when the tenant does not have the subscription. */
  enable(tenantId: string, subscriptionId: string): Promise<WebhookSubscriptionRecord | null>;
  /**
   * Deletes the secret and cancels the open deliveries.
   * @returns whether the subscription existed.
   */
  delete(tenantId: string, subscriptionId: string): Promise<boolean>;
  /**
   * Stops an active subscription and cancels its open deliveries.
   * @returns whether it was active.
   */
  disable(subscriptionId: string, reason: WebhookDisabledReason): Promise<boolean>;
}

/** `fields` seals the addresses. */
export function createWebhookSubscriptionRepository(
  db: Database,
  fields: FieldSealer = PLAIN_FIELDS,
): WebhookSubscriptionRepository {
  const opened = (row: WebhookSubscriptionRecord): WebhookSubscriptionRecord => ({
    ...row,
    url: fields.open(webhookAddressSubject(row.subscriptionId), row.url),
  });
  const find = async (tenantId: string, subscriptionId: string): Promise<WebhookSubscriptionRecord | null> => {
    const [row] = await db.run<WebhookSubscriptionRecord>(FIND_SUBSCRIPTION, [tenantId, subscriptionId]);
    return row === undefined ? null : opened(row);
  };
  return {
    create: async ({ subscriptionId, tenantId, requestHash, url, eventTypes, sealedSecret }) => {
      const inserted = await db.run(INSERT_SUBSCRIPTION, [
        subscriptionId,
        tenantId,
        requestHash,
        fields.seal(webhookAddressSubject(subscriptionId), url),
        [...eventTypes],
        JSON.stringify(sealedSecret),
        WEBHOOKS_PER_TENANT_MAX,
      ]);
      const subscription = await find(tenantId, subscriptionId);
      return subscription === null ? null : { subscription, isNew: inserted.length > 0 };
    },
    findOptional: async (tenantId, subscriptionId) => {
      const found = await find(tenantId, subscriptionId);
      return found?.state === 'DELETED' ? null : found;
    },
    list: async ({ tenantId, before, limit }) => {
      const rows = await db.run<WebhookSubscriptionRecord>(LIST_SUBSCRIPTIONS, [
        tenantId,
        before?.createdAt ?? null,
        before?.subscriptionId ?? null,
        limit,
      ]);
      return rows.map(opened);
    },
    enable: async (tenantId, subscriptionId) => {
      const [row] = await db.run<WebhookSubscriptionRecord>(ENABLE_SUBSCRIPTION, [tenantId, subscriptionId]);
      return row === undefined ? null : opened(row);
    },
    delete: async (tenantId, subscriptionId) =>
      (await db.run(DELETE_SUBSCRIPTION, [tenantId, subscriptionId])).length > 0,
    disable: async (subscriptionId, reason) =>
      (await db.run(DISABLE_SUBSCRIPTION, [subscriptionId, reason])).length > 0,
  };
}
