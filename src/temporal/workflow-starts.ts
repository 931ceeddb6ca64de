import { WorkflowExecutionAlreadyStartedError, type Client, type WorkflowStartOptions } from '@temporalio/client';
import type { OrderRecord } from '../../db/repositories/orders/order-record.ts';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import type { NotificationWorkflowInput } from '../domain/notification.ts';
import type { OrderSettings } from '../domain/order-settings.ts';
import type { NoticeWorkflowInput } from '../domain/payments/payment-notice.ts';
import type { WebhookQueue } from '../domain/webhook.ts';
import {
  CORRELATION_MEMO,
  REPLAY_MEMO,
  TRACE_MEMO,
  NOTICE_WORKFLOW,
  NOTIFICATION_WORKFLOW,
  noticeWorkflowId,
  notificationWorkflowId,
  ORDER_WORKFLOW,
  orderWorkflowId,
  REDRIVE_WORKFLOW,
  redriveWorkflowId,
  ORDER_COMMAND_WORKFLOW,
  orderCommandWorkflowId,
  WEBHOOK_WORKFLOW,
  webhookWakeSignal,
  webhookWorkflowId,
  WORKFLOW_TASK_TIMEOUT_MS,
  type OrderMemo,
  type RedriveWorkflowInput,
  type OrderCommandInput,
} from '../workflows/contract.ts';
import { attributesOf } from '../workflows/search-attributes.ts';
import { inSpan } from '../runtime/tracing/spans.ts';
import { callWithin } from './calls.ts';

/** `exists`: a workflow with this id runs, or has ended and is not started again. */
export type StartOutcome = 'started' | 'exists';

/** The trace of an order, in its workflow's memo; nothing when the order is not traced. */
function traced({ traceparent }: { readonly traceparent?: string | null }): { readonly [TRACE_MEMO]?: string } {
  return traceparent == null ? {} : { [TRACE_MEMO]: traceparent };
}

/** A workflow with an id of its own, which makes a repeated start harmless. */
interface WorkflowToStart {
  readonly type: string;
  readonly workflowId: string;
  readonly input: object;
  readonly memo: Readonly<Record<string, unknown>>;
  /** What the Web UI shows. */
  readonly summary: string;
  /** What the Web UI and batch operations find the workflow by. */
  readonly attributes: NonNullable<WorkflowStartOptions['typedSearchAttributes']>;
  /** Whether a workflow with this id that has ended is started again. */
  readonly reuse: NonNullable<WorkflowStartOptions['workflowIdReusePolicy']>;
}

/**
 * Starts a workflow unless its id is taken.
 * @param limitMs How long Temporal may take; undefined when the caller has its own limits.
 * @throws An error that `isNoAnswer` recognizes when Temporal does not answer: the workflow may have started.
 */
async function startOnce(client: Client, workflow: WorkflowToStart, limitMs?: number): Promise<StartOutcome> {
  const begin = () => startUnlessTaken(client, workflow, {});
  const started = await (limitMs === undefined ? begin() : callWithin(limitMs, client, begin));
  return started === null ? 'exists' : 'started';
}

