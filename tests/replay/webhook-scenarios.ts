import { expect } from 'vitest';
import { WEBHOOK_SWEEP_WORKFLOW, webhookWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder } from '../support/faults/evidence.ts';
import { answerWith, orderEvent, publisherOf, startReceiver, subscribe } from '../support/http/webhook-receiver.ts';
import type { TestSystem } from '../support/system.ts';
import type { Recorded } from './recorded.ts';

/** Three events of one order at a receiver that takes the first one at its third attempt only. */
export async function webhooksOf(
  system: TestSystem,
  meanwhile: (subscriptionId: string, orderId: string) => Promise<void>,
): Promise<Recorded> {
  let failures = 2;
  const receiver = await startReceiver((_, response) => void response.writeHead(failures-- > 0 ? 500 : 200).end());
  const { id: subscriptionId } = await subscribe(system, receiver.url);
  const publish = publisherOf(system);
  const { orderId } = plannedOrder();
  for (const type of ['order.created', 'order.confirmed', 'order.refunded']) await publish(orderEvent(orderId, type));
  await meanwhile(subscriptionId, orderId);
  const workflowId = webhookWorkflowId({ subscriptionId, key: orderId });
  await system.client.workflow.getHandle(workflowId).result();
  receiver.close();
  return { where: system, workflowId };
}

/** Asks for the first delivery again while it is retried. */
export async function redeliverFirst(system: TestSystem, subscriptionId: string): Promise<void> {
  const path = `/v1/webhooks/${subscriptionId}/deliveries`;
  const state = async (): Promise<string | undefined> => (await deliveriesAt(system, path)).at(-1)?.state;
  await expect.poll(state).toBe('RETRYING');
  const first = (await deliveriesAt(system, path)).at(-1);
  await system.request(`${path}/${first?.id}/redeliver`, { method: 'POST' });
}

async function deliveriesAt(system: TestSystem, path: string): Promise<{ id: string; state: string }[]> {
  return (await system.request<{ items: { id: string; state: string }[] }>(path)).body.items;
}

/** One queue without a workflow, and one whose workflow runs. */
export async function sweepWebhooks(system: TestSystem): Promise<Recorded> {
  const receiver = await startReceiver(answerWith(500));
  const { id: subscriptionId } = await subscribe(system, receiver.url);
  const [first, second] = [plannedOrder().orderId, plannedOrder().orderId];
  for (const orderId of [first, second]) await publisherOf(system)(orderEvent(orderId, 'order.created'));
  const handle = system.client.workflow.getHandle(webhookWorkflowId({ subscriptionId, key: first }));
  const path = `/v1/webhooks/${subscriptionId}/deliveries?state=RETRYING`;
  await expect.poll(() => deliveriesAt(system, path)).toHaveLength(2);
  await handle.terminate('as if it had never been');
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET next_attempt_at = now() - interval '1 hour' WHERE subscription_id = $1`,
    [subscriptionId],
  );
  await system.client.workflow.execute(WEBHOOK_SWEEP_WORKFLOW, { workflowId: 'sweep-webhooks', taskQueue: 'orders' });
  await system.request(`/v1/webhooks/${subscriptionId}`, { method: 'DELETE' });
  receiver.close();
  return { where: system, workflowId: 'sweep-webhooks' };
}
