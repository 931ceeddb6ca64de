import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CaseDecision } from '../domain/case.ts';
import type { CaptureCommand, CommandDecision, CommandKind, OrderCommand } from '../domain/command.ts';
import type { EventPump } from '../domain/event.ts';
import type { MessageChannel, MessageName } from '../domain/notification.ts';
import type { OrderRequest } from '../domain/order.ts';
import type { OrderSettings } from '../domain/order-settings.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import type { NoticeKey } from '../domain/payments/payment-notice.ts';
import type { SealedContact } from '../domain/personal-data/contact-sealer.ts';
import type { WebhookQueue } from '../domain/webhook.ts';

/** Task queues: workflows and their local steps run on `orders`, retried steps on their collaborator's queue. */
export const TASK_QUEUES = ['orders', 'inventory', 'payments', 'notifications', 'events'] as const;
export type TaskQueue = (typeof TASK_QUEUES)[number];

/** How an order workflow ended. `DUPLICATE`: the order belongs to an earlier workflow, nothing was done. */
export interface OrderWorkflowResult {
  readonly status: OrderStatus | 'DUPLICATE';
}

/** The input of {@link WEBHOOK_WORKFLOW}: whose deliveries they are, and what the run before has left to do. */
export interface WebhookWorkflowInput extends WebhookQueue {
  /** A person asked for it in the run before: what is next does not wait for its time. */
  readonly isUrgent?: boolean;
  /** Deliveries that a person asked for in the run before. */
  readonly named?: readonly string[];
}

/** Input of {@link SETTLE_WORKFLOW}: carries out a command of an order whose own workflow has closed. */
export interface SettleWorkflowInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  /** `repair`: gives back whatever an order that is not sold still holds or has paid, on behalf of nobody's command. */
  readonly kind: CommandKind | 'repair';
  readonly command: OrderCommand;
  /** Of a capture or a refund; null is all that is left. */
  readonly amountMinor: number | null;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
  readonly settings: OrderSettings;
}

/** How a settle workflow ended. */
export interface SettleWorkflowResult {
  readonly decision: CommandDecision;
}

/** Input of {@link REDRIVE_WORKFLOW}. */
export interface RedriveWorkflowInput {
  readonly redriveId: string;
  readonly tenantId: string;
  readonly fingerprint: string;
  /** Cases that are tried before any other. */
  readonly canary: number;
  readonly maxPerSecond: number;
  readonly actor: string;
  readonly reason: string;
}

/** How far a redrive is. `stopped`: cases failed again, the rest was left alone. */
export interface RedriveProgress {
  readonly state: 'canary' | 'tenth' | 'rest' | 'done' | 'stopped';
  readonly tried: number;
  readonly resolved: number;
  readonly failedAgain: number;
}

/** Workflow types, as registered. */
export const ORDER_WORKFLOW = 'orderWorkflow';
export const SWEEP_WORKFLOW = 'sweepHoldsWorkflow';
export const SETTLE_WORKFLOW = 'settleWorkflow';
export const REDRIVE_WORKFLOW = 'redriveWorkflow';
export const EVENT_PUMP_WORKFLOW = 'eventPumpWorkflow';
export const ORDER_FEED_WORKFLOW = 'orderFeedWorkflow';
export const EVENT_MAINTENANCE_WORKFLOW = 'maintainEventLogWorkflow';

/** Workflow id of the feed of orders into the event log, and of the schedule that looks after the log. */
export const ORDER_FEED_ID = 'order-feed';
export const EVENT_MAINTENANCE_SCHEDULE_ID = 'maintain-event-log';
export const NOTIFICATION_WORKFLOW = 'notificationWorkflow';
export const NOTICE_WORKFLOW = 'noticeWorkflow';
export const NOTICE_SWEEP_WORKFLOW = 'sweepNoticesWorkflow';
export const DECISION_SWEEP_WORKFLOW = 'sweepDecisionsWorkflow';
export const WEBHOOK_WORKFLOW = 'webhookWorkflow';
export const WEBHOOK_SWEEP_WORKFLOW = 'sweepWebhooksWorkflow';

/** Workflow that finds commands that were decided and are carried by nobody, and the id of its schedule. */
export const COMMAND_SWEEP_WORKFLOW = 'sweepCommandsWorkflow';
/** Schedule that finds commands that were decided and are carried by nobody. */
export const COMMAND_SWEEP_SCHEDULE_ID = 'sweep-commands';

/** Schedule that expires overdue holds. */
export const SWEEP_SCHEDULE_ID = 'sweep-holds';

/** Schedule that sees to providers' reports that nothing became of yet. */
export const NOTICE_SWEEP_SCHEDULE_ID = 'sweep-payment-notices';
/** Schedule that hands over operators' decisions that were not carried out. */
export const DECISION_SWEEP_SCHEDULE_ID = 'sweep-case-decisions';