/** Starts a workflow; null when its id is taken. */
async function startUnlessTaken(
  client: Client,
  { type, workflowId, input, memo, summary, attributes, reuse }: WorkflowToStart,
  more: Pick<WorkflowStartOptions, 'requestEagerStart' | 'workflowTaskTimeout'>,
): Promise<{ readonly eagerlyStarted: boolean } | null> {
  const options: WorkflowStartOptions = {
    workflowId,
    taskQueue: 'orders',
    args: [input],
    workflowIdReusePolicy: reuse,
    workflowIdConflictPolicy: 'FAIL',
    memo: { ...memo },
    staticSummary: summary,
    typedSearchAttributes: attributes,
    ...more,
  };
  try {
    const span = { name: `start ${type}`, kind: 'CLIENT', attributes: { 'temporal.workflow_id': workflowId } } as const;
    return await inSpan(span, () => client.workflow.start(type, options));
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

/** How an order is started. */
interface OrderStart {
  /** Whether a worker of this process, on the same native connection, may take the first task at once. */
  readonly isEager: boolean;
  /** How long one workflow task may take before it is given to another worker. */
  readonly taskTimeoutMs?: number | undefined;
}

/** How a new order reached its worker: in the answer to the start, or over the task queue. */
export type Dispatch = 'eager' | 'queue';

/**
 * Starts the workflow of an order. The caller limits the call and waits for a busy Temporal.
 * @returns `exists` when this order id was started before.
 */
export async function startOrder(
  client: Client,
  order: OrderWorkflowInput,
  { isEager, taskTimeoutMs = WORKFLOW_TASK_TIMEOUT_MS }: OrderStart,
): Promise<Dispatch | 'exists'> {
  const { orderId, tenantId, requestHash, correlationId, placedBy, request } = order;
  const placer = placedBy === undefined ? {} : { placedBy };
  const memo: OrderMemo = { tenantId, requestHash, correlationId, ...placer, ...traced(order) };
  const started = await startUnlessTaken(
    client,
    {
      type: ORDER_WORKFLOW,
      workflowId: orderWorkflowId(orderId),
      input: order,
      memo: { ...memo },
      summary: `Order ${orderId}: ${request.lines.length} line(s), ${request.currency}`,
      attributes: attributesOf({ tenantId, status: 'PENDING', placedAt: new Date() }),
      reuse: 'REJECT_DUPLICATE',
    },
    { workflowTaskTimeout: taskTimeoutMs, ...(isEager ? { requestEagerStart: true } : {}) },
  );
  if (started === null) return 'exists';
  return started.eagerlyStarted ? 'eager' : 'queue';
}

/** Options for the start of a command. */
interface OrderCommandStart {
  /** Undefined when the caller has its own limits. */
  readonly limitMs?: number;
  /** Whether the command's workflow is known to have ended and left the command open, so that it is started again. */
  readonly isLeftOpen?: boolean;
  /** The replay after a restore that starts the command again. */
  readonly replayId?: string;
}

/** Starts the workflow that carries out a command: the API at once, or a sweep or a repair later. */
export function startOrderCommand(
  client: Client,
  input: OrderCommandInput,
  { limitMs, isLeftOpen = false, replayId }: OrderCommandStart,
): Promise<StartOutcome> {
  const { orderId, tenantId, correlationId, kind, command, orderStatus: status, placedAt } = input;
  const workflow: WorkflowToStart = {
    type: ORDER_COMMAND_WORKFLOW,
    workflowId: orderCommandWorkflowId(orderId, command.commandId),
    input,
    memo: {
      tenantId,
      [CORRELATION_MEMO]: correlationId,
      ...traced(input),
      ...(replayId === undefined ? {} : { [REPLAY_MEMO]: replayId }),
    },
    summary: `${kind} of ${orderId}`,
    attributes: attributesOf({ tenantId, status, placedAt: placedAt === undefined ? null : new Date(placedAt) }),
    reuse: isLeftOpen ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
  };
  return startOnce(client, workflow, limitMs);
}

/** The input of a command workflow, made from the order's row. */
export function orderCommandInput(
  { kind, amountMinor, command }: Pick<OrderCommandInput, 'kind' | 'amountMinor' | 'command'>,
  order: OrderRecord,
  settings: OrderSettings,
): OrderCommandInput {
  const { orderId, tenantId, correlationId, sealedContact } = order;
  const { customerId, currency, lines, paymentMethod, captureMode, reference } = order;
  const request = { customerId, currency, lines, paymentMethod, captureMode, reference, expectedTotalMinor: null };
  const attributes = { orderStatus: order.status, placedAt: order.createdAt.toISOString() };
  const about = { orderId, tenantId, correlationId, sealedContact, ...traced(order), ...attributes };
  return { ...about, settings, command, kind, amountMinor, request };
}

/** Starts the workflow that tries the parked orders of one cause again. */
export function startRedrive(client: Client, input: RedriveWorkflowInput, limitMs: number): Promise<StartOutcome> {
  const { redriveId, tenantId, fingerprint } = input;
  const workflow: WorkflowToStart = {
    type: REDRIVE_WORKFLOW,
    workflowId: redriveWorkflowId(redriveId),
    input,
    memo: { tenantId },
    summary: `Redrive of ${fingerprint}`,
    attributes: attributesOf({ tenantId }),
    reuse: 'REJECT_DUPLICATE',
  };
  return startOnce(client, workflow, limitMs);
}

/** A further copy of a message, with its own id, and the order whose correlation id and trace it has. */
export interface MessageCopy {
  readonly message: NotificationWorkflowInput;
  readonly order: Pick<OrderRecord, 'correlationId' | 'traceparent'>;
}

/** Starts the workflow that mails a further copy of a message. The workflow id holds the copy's id. */
export function startMessageCopy(
  client: Client,
  { message, order }: MessageCopy,
  limitMs: number,
): Promise<StartOutcome> {
  const { orderId, tenantId, template, copy } = message;
  const workflow: WorkflowToStart = {
    type: NOTIFICATION_WORKFLOW,
    workflowId: notificationWorkflowId(orderId, template, { copy }),
    input: message,
    memo: { tenantId, [CORRELATION_MEMO]: order.correlationId, ...traced(order) },
    summary: `Message ${template} of ${orderId}, once more`,
    attributes: attributesOf({ tenantId }),
    reuse: 'REJECT_DUPLICATE',
  };
  return startOnce(client, workflow, limitMs);
}

/** Starts the workflow that handles a payment provider's report about an order. */
export function startNotice(client: Client, input: NoticeWorkflowInput, limitMs: number): Promise<StartOutcome> {
  const { notice, orderId, tenantId, correlationId } = input;
  const workflow: WorkflowToStart = {
    type: NOTICE_WORKFLOW,
    workflowId: noticeWorkflowId(orderId, notice),
    input,
    memo: { tenantId, [CORRELATION_MEMO]: correlationId, ...traced(input) },
    summary: `Notice of ${orderId}`,
    attributes: attributesOf({ tenantId }),
    reuse: 'ALLOW_DUPLICATE',
  };
  return startOnce(client, workflow, limitMs);
}

/** A signal takes milliseconds; the consumer of events repeats the event after a longer silence. */
const WAKE_WITHIN_MS = 3_000;

/** What wakes the workflow of a queue of webhooks. */
interface WebhookWake {
  /** The delivery to send now; without it the queue goes on in its order. */
  readonly deliveryId?: string;
  /** The trace of the event; the first event of a queue gives the workflow its trace. */
  readonly traceparent?: string | null | undefined;
  readonly correlationId?: string;
}

/** Starts or wakes the workflow of a queue of webhooks. */
export async function wakeWebhookQueue(client: Client, queue: WebhookQueue, wake: WebhookWake = {}): Promise<void> {
  const { deliveryId, traceparent = null, correlationId } = wake;
  await callWithin(WAKE_WITHIN_MS, client, () =>
    client.workflow.signalWithStart(WEBHOOK_WORKFLOW, {
      workflowId: webhookWorkflowId(queue),
      taskQueue: 'orders',
      args: [queue],
      signal: webhookWakeSignal,
      signalArgs: deliveryId === undefined ? ['in_turn'] : ['at_once', deliveryId],
      memo: {
        ...(correlationId === undefined ? {} : { [CORRELATION_MEMO]: correlationId }),
        ...traced({ traceparent }),
      },
      staticSummary: `Webhooks about ${queue.key}`,
    }),
  );
}
