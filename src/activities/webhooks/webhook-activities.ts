import { activityInfo, log } from '@temporalio/activity';
import type {
  WebhookAttempt,
  WebhookDeliveryRepository,
  WebhookHead,
} from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import {
  WEBHOOK_RETRY_AFTER_MAX_MS,
  type WebhookDisabledReason,
  type WebhookQueue,
  webhookRetryDelayMs,
  webhookSecretSubject,
} from '../../domain/webhook.ts';
import type { WebhookSubscriptionRepository } from '../../../db/repositories/notifications/webhook-subscription-repository.ts';
import { assertNever, ContactUnreadableError, WebhookUndeliveredError } from '../../domain/errors.ts';
import type { LogFields } from '../../domain/log-fields.ts';
import type { TextSealer } from '../../domain/personal-data/text-sealer.ts';
import { createWebhookConcurrency } from './webhook-concurrency.ts';
import type { WebhookAnswer, WebhookGateway } from '../../gateways/webhook-gateway.ts';

/** The result of one attempt, for the metrics. */
export const WEBHOOK_OUTCOMES = [
  'delivered',
  'failed',
  'gave_up',
  'gone',
  'address_not_allowed',
  'secret_unreadable',
] as const;
export type WebhookOutcome = (typeof WEBHOOK_OUTCOMES)[number];

export interface WebhookActivityDeps {
  readonly subscriptions: WebhookSubscriptionRepository;
  readonly deliveries: WebhookDeliveryRepository;
  readonly gateway: WebhookGateway;
  readonly sealer: TextSealer;
  /** Seconds of failure after which a subscription is disabled. */
  readonly disableAfterSeconds: number;
  readonly onAttempt: (outcome: WebhookOutcome) => void;
  readonly onDisabled: (reason: WebhookDisabledReason) => void;
}

/** Attempts that find no free slot (webhook-concurrency.ts) come back after 1, 2, 4 ... 30 s, with jitter. */
const BUSY_DELAY_MS = { first: 1_000, longest: 30_000 } as const;

/** The queue whose next delivery is sent. */
interface NextDelivery extends WebhookQueue {
  /** A person asked for the queue: its next delivery is sent before its time, and a failure does not count as a try. */
  readonly isUrgent?: boolean;
  /** A person asked for this delivery: it is sent once, even out of turn. */
  readonly deliveryId?: string;
}

/** A retry counts as on time if Temporal starts it at most this early. */
const EARLY_MS = 250;

/** Steps that deliver webhooks to merchants. */
export function createWebhookActivities(deps: WebhookActivityDeps) {
  const { deliveries } = deps;
  const places = createWebhookConcurrency();
  return {
    /**
     * Effect: sends the oldest open delivery of the queue, or the requested one, once, and stores the result in its
     * row.
     * Key: the message id, by which the receiver recognizes a second copy.
     * Outcomes: delivered, given up, or nothing to deliver; a requested delivery also `not accepted`, and it then waits
     * in its place for its next attempt.
     * Failures: not accepted or too many attempts under way, retryable after the wait that the failure names; database,
     * retryable (a second copy may follow).
     * Undo: none.
     */
    async deliverWebhook({ isUrgent = false, deliveryId, ...queue }: NextDelivery): Promise<{ hasMore: boolean }> {
      const isNamed = deliveryId !== undefined;
      const next = isNamed ? await deliveries.findOpen(queue, deliveryId) : await deliveries.findHead(queue);
      // If the requested delivery is gone, the queue continues.
      if (next === null) return { hasMore: isNamed };
      if (next.subscriptionState !== 'ACTIVE') {
        await deliveries.cancelQueue(queue);
        return { hasMore: false };
      }
      if (isEarly(next)) {
        // This is a retry after a crash: the requested attempt has been made.
        if (isNamed) return { hasMore: true };
        if (!isUrgent) throw new WebhookUndeliveredError(next.deliveryId, 'its turn has not come', next.waitMs);
      }
      const giveBack = places.take({ ...queue, tenantId: next.tenantId });
      if (giveBack === null) throw new WebhookUndeliveredError(next.deliveryId, 'too many at once', busyDelayMs());
      try {
        const later = await settle(deps, { queue, head: next }, await attempt(deps, queue, next));
        if (later !== null && !isNamed) throw new WebhookUndeliveredError(next.deliveryId, later.why, later.retryInMs);
      } finally {
        giveBack();
      }
      return { hasMore: (await deliveries.findHead(queue)) !== null };
    },

    /**
     * Effect: none.
     * Outcomes: queues that no workflow works on.
     * Failures: database, left to the next sweep after some tries.
     */
    async listStrandedWebhooks(limits: {
      readonly pendingSeconds: number;
      readonly overdueSeconds: number;
      readonly limit: number;
    }): Promise<WebhookQueue[]> {
      return deliveries.listStranded(limits);
    },
  };
}

