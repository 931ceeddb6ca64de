import type { WebhookDeliveryRepository } from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import { DatabaseContractError, DatabaseUnavailableError } from '../../domain/errors.ts';
import type { LoggedEvent } from '../../domain/event.ts';
import { webhookDeliveryIdFor, type WebhookQueue } from '../../domain/webhook.ts';
import { EventFailure } from '../../events/event-failure.ts';
import type { EventPorts } from '../../events/ports.ts';

/** Asks for everything, also for event types of later versions. */
const ALL_EVENTS = 'order.*';

/**
 * Creates the way from the event log to the webhooks: first the rows, then the workflows that deliver them. May be
 * called for the same event again: what is stored stays, and a signal that was lost is sent again.
 */
export function createWebhookPublisher(deps: {
  readonly repository: WebhookDeliveryRepository;
  /** Starts or wakes the workflow that delivers what a queue holds. */
  readonly wake: (queue: WebhookQueue) => Promise<void>;
}): Pick<EventPorts, 'publishToWebhooks'> {
  const { repository, wake } = deps;
  return {
    publishToWebhooks: async (event) => {
      try {
        const wanting = await repository.listWanting(event.tenantId, [event.type, ALL_EVENTS]);
        if (wanting.length === 0) return 0;
        const open = await offer(repository, event, wanting);
        await Promise.all(open.map((subscriptionId) => wake({ subscriptionId, key: event.key })));
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

/** What no retry can mend reaches the consumer as it is. */
function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof DatabaseContractError;
}

function unavailable(error: unknown): EventFailure {
  const what = error instanceof DatabaseUnavailableError ? 'the database' : 'Temporal';
  return new EventFailure('effect_unavailable', `${what} does not answer: the webhooks are not on their way`, {
    cause: error,
  });
}
