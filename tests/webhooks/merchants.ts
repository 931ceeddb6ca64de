import { randomUUID } from 'node:crypto';
import { orderIdFor } from '../../src/domain/ids.ts';
import { webhookWorkflowId } from '../../src/workflows/contract.ts';
import {
  accept,
  publisherOf,
  startReceiver,
  subscribe,
  type WebhookReceiver,
  type WebhookReply,
} from '../support/http/webhook-receiver.ts';
import type { TestSystem } from '../support/system.ts';

interface DeliveryRow {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly excerpt: string | null;
}

/** The id of an order that nobody has posted. */
export const newOrder = (): string => orderIdFor('demo', randomUUID());

/** Merchants that subscribe to events of a system, and what is stored about their deliveries. */
export type Merchants = ReturnType<typeof createMerchants>;

/** Merchants of one test file; they leave after each test. */
export function createMerchants(system: TestSystem) {
  const receivers: WebhookReceiver[] = [];
  const subscriptions: string[] = [];

  async function merchant(reply: WebhookReply = accept, events?: readonly string[]) {
    const receiver = await startReceiver(reply);
    receivers.push(receiver);
    const subscription = await subscribe(system, receiver.url, { events });
    subscriptions.push(subscription.id);
    return { receiver, ...subscription };
  }

  function deliveriesOf(subscriptionId: string): Promise<DeliveryRow[]> {
    return system.database.query<DeliveryRow>(
      `SELECT delivery_id AS id, event_type AS type, state, attempts, last_status AS "lastStatus", last_error AS "lastError",
       response_excerpt AS excerpt
     FROM notifications.webhook_deliveries WHERE subscription_id = $1 ORDER BY seq`,
      [subscriptionId],
    );
  }

  return {
    publish: publisherOf(system),
    merchant,
    deliveriesOf,
    statesOf: async (subscriptionId: string) => (await deliveriesOf(subscriptionId)).map(({ state }) => state),
    workflowOf: (subscriptionId: string, key: string) =>
      system.client.workflow.getHandle(webhookWorkflowId({ subscriptionId, key })),
    subscriptionRow: async (id: string): Promise<Record<string, unknown>> => {
      const [row] = await system.database.query<Record<string, unknown>>(
        'SELECT state, disabled_reason, failing_since FROM notifications.webhook_subscriptions WHERE subscription_id = $1',
        [id],
      );
      return row ?? {};
    },
    leave: async (): Promise<void> => {
      for (const id of subscriptions.splice(0)) await system.request(`/v1/webhooks/${id}`, { method: 'DELETE' });
      for (const receiver of receivers.splice(0)) receiver.close();
    },
  };
}
