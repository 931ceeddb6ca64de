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
import type { ListedSteps } from './steps/step-reports.ts';

/** The task queues. Workflows and their local steps run on `orders`, retried steps on their collaborator's queue. */
export const TASK_QUEUES = ['orders', 'inventory', 'payments', 'notifications', 'events'] as const;
export type TaskQueue = (typeof TASK_QUEUES)[number];

/** How an order workflow ended. `DUPLICATE`: the order belongs to an earlier workflow, and nothing was done. */
export interface OrderWorkflowResult extends ListedSteps {
  readonly status: OrderStatus | 'DUPLICATE';
}

/** The input of {@link WEBHOOK_WORKFLOW}: the queue, and the wishes that the run before has not carried out. */
export interface WebhookWorkflowInput extends WebhookQueue {
  /** A person asked for the queue in the run before, so its next delivery is sent before its time. */
  readonly isUrgent?: boolean;
  /** Deliveries that a person asked for in the run before. */
  readonly named?: readonly string[];
}

/** A command that {@link ORDER_COMMAND_WORKFLOW} carries out after the order's own workflow has closed. */
export interface OrderCommandInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  /** `repair` is no client's command: it gives back everything that an unsold order still holds or has paid. */
  readonly kind: CommandKind | 'repair';
  readonly command: OrderCommand;
  /** The amount of a capture or a refund; null means everything that is left. */
  readonly amountMinor: number | null;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
  readonly settings: OrderSettings;
  /** The order's trace; absent when it is not recorded. */
  readonly traceparent?: string;
  /** The order's status when the command was given; absent in commands of earlier versions. */
  readonly orderStatus?: OrderStatus;
  /** When the order was accepted, RFC 3339; absent in commands of earlier versions. */
  readonly placedAt?: string;
}

/** How a command workflow ended. */
export interface OrderCommandResult extends ListedSteps {
  readonly decision: CommandDecision;
}

/** The cases that {@link REDRIVE_WORKFLOW} tries again, and how fast. */
export interface RedriveWorkflowInput {
  readonly redriveId: string;
  readonly tenantId: string;
  readonly fingerprint: string;
  /** The number of cases that are tried before all others. */
  readonly canary: number;
  readonly maxPerSecond: number;
  readonly actor: string;
  readonly reason: string;
}

/** The progress of a redrive. `stopped`: a case failed again, and the rest was left alone. */
export interface RedriveProgress {
  readonly state: 'canary' | 'tenth' | 'rest' | 'done' | 'stopped';
  readonly tried: number;
  readonly resolved: number;
  readonly failedAgain: number;
}

/** Workflow types, as registered. */
export const ORDER_WORKFLOW = 'orderWorkflow';
export const SWEEP_WORKFLOW = 'sweepHoldsWorkflow';
export const ORDER_COMMAND_WORKFLOW = 'orderCommandWorkflow';
export const REDRIVE_WORKFLOW = 'redriveWorkflow';
export const EVENT_PUMP_WORKFLOW = 'eventPumpWorkflow';
export const ORDER_FEED_WORKFLOW = 'orderFeedWorkflow';
export const EVENT_MAINTENANCE_WORKFLOW = 'maintainEventLogWorkflow';

/** The id of the workflow that feeds orders into the event log. */
export const ORDER_FEED_ID = 'order-feed';
export const EVENT_MAINTENANCE_SCHEDULE_ID = 'maintain-event-log';
export const NOTIFICATION_WORKFLOW = 'notificationWorkflow';
export const NOTICE_WORKFLOW = 'noticeWorkflow';
export const NOTICE_SWEEP_WORKFLOW = 'sweepNoticesWorkflow';
export const DECISION_SWEEP_WORKFLOW = 'sweepDecisionsWorkflow';
export const WEBHOOK_WORKFLOW = 'webhookWorkflow';
export const WEBHOOK_SWEEP_WORKFLOW = 'sweepWebhooksWorkflow';

/** The workflow that finds decided commands without a workflow; also the id of its schedule. */
export const COMMAND_SWEEP_WORKFLOW = 'sweepCommandsWorkflow';
/** The schedule that finds decided commands without a workflow. */
export const COMMAND_SWEEP_SCHEDULE_ID = 'sweep-commands';

/** The schedule that expires overdue holds. */
export const SWEEP_SCHEDULE_ID = 'sweep-holds';

/** The schedule that handles providers' reports without an outcome. */
export const NOTICE_SWEEP_SCHEDULE_ID = 'sweep-payment-notices';
/** The schedule that delivers operators' decisions that were not carried out. */
export const DECISION_SWEEP_SCHEDULE_ID = 'sweep-case-decisions';

/** The workflow that checks some orders against the invariants, and the schedule that starts it. */
export const AUDIT_WORKFLOW = 'auditOrdersWorkflow';
export const AUDIT_SCHEDULE_ID = 'audit-orders';

/** The workflow that tells operators of cases and failed events by mail, and the schedule that starts it. */
export const OPERATOR_MAIL_WORKFLOW = 'mailOperatorsWorkflow';
export const OPERATOR_MAIL_SCHEDULE_ID = 'mail-operators';

/** The schedule that finds deliveries whose workflow was never started. */
export const WEBHOOK_SWEEP_SCHEDULE_ID = 'sweep-webhooks';

