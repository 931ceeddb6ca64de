import { randomBytes } from 'node:crypto';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import type {
  WebhookDeliveryRecord,
  WebhookDeliveryRepository,
} from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import {
  WEBHOOKS_PER_TENANT_MAX,
  type WebhookEventType,
  type WebhookQueue,
  webhookIdFor,
  webhookSecretSubject,
} from '../../domain/webhook.ts';
import type {
  WebhookSubscriptionRecord,
  WebhookSubscriptionRepository,
} from '../../../db/repositories/notifications/webhook-subscription-repository.ts';
import { ContactUnreadableError } from '../../domain/errors.ts';
import type { RequestHash, RequestHasher } from '../../domain/personal-data/request-hash.ts';
import type { TextSealer } from '../../domain/personal-data/text-sealer.ts';
import type { LogFields } from '../../domain/log-fields.ts';
import type { Logger } from '../../runtime/logger.ts';
import { isOrderId } from '../../domain/ids.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { recordAction, type Operator } from '../operator-log.ts';

export interface WebhookOperationsDeps {
  readonly subscriptions: WebhookSubscriptionRepository;
  readonly deliveries: WebhookDeliveryRepository;
  readonly actions: OperatorActionRepository;
  readonly sealer: TextSealer;
  readonly hasher: RequestHasher;
  /** What is wrong with an address, in words; null when it is fine. */
  readonly urlProblem: (url: string) => string | null;
  /** Has one delivery of a queue sent now. */
  readonly sendNow: (queue: WebhookQueue, deliveryId: string) => Promise<void>;
}

/** The person who acts, and the log of the request. */
export interface WebhookActor extends Operator {
  readonly logger: Logger;
  /** Fields that name the request in its log lines. */
  readonly fields: LogFields;
}

/** Manages a tenant's webhooks; each change is recorded as an act of an operator. */
export interface WebhookOperations {
  /**
   * Makes a subscription.
   * @throws {ProblemError} for an address that is not allowed, a key of another request, or too many subscriptions.
   */
  create(
    by: WebhookActor,
    idempotencyKey: string,
    wanted: { readonly url: string; readonly events: readonly WebhookEventType[] },
  ): Promise<{ readonly subscription: WebhookSubscriptionRecord; readonly secret: string | null; isReplayed: boolean }>;
  enable(by: WebhookActor, subscriptionId: string): Promise<WebhookSubscriptionRecord>;
  delete(by: WebhookActor, subscriptionId: string): Promise<void>;
  redeliver(by: WebhookActor, subscriptionId: string, deliveryId: string): Promise<WebhookDeliveryRecord>;
}

/** Random bytes of a signing secret; Standard Webhooks ask for 24 to 64. */
const SECRET_BYTES = 32;

/**
 * A client that lost the answer repeats its request within minutes; after this time the secret is never shown again.
 */
const SECRET_SHOWN_MS = 10 * 60_000;

export function createWebhookOperations(deps: WebhookOperationsDeps): WebhookOperations {
  const { subscriptions, deliveries, actions, sealer } = deps;
  return {
    create: async (by, idempotencyKey, wanted) => {
      requireAllowed(deps.urlProblem(wanted.url));
      const subscriptionId = webhookIdFor(by.tenantId, idempotencyKey);
      const requestHash = deps.hasher.hash(subscriptionId, wanted);
      const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
      // The checked form is stored, because another reader might read another notation as another address.
      const { href, host } = new URL(wanted.url);
      // The act has the subscription's own id, so that a repeated request is one act.
      await recordAction(actions, by, {
        actionId: `act_${subscriptionId}`,
        action: 'webhook.create',
        subject: subscriptionId,
        after: { host, events: wanted.events },
      });
      const stored = await subscriptions.create({
        subscriptionId,
        tenantId: by.tenantId,
        requestHash: requestHash.text,
        url: href,
        eventTypes: wanted.events,
        sealedSecret: sealer.seal(webhookSecretSubject(subscriptionId), secret),
      });
      if (stored === null) throw tooMany();
      const { subscription, isNew } = stored;
      requireSame(subscription, requestHash);
      return { subscription, secret: isNew ? secret : secretOf(sealer, subscription), isReplayed: !isNew };
    },
    enable: async (by, subscriptionId) => {
      const before = await findExisting(deps, by, subscriptionId);
      const { state, disabledReason } = before;
      const act = { action: 'webhook.enable', subject: subscriptionId, before: { state, disabledReason } };
      await recordAction(actions, by, act);
      const enabled = await subscriptions.enable(by.tenantId, subscriptionId);
      if (enabled === null) throw notFound('webhook');
      return enabled;
    },
    delete: async (by, subscriptionId) => {
      const { state, eventTypes } = await findExisting(deps, by, subscriptionId);
      const act = { action: 'webhook.delete', subject: subscriptionId, before: { state, events: eventTypes } };
      await recordAction(actions, by, act);
      if (!(await subscriptions.delete(by.tenantId, subscriptionId))) throw notFound('webhook');
    },
    redeliver: async (by, subscriptionId, deliveryId) => {
      const { state } = await findExisting(deps, by, subscriptionId);
      if (state === 'DISABLED') throw new ProblemError('webhook_disabled', 'the subscription is disabled');
      const delivery = await deliveries.redeliver(by.tenantId, subscriptionId, deliveryId);
      if (delivery === null) throw notFound('delivery');
      const { eventKey } = delivery;
      const act = { action: 'webhook.redeliver', subject: subscriptionId, after: { deliveryId } };
      await recordAction(actions, by, isOrderId(eventKey) ? { ...act, orderId: eventKey } : act);
      await deps.sendNow({ subscriptionId, key: eventKey }, deliveryId).catch((error: unknown) => {
        // The row is enough: the sweep finds its queue.
        by.logger.warn({ err: error, ...by.fields, subscriptionId, deliveryId }, 'a redelivery starts a minute late');
      });
      return delivery;
    },
  };
}

async function findExisting(deps: WebhookOperationsDeps, { tenantId }: WebhookActor, subscriptionId: string) {
  const found = await deps.subscriptions.findOptional(tenantId, subscriptionId);
  if (found === null) throw notFound('webhook');
  return found;
}

function requireAllowed(urlProblem: string | null): void {
  if (urlProblem === null) return;
  throw new ProblemError('validation_failed', 'the body does not match the contract', {
    errors: [{ pointer: '/url', detail: urlProblem }],
  });
}

function requireSame({ state, requestHash }: WebhookSubscriptionRecord, asked: RequestHash): void {
  if (state !== 'DELETED' && asked.isSameAs(requestHash)) return;
  const whose = state === 'DELETED' ? 'a webhook that was deleted' : 'another webhook';
  throw new ProblemError('idempotency_key_reused', `this Idempotency-Key belongs to ${whose}`);
}

function secretOf(sealer: TextSealer, subscription: WebhookSubscriptionRecord): string | null {
  const { subscriptionId, sealedSecret, createdAt } = subscription;
  if (sealedSecret === null || Date.now() - createdAt.getTime() > SECRET_SHOWN_MS) return null;
  try {
    return sealer.open(webhookSecretSubject(subscriptionId), sealedSecret);
  } catch (error) {
    if (error instanceof ContactUnreadableError) return null;
    throw error;
  }
}

function tooMany(): ProblemError {
  return new ProblemError('too_many_webhooks', `a tenant may have ${WEBHOOKS_PER_TENANT_MAX} webhooks`);
}
