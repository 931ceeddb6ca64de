import type { WebhookDeliveryRepository } from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import { DatabaseContractError, DatabaseUnavailableError } from '../../domain/errors.ts';
import { topicOf, type LoggedEvent } from '../../domain/event.ts';
import { webhookDeliveryIdFor, type WebhookQueue } from '../../domain/webhook.ts';
import { EventFailure } from '../../events/event-failure.ts';
import type { EventPorts } from '../../events/ports.ts';

/** The request that an event comes from, and its trace if it is recorded. */
type EventOrigin = Pick<LoggedEvent, 'traceparent' | 'correlationId'>;

/**
 * Hands events of the log to the webhooks: first the rows are stored, then the workflows that deliver them are woken.
 * It may be called for the same event again: stored rows stay, and a lost signal is sent again.
 */
export function createWebhookPublisher(deps: {
  readonly repository: WebhookDeliveryRepository;
  /** Starts or wakes the workflow that delivers the queue, which belongs to what the event comes from. */
  readonly wake: (queue: WebhookQueue, origin: EventOrigin) => Promise<void>;
}): Pick<EventPorts, 'publishToWebhooks'> {
  const { repository, wake } = deps;
  return {
    publishToWebhooks: async (event) => {
      try {
        const wanting = await repository.listWanting(event.tenantId, [event.type, `${topicOf(event.type)}.*`]);
        if (wanting.length === 0) return 0;
        const open = await offer(repository, event, wanting);
        const { key, traceparent = null, correlationId } = event;
        await Promise.all(open.map((subscriptionId) => wake({ subscriptionId, key }, { traceparent, correlationId })));
        return wanting.length;
      } catch (error) {
        throw isBug(error) ? error : unavailable(error);
      }
    },
  };
}

function offer(
  repository: WebhookDeliveryRepository,
  event: LoggedEvent,
  subscriptionIds: readonly string[],
): Promise<string[]> {
  const offered = subscriptionIds.toSorted().map((subscriptionId) => ({
    subscriptionId,
    deliveryId: webhookDeliveryIdFor(subscriptionId, event.eventId),
  }));
  const { tenantId, eventId, type, key, occurredAt, properties } = event;
  const body = JSON.stringify({ type, timestamp: occurredAt.toISOString(), data: properties });
  return repository.offer({ tenantId, eventId, eventType: type, eventKey: key, body }, offered);
}

/** An error that no retry can fix reaches the consumer unchanged. */
function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof DatabaseContractError;
}

function unavailable(error: unknown): EventFailure {
  const what = error instanceof DatabaseUnavailableError ? 'the database' : 'Temporal';
  return new EventFailure('effect_unavailable', `${what} does not answer: the webhooks are not on their way`, {
    cause: error,
  });
}
