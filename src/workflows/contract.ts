import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineSignal } from '@temporalio/workflow';
import type { SealedContact } from '../domain/contact-sealer.ts';
import type { MessageTemplate } from '../domain/notification.ts';
import type { OrderRequest } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';

/** Task queues: workflows and their local steps run on `orders`, retried steps on their collaborator's queue. */
export const TASK_QUEUES = ['orders', 'inventory', 'payments', 'notifications'] as const;
export type TaskQueue = (typeof TASK_QUEUES)[number];

/** Collaborators whose steps may be moved out of the order worker. */
export const COLLABORATORS = ['payment', 'inventory', 'notification'] as const;
export type Collaborator = (typeof COLLABORATORS)[number];

/** Where a collaborator's steps run first: in the workflow's own worker, or on the collaborator's queue only. */
export const PLACEMENTS = ['local', 'queue'] as const;
export type Placement = (typeof PLACEMENTS)[number];
export type StepPlacement = Readonly<Record<Collaborator, Placement>>;

/** Settings that an order carries with it, so that a replay never depends on a worker's configuration. */
export interface OrderSettings {
  readonly placement: StepPlacement;
  /** How long stock stays held for an order that is not paid. */
  readonly holdTtlSeconds: number;
}

/** Input of {@link ORDER_WORKFLOW}. */
export interface OrderWorkflowInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly correlationId: string;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
  readonly settings: OrderSettings;
}

/** How an order workflow ended. `DUPLICATE`: the order belongs to an earlier workflow, nothing was done. */
export interface OrderWorkflowResult {
  readonly status: OrderStatus | 'DUPLICATE';
}

/** Input of the abandoned child that delivers a message after its order is closed. */
export interface NotificationWorkflowInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly template: MessageTemplate;
  readonly sealedContact: SealedContact;
  readonly content: NotificationContent;
}

/** What a message says; free of personal data. */
export interface NotificationContent {
  readonly totalMinor: number;
  readonly currency: string;
  readonly reference: string | null;
}

/** Workflow types, as registered. */
export const ORDER_WORKFLOW = 'orderWorkflow';
export const SWEEP_WORKFLOW = 'sweepHoldsWorkflow';

/** Schedule that expires overdue holds. */
export const SWEEP_SCHEDULE_ID = 'sweep-holds';

/** Workflow id of an order: also what makes a second start of the same order impossible. */
export function orderWorkflowId(orderId: string): string {
  return `order/${orderId}`;
}

/** Workflow id of a message that outlives its order. */
export function notificationWorkflowId(orderId: string, template: MessageTemplate): string {
  return `notification/${orderId}/${template}`;
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

/**
 * A workflow task that a dead worker held is given to another one after this. Local steps of one pass take tens
 * of milliseconds, and the SDK extends the task while they run, so 5 s is the takeover time, not a limit on work.
 */
export const WORKFLOW_TASK_TIMEOUT_MS = 5_000;