type Attempted = WebhookAnswer | { readonly kind: 'unsigned' };

async function attempt(deps: WebhookActivityDeps, queue: WebhookQueue, head: WebhookHead): Promise<Attempted> {
  const secret = openSecret(deps.sealer, queue, head);
  if (secret === null) return { kind: 'unsigned' };
  return deps.gateway.send({ messageId: head.deliveryId, url: head.url, secret, body: head.body });
}

/** Null when this worker does not have the key that sealed the secret. */
function openSecret(
  sealer: TextSealer,
  { subscriptionId }: WebhookQueue,
  { sealedSecret }: WebhookHead,
): string | null {
  if (sealedSecret === null) return null;
  try {
    return sealer.open(webhookSecretSubject(subscriptionId), sealedSecret);
  } catch (error) {
    if (error instanceof ContactUnreadableError) return null;
    throw error;
  }
}

/** The delivery that was sent, and its queue. */
interface QueuedDelivery {
  readonly queue: WebhookQueue;
  readonly head: WebhookHead;
}

/** When and why a delivery is tried again. */
interface Later {
  readonly why: string;
  readonly retryInMs: number;
}

/**
 * Stores the result of an attempt.
 * @returns null when the delivery is over, or its subscription disabled.
 */
async function settle(deps: WebhookActivityDeps, delivery: QueuedDelivery, answer: Attempted): Promise<Later | null> {
  const { queue, head } = delivery;
  const { deliveries, onAttempt } = deps;
  const noted: WebhookAttempt = { deliveryId: head.deliveryId, status: null, excerpt: null };
  switch (answer.kind) {
    case 'accepted':
      await deliveries.recordDelivered({ ...noted, status: answer.status, excerpt: answer.excerpt });
      onAttempt('delivered');
      return null;
    case 'gone':
      await deliveries.recordFailed({ ...noted, status: answer.status, excerpt: answer.excerpt }, 'status_410', null);
      onAttempt('gone');
      await disable(deps, queue, 'gone');
      return null;
    case 'refused':
      return retryLater(deps, delivery, {
        noted: { ...noted, status: answer.status, excerpt: answer.excerpt },
        why: `status_${answer.status}`,
        outcome: 'failed',
        askedForMs: Math.min(answer.retryAfterMs ?? 0, WEBHOOK_RETRY_AFTER_MAX_MS),
      });
    case 'silent':
      return retryLater(deps, delivery, {
        noted,
        why: answer.why,
        outcome: answer.why === 'address_not_allowed' ? 'address_not_allowed' : 'failed',
      });
    case 'unsigned':
      return retryLater(deps, delivery, { noted, why: 'secret_unreadable', outcome: 'secret_unreadable' });
    default:
      return assertNever(answer);
  }
}

interface Failed {
  readonly noted: WebhookAttempt;
  readonly why: string;
  readonly outcome: WebhookOutcome;
  /** For how long the receiver asks not to be called. */
  readonly askedForMs?: number;
}

/**
 * An attempt that came before its time does not count as a try: the next one keeps its time, unless the receiver asks
 * for a later one.
 */
async function retryLater(
  deps: WebhookActivityDeps,
  { queue, head }: QueuedDelivery,
  { noted, why, outcome, askedForMs = 0 }: Failed,
): Promise<Later | null> {
  const { deliveries, onAttempt } = deps;
  const retryInMs = isEarly(head)
    ? Math.max(head.waitMs, askedForMs)
    : webhookRetryDelayMs(head.attempts + 1, askedForMs);
  const failingSeconds = isEarly(head)
    ? await deliveries.recordFailedEarly(noted, why, askedForMs)
    : await deliveries.recordFailed(noted, why, retryInMs);
  onAttempt(retryInMs === null ? 'gave_up' : outcome);
  if (failingSeconds > deps.disableAfterSeconds) {
    await disable(deps, queue, 'failing');
    return null;
  }
  return retryInMs === null ? null : { why, retryInMs };
}

function isEarly({ waitMs }: WebhookHead): boolean {
  return waitMs > EARLY_MS;
}

async function disable(deps: WebhookActivityDeps, queue: WebhookQueue, reason: WebhookDisabledReason): Promise<void> {
  if (!(await deps.subscriptions.disable(queue.subscriptionId, reason))) return;
  log.warn('webhook subscription disabled', { subscriptionId: queue.subscriptionId, reason } satisfies LogFields);
  deps.onDisabled(reason);
}

function busyDelayMs(): number {
  const longest = Math.min(BUSY_DELAY_MS.longest, BUSY_DELAY_MS.first * 2 ** activityInfo().attempt);
  return BUSY_DELAY_MS.first + Math.random() * (longest - BUSY_DELAY_MS.first);
}
