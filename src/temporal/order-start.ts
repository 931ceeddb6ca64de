import { defaultPayloadConverter, type Client } from '@temporalio/client';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import { orderWorkflowId } from '../workflows/contract.ts';

/** What an order's workflow was started with, and when. */
export interface OrderStart {
  readonly input: OrderWorkflowInput;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** Reads the first event of an order's workflow; null when its history has none that shows an input. */
export async function readOrderStart(client: Client, orderId: string): Promise<OrderStart | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId: orderWorkflowId(orderId) },
    maximumPageSize: 1,
  });
  const [event] = history?.events ?? [];
  const [payload] = event?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  if (payload === undefined) return null;
  return {
    input: defaultPayloadConverter.fromPayload<OrderWorkflowInput>(payload),
    startedAt: instantOf(event?.eventTime ?? {}),
  };
}

/** Whole milliseconds; what is left out is 0. */
function instantOf({ seconds, nanos }: { readonly seconds?: unknown; readonly nanos?: number | null }): string {
  return new Date(Number(seconds ?? 0) * 1_000 + Math.floor((nanos ?? 0) / 1e6)).toISOString();
}
