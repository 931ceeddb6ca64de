import type { Client } from '@temporalio/client';
import type { WebhookDeliveryRepository } from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import { type WebhookQueue, webhookDeliveryIdFor } from '../../domain/webhook.ts';
import { callWithin } from '../../runtime/deadline.ts';
import { DatabaseContractError, DatabaseUnavailableError } from '../../domain/errors.ts';
import type { LoggedEvent } from '../../domain/event.ts';
import { EventFailure } from '../../events/event-failure.ts';
import type { EventPorts } from '../../events/ports.ts';
import { WEBHOOK_WORKFLOW, webhookWakeSignal, webhookWorkflowId } from '../../workflows/contract.ts';

/** A signal takes milliseconds; the consumer repeats the event after a longer silence. */
const SIGNAL_TIMEOUT_MS = 3_000;

/** Asks for everything, also for event types of later versions. */
const ALL_EVENTS = 'order.*';

/** Starts or wakes the workflow of a queue; with a delivery's id to send that one now. */
export async function wakeWebhookQueue(client: Client, queue: WebhookQueue, deliveryId?: string): Promise<void> {
  await callWithin(SIGNAL_TIMEOUT_MS, client, () =>
    client.workflow.signalWithStart(WEBHOOK_WORKFLOW, {
      workflowId: webhookWorkflowId(queue),
      taskQueue: 'orders',
      args: [queue],
      signal: webhookWakeSignal,
      signalArgs: deliveryId === undefined ? ['in_turn'] : ['at_once', deliveryId],
      staticSummary: `Webhooks about ${queue.key}`,
    }),
  );
}

/**
 * Creates the way from the event log to the webhooks: first the rows, then the workflows that deliver them. May be
 * called for the same event again: what is stored stays, and a signal that was lost is sent again.
 */
export function createWebhookPublisher(deps: {
  readonly repository: WebhookDeliveryRepository;
  readonly client: Client;
}): Pick<EventPorts, 'publishToWebhooks'> {
  const { repository, client } = deps;
  return {
    publishToWebhooks: async (event) => {
      try {
        const wanting = await repository.listWanting(event.tenantId, [event.type, ALL_EVENTS]);
        if (wanting.length === 0) return 0;
        const open = await offer(repository, event, wanting);
        await Promise.all(open.map((subscriptionId) => wakeWebhookQueue(client, { subscriptionId, key: event.key })));
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
