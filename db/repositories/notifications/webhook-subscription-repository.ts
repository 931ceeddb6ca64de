import type { SealedText } from '../../../src/domain/personal-data/text-sealer.ts';
import type { WebhookDisabledReason, WebhookEventType, WebhookState } from '../../../src/domain/webhook.ts';
import { WEBHOOKS_PER_TENANT_MAX } from '../../../src/domain/webhook.ts';
import type { Database } from '../../client.ts';
import {
  DELETE_SUBSCRIPTION,
  DISABLE_SUBSCRIPTION,
  ENABLE_SUBSCRIPTION,
  FIND_SUBSCRIPTION,
  INSERT_SUBSCRIPTION,
  LIST_SEALED_BY_OTHERS,
  LIST_SUBSCRIPTIONS,
  REPLACE_SECRET,
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

/** The secret of a subscription as it is stored. */
export interface SealedWebhookSecret {
  readonly subscriptionId: string;
  readonly sealedSecret: SealedText;
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
  /** The secrets of all tenants that another key has sealed. */
  sealedByOthersThan(keyId: string): Promise<SealedWebhookSecret[]>;
  /**
   * Replaces a secret that is still sealed as given.
   * @returns whether it was replaced.
   */
  replaceSecret(old: SealedWebhookSecret, sealedSecret: SealedText): Promise<boolean>;
}

export function createWebhookSubscriptionRepository(db: Database): WebhookSubscriptionRepository {
  const find = async (tenantId: string, subscriptionId: string): Promise<WebhookSubscriptionRecord | null> => {
    const [row] = await db.run<WebhookSubscriptionRecord>(FIND_SUBSCRIPTION, [tenantId, subscriptionId]);
    return row ?? null;
  };
  return {
    create: async ({ subscriptionId, tenantId, requestHash, url, eventTypes, sealedSecret }) => {
      const inserted = await db.run(INSERT_SUBSCRIPTION, [
        subscriptionId,
        tenantId,
        requestHash,
        url,
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
    list: ({ tenantId, before, limit }) =>
      db.run<WebhookSubscriptionRecord>(LIST_SUBSCRIPTIONS, [
        tenantId,
        before?.createdAt ?? null,
        before?.subscriptionId ?? null,
        limit,
      ]),
    enable: async (tenantId, subscriptionId) => {
      const [row] = await db.run<WebhookSubscriptionRecord>(ENABLE_SUBSCRIPTION, [tenantId, subscriptionId]);
      return row ?? null;
    },
    delete: async (tenantId, subscriptionId) =>
      (await db.run(DELETE_SUBSCRIPTION, [tenantId, subscriptionId])).length > 0,
    disable: async (subscriptionId, reason) =>
      (await db.run(DISABLE_SUBSCRIPTION, [subscriptionId, reason])).length > 0,
    sealedByOthersThan: (keyId) => db.run<SealedWebhookSecret>(LIST_SEALED_BY_OTHERS, [keyId]),
    replaceSecret: async ({ subscriptionId, sealedSecret: old }, sealedSecret) => {
      const values = [subscriptionId, JSON.stringify(old), JSON.stringify(sealedSecret)];
      return (await db.run(REPLACE_SECRET, values)).length > 0;
    },
  };
}