/** Schedule that finds deliveries whose workflow was never started. */
export const WEBHOOK_SWEEP_SCHEDULE_ID = 'sweep-webhooks';

/** Workflow id of an order: also what makes a second start of the same order impossible. */
export function orderWorkflowId(orderId: string): string {
  return `order/${orderId}`;
}

/** Workflow id of a command that is carried out after the order's workflow has closed. */
export function settleWorkflowId(orderId: string, commandId: string): string {
  return `settle/${orderId}/${commandId}`;
}

/** Workflow id of a notice: the reports of one order do not wait for each other. */
export function noticeWorkflowId(orderId: string, { provider, eventId }: NoticeKey): string {
  return settleWorkflowId(orderId, `notice/${provider}/${eventId}`);
}

/** Workflow id of a redrive. */
export function redriveWorkflowId(redriveId: string): string {
  return `redrive/${redriveId}`;
}

/** Workflow id of the pump of one partition. */
export function eventPumpWorkflowId({ consumer, partition }: EventPump): string {
  return `event-pump/${consumer}/${partition}`;
}

/**
 * Workflow id of a message that outlives its order, or of a further copy of one; that of a mail has no channel in it, as
 * in earlier versions.
 */
export function notificationWorkflowId(
  orderId: string,
  name: MessageName,
  channel: MessageChannel = 'email',
  copy?: string,
): string {
  const parts = [orderId, name, ...(channel === 'email' ? [] : [channel]), ...(copy === undefined ? [] : [copy])];
  return `notification/${parts.join('/')}`;
}

/** Workflow id of a subscription's deliveries about one order: there is one at a time, so they stay in order. */
export function webhookWorkflowId({ subscriptionId, key }: WebhookQueue): string {
  return `webhook/${subscriptionId}/${key}`;
}

/** Memo of an order workflow: readable while the order has no row yet. */
export interface OrderMemo {
  readonly tenantId: string;
  readonly requestHash: string;
  readonly correlationId: string;
}

/** Where the correlation id travels: in the memo of a workflow, and in a header to its activities. */
export const CORRELATION_MEMO = 'correlationId' satisfies keyof OrderMemo;
export const CORRELATION_HEADER = 'x-correlation-id';

/** The step an order is parked on; absent while it is not parked. */
export const CASE_KIND = defineSearchAttributeKey('CaseKind', SearchAttributeType.KEYWORD);

/** Tries the parked step of an order again; without effect while nothing is parked. */
export const resumeOrderSignal = defineSignal('resumeOrder');

/** What the order's own workflow says to a command; `closed`: it is on its last steps, the command goes on as settle. */
export type CommandReply = CommandDecision | 'closed';

/** Why an Update with a command is not taken: it goes on waiting as the signal it came by, or was not noted at all. */
export const COMMAND_REFUSALS = { pending: 'command_pending', busy: 'order_busy' } as const;

/** Cancels the order and answers what will happen; repeated under its id it answers as the first time. */
export const cancelOrderUpdate = defineUpdate<CommandReply, [OrderCommand]>('cancelOrder');

/** The same command when nobody answered the Update in time; both may arrive. */
export const cancelOrderSignal = defineSignal<[OrderCommand]>('cancelOrderRequested');

/** Takes the authorized money, or a part of it, while the order awaits it. */
export const capturePaymentUpdate = defineUpdate<CommandReply, [CaptureCommand]>('capturePayment');

/** The same command when nobody answered the Update in time; both may arrive. */
export const capturePaymentSignal = defineSignal<[CaptureCommand]>('capturePaymentRequested');

/** Takes a decision about a case that is open here; refused when there is none, or another one. */
export const resolveCaseUpdate = defineUpdate<void, [CaseDecision]>('resolveCase');

/** The same decision when nobody answered the Update in time, or it was not carried out; both may arrive. */
export const resolveCaseSignal = defineSignal<[CaseDecision]>('resolveCaseRequested');

/**
 * There is something to deliver. `at_once`: a person asked for it; the delivery that is named is sent now, also out of
 * its turn, or without a name what is next is tried before its time, which costs it no try.
 */
export const webhookWakeSignal = defineSignal<['in_turn' | 'at_once', deliveryId?: string]>('webhookWake');

/** Stops a consumer in all partitions, lets it go on, or sets one partition back so that a sequence is next. */
export const pauseConsumerSignal = defineSignal('pauseConsumer');
export const resumeConsumerSignal = defineSignal('resumeConsumer');
export const rewindCursorSignal = defineSignal<[number]>('rewindCursor');

/** How far a redrive is. */
export const redriveProgressQuery = defineQuery<RedriveProgress>('redriveProgress');

/**
 * A workflow task that a dead worker held is given to another one after this. Local steps of one pass take tens
 * of milliseconds, and the SDK extends the task while they run, so 5 s is the takeover time, not a limit on work.
 */
export const WORKFLOW_TASK_TIMEOUT_MS = 5_000;