/** The workflow id of an order. It also makes a second start of the same order impossible. */
export function orderWorkflowId(orderId: string): string {
  return `order/${orderId}`;
}

/** The workflow id of a command that is carried out after the order's workflow has closed. */
export function orderCommandWorkflowId(orderId: string, commandId: string): string {
  return `order-command/${orderId}/${commandId}`;
}

/** The workflow id of a notice. Each report has its own, so reports about one order do not wait for each other. */
export function noticeWorkflowId(orderId: string, { provider, eventId }: NoticeKey): string {
  return `payment-notice/${orderId}/${provider}/${eventId}`;
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
 * The workflow id of a message that outlives its order, or of a further copy. The id of a mail does not contain the
 * channel, as in earlier versions.
 */
export function notificationWorkflowId(
  orderId: string,
  name: MessageName,
  {
    channel = 'email',
    copy,
  }: { readonly channel?: MessageChannel | undefined; readonly copy?: string | undefined } = {},
): string {
  const parts = [orderId, name, ...(channel === 'email' ? [] : [channel]), ...(copy === undefined ? [] : [copy])];
  return `notification/${parts.join('/')}`;
}

/**
 * The workflow id of a subscription's deliveries about one order. Only one runs at a time, so the deliveries stay in
 * order.
 */
export function webhookWorkflowId({ subscriptionId, key }: WebhookQueue): string {
  return `webhook/${subscriptionId}/${key}`;
}

/** The memo of an order workflow, which is readable while the order has no row yet. */
export interface OrderMemo {
  readonly tenantId: string;
  readonly requestHash: string;
  readonly correlationId: string;
  /** The subject of the token; absent in orders of earlier versions. */
  readonly placedBy?: string;
  /** Absent when the order is not traced. */
  readonly traceparent?: string;
}

/** The name of the correlation id in the memo of a workflow, and in a header to its activities. */
export const CORRELATION_MEMO = 'correlationId' satisfies keyof OrderMemo;
export const CORRELATION_HEADER = 'x-correlation-id';

/** The name of the W3C `traceparent` in the memo of a workflow, and in a header to its activities. */
export const TRACE_MEMO = 'traceparent' satisfies keyof OrderMemo;
export const TRACE_HEADER = 'traceparent';

/** A header to a workflow's activities: when it was started, in milliseconds of Unix time. */
export const STARTED_HEADER = 'workflow-started-at';

/** The name of the replay after a restore in the memo of a command that the replay has started again. */
export const REPLAY_MEMO = 'replayId';

/** Tries the parked step of an order again; without effect while no step is parked. */
export const resumeOrderSignal = defineSignal('resumeOrder');

/**
 * The answer of the order's own workflow to a command. `closed`: the order is on its last steps, and a command workflow
 * carries out the command.
 */
export type CommandReply = CommandDecision | 'closed';

/**
 * Why an Update with a command is refused. `command_pending`: the command waits already, because a signal delivered it.
 * `order_busy`: too many commands wait, and this one was not recorded.
 */
export const COMMAND_REFUSALS = { pending: 'command_pending', busy: 'order_busy' } as const;

/** Cancels the order and answers what will happen; a repeat under the same id gets the first answer. */
export const cancelOrderUpdate = defineUpdate<CommandReply, [OrderCommand]>('cancelOrder');

/** Delivers the same command when the Update was not answered in time; both may arrive. */
export const cancelOrderSignal = defineSignal<[OrderCommand]>('cancelOrderRequested');

/** Captures the authorized money or a part of it while the order waits for the capture. */
export const capturePaymentUpdate = defineUpdate<CommandReply, [CaptureCommand]>('capturePayment');

/** Delivers the same command when the Update was not answered in time; both may arrive. */
export const capturePaymentSignal = defineSignal<[CaptureCommand]>('capturePaymentRequested');

/** Delivers a decision about a case that is open in this workflow; refused when no case or another case is open. */
export const resolveCaseUpdate = defineUpdate<void, [CaseDecision]>('resolveCase');

/**
 * Delivers the same decision when the Update was not answered in time, or the decision was not carried out; both may
 * arrive.
 */
export const resolveCaseSignal = defineSignal<[CaseDecision]>('resolveCaseRequested');

/**
 * Tells the workflow that there is something to deliver. `at_once`: a person asked for it. The named delivery is then
 * sent now, even out of turn; without a name, the next delivery is sent before its time, and a failure does not count
 * as a try.
 */
export const webhookWakeSignal = defineSignal<['in_turn' | 'at_once', deliveryId?: string]>('webhookWake');

/** Pauses a consumer in all partitions, resumes it, or sets one partition's cursor back to a sequence. */
export const pauseConsumerSignal = defineSignal('pauseConsumer');
export const resumeConsumerSignal = defineSignal('resumeConsumer');
export const rewindCursorSignal = defineSignal<[number]>('rewindCursor');

/** Answers the progress of a redrive. */
export const redriveProgressQuery = defineQuery<RedriveProgress>('redriveProgress');

/**
 * After this time a workflow task of a dead worker is given to another one. The local steps of one pass take tens of
 * milliseconds, and the SDK extends the task while they run, so 5 s is the takeover time and not a limit on work. On a
 * machine that is too slow for it, orders are started with more (`createEagerSlots()`).
 */
export const WORKFLOW_TASK_TIMEOUT_MS = 5_000;
