import { defaultPayloadConverter, type Client, type Payload } from '@temporalio/client';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import { orderWorkflowId } from '../workflows/contract.ts';

/** The input and the time of a workflow's start. */
export interface OrderStart {
  readonly input: OrderWorkflowInput;
  /** An ISO 8601 time. */
  readonly startedAt: string;
}

/** Reads the first event of an order's workflow; null when its history does not show an input. */
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
    input: defaultPayloadConverter.fromPayload<OrderWorkflowInput>(await opened(client, payload)),
    startedAt: instantOf(event?.eventTime ?? {}),
  };
}

/** The payload of a raw history, which the client has not decoded. */
async function opened(client: Client, payload: Payload): Promise<Payload> {
  let payloads = [payload];
  for (const codec of client.options.loadedDataConverter.payloadCodecs.toReversed()) {
    payloads = await codec.decode(payloads);
  }
  return payloads[0] ?? payload;
}

/** The time in whole milliseconds; missing parts count as 0. */
function instantOf({ seconds, nanos }: { readonly seconds?: unknown; readonly nanos?: number | null }): string {
  return new Date(Number(seconds ?? 0) * 1_000 + Math.floor((nanos ?? 0) / 1e6)).toISOString();
}
