import type { Client } from '@temporalio/client';
import type { MessageRecord, MessageRepository } from '../../../db/repositories/notifications/message-repository.ts';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import type { OrderRecord } from '../../../db/repositories/orders/order-record.ts';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import type { PaymentRepository } from '../../../db/repositories/payments/payment-repository.ts';
import { base32Digest } from '../../domain/ids.ts';
import {
  messageIdFor,
  messageNameOf,
  type MessageTemplate,
  type NotificationWorkflowInput,
} from '../../domain/notification.ts';
import { linkTrace } from '../../runtime/tracing/spans.ts';
import { startMessageCopy } from '../../temporal/workflow-starts.ts';
import { notificationWorkflowId } from '../../workflows/contract.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { operatorActionOf, type OperatorRequest } from '../operator-log.ts';
import { requireTaken, requireTemporal } from '../temporal-outage.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

export interface MessageResendDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly orders: OrderRepository;
  readonly payments: PaymentRepository;
  readonly messages: MessageRepository;
  readonly actions: OperatorActionRepository;
}

/** A further copy of a message that is on its way. */
export interface ResentMessage {
  readonly occurrence: number;
  readonly messageId: string;
  readonly workflowId: string;
  /** Whether the key was used before, so that this is the same copy. */
  readonly replayed: boolean;
}

/** Identifies the message. */
export interface MessageChoice {
  readonly template: MessageTemplate;
  /** Undefined means the last one. */
  readonly occurrence?: number | undefined;
}

/** Sends messages again for operators. */
export interface MessageResend {
  /**
   * Sends once more a message that was sent or given up; a repeated key sends no second copy. If there are several
   * refunds or captures, the number selects one, else the last one is sent. The order does not change.
   * @throws {ProblemError} `not_found`, `message_under_way`, `resent_too_often`, `unavailable`.
   */
  resend(request: OperatorRequest, orderId: string, which: MessageChoice): Promise<ResentMessage>;
}

/** Copies of one message: a customer asks again once or twice, and a loop with fresh keys must not fill a mailbox. */
const COPIES = { max: 5, seconds: 24 * 3_600 };

const CALL_TIMEOUT_MS = 4_000;

export function createMessageResend(deps: MessageResendDeps): MessageResend {
  return {
    resend: async (request, orderId, which) => {
      const { tenantId, idempotencyKey } = request;
      const { template } = which;
      const chosen = which.occurrence === undefined ? '' : `\0${which.occurrence}`;
      const copy = base32Digest(`${tenantId}\0${orderId}\0${template}\0${idempotencyKey}${chosen}`);
      const actionId = `act_resend_${copy}`;
      const order = await deps.orders.findOptional(tenantId, orderId);
      if (order === null) throw notFound('order');
      linkTrace(order.traceparent);
      const replayed = await deps.actions.exists(actionId);
      const stored = await find(deps, order, which);
      if (!replayed) checkEnded(stored);
      const message = await messageOf(deps, order, { ...stored, copy });
      requireTemporal(deps.health, 'nothing was sent');
      const messageId = messageIdFor(orderId, template, copy);
      const subject = `${messageNameOf(stored)}/email`;
      const act = { actionId, action: 'message.resend', subject, orderId, after: { messageId } };
      const waitSeconds = await deps.actions.recordWithin(operatorActionOf(request, act), COPIES);
      if (waitSeconds > 0) throw tooOften(waitSeconds);
      // A repeat starts the workflow, too: the request before may have been recorded and not started.
      await requireTaken('message', startMessageCopy(deps.client, { message, order }, CALL_TIMEOUT_MS));
      const workflowId = notificationWorkflowId(orderId, template, { copy });
      return { occurrence: stored.occurrence, messageId, workflowId, replayed };
    },
  };
}

async function find(
  { messages }: MessageResendDeps,
  { tenantId, orderId }: OrderRecord,
  { template, occurrence }: MessageChoice,
): Promise<MessageRecord> {
  const found = (await messages.listByOrder(tenantId, orderId))
    .filter((message) => message.template === template && message.channel === 'email')
    .filter((message) => occurrence === undefined || message.occurrence === occurrence)
    .toSorted((left, right) => left.occurrence - right.occurrence)
    .at(-1);
  if (found === undefined) throw new ProblemError('not_found', 'the order has no such message');
  return found;
}

function tooOften(waitSeconds: number): ProblemError {
  return new ProblemError('resent_too_often', `a message is sent again at most ${COPIES.max} times in 24 hours`, {
    headers: { 'Retry-After': String(waitSeconds) },
  });
}

function checkEnded({ state }: MessageRecord): void {
  switch (state) {
    case 'PENDING':
    case 'RETRYING':
      throw new ProblemError('message_under_way', 'the message is still being sent');
    case 'SENT':
    case 'GAVE_UP':
      return;
  }
}

async function messageOf(
  { payments }: MessageResendDeps,
  order: OrderRecord,
  { template, occurrence, copy }: Pick<MessageRecord, 'template' | 'occurrence'> & { readonly copy: string },
): Promise<NotificationWorkflowInput> {
  const { orderId, tenantId, sealedContact, currency, reference } = order;
  if (sealedContact === null) throw new ProblemError('not_found', 'the order has no address to send to');
  const totalMinor = await amountOf(payments, order, { template, occurrence });
  const event = { template, ...(occurrence === 1 ? {} : { occurrence }) };
  return { orderId, tenantId, ...event, sealedContact, copy, content: { totalMinor, currency, reference } };
}

/** The amount in the message, the same as in its first copy. */
async function amountOf(
  payments: PaymentRepository,
  order: OrderRecord,
  { template, occurrence }: Pick<MessageRecord, 'template' | 'occurrence'>,
): Promise<number> {
  switch (template) {
    case 'order-confirmed':
      return order.totalMinor ?? 0;
    case 'order-cancelled':
    case 'order-expired':
      return 0;
    case 'order-captured':
      return movedBy(payments, order, { kind: 'capture', generation: occurrence });
    case 'order-refunded':
      return movedBy(payments, order, { kind: 'refund', generation: occurrence });
  }
}

async function movedBy(
  payments: PaymentRepository,
  { orderId }: OrderRecord,
  { kind, generation }: { readonly kind: 'capture' | 'refund'; readonly generation: number },
): Promise<number> {
  const operations = await payments.listByOrder(orderId);
  const moved = operations.find((each) => each.kind === kind && each.generation === generation);
  if (moved?.state !== 'SUCCEEDED') throw new ProblemError('not_found', `the books have no such ${kind}`);
  return moved.amountMinor;
}
