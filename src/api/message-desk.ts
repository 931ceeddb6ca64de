import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { MessageRepository } from '../../db/repositories/message-repository.ts';
import type { OperatorActionRepository } from '../../db/repositories/operator-action-repository.ts';
import type { OrderRecord, OrderRepository } from '../../db/repositories/order-repository.ts';
import type { PaymentRepository } from '../../db/repositories/payment-repository.ts';
import { base32Digest } from '../domain/ids.ts';
import { messageIdFor, type MessageTemplate } from '../domain/notification.ts';
import {
  CORRELATION_MEMO,
  NOTIFICATION_WORKFLOW,
  notificationWorkflowId,
  type NotificationWorkflowInput,
} from '../workflows/contract.ts';
import type { OperatorRequest } from './case-desk.ts';
import { ProblemError, unavailable } from './problem.ts';
import { callWithin } from '../domain/deadline.ts';
import type { TemporalHealth } from './temporal-health.ts';

/** What sending messages again needs. */
export interface MessageDeskDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly orders: OrderRepository;
  readonly payments: PaymentRepository;
  readonly messages: MessageRepository;
  readonly actions: OperatorActionRepository;
}

/** A further copy of a message that is on its way. */
export interface ResentMessage {
  readonly messageId: string;
  readonly workflowId: string;
  /** The same key came before: it is the same copy. */
  readonly replayed: boolean;
}

/** Where operators have messages sent again. */
export interface MessageDesk {
  /**
   * Sends a message that was sent or given up once more; the same key sends one copy. The order is not touched.
   * @throws {ProblemError} `not_found`, `message_under_way`, `unavailable`.
   */
  resend(request: OperatorRequest, orderId: string, template: MessageTemplate): Promise<ResentMessage>;
}

const CALL_TIMEOUT_MS = 4_000;

/** Creates the desk. */
export function createMessageDesk(deps: MessageDeskDeps): MessageDesk {
  return {
    resend: async (request, orderId, template) => {
      const { tenantId, actor, idempotencyKey } = request;
      const copy = base32Digest(`${tenantId}\0${orderId}\0${template}\0${idempotencyKey}`);
      const actionId = `act_resend_${copy}`;
      const order = await deps.orders.findOptional(tenantId, orderId);
      if (order === null) throw new ProblemError('not_found', 'there is no such order');
      const replayed = await deps.actions.exists(actionId);
      if (!replayed) await checkEnded(deps, orderId, template);
      const message = await messageOf(deps, order, template, copy);
      if (!deps.health.isUp()) throw unavailable('Temporal does not answer; nothing was sent');
      const messageId = messageIdFor(orderId, template, copy);
      const subject = `${template}/email`;
      const act = { actionId, tenantId, actor, action: 'message.resend', subject, orderId, reason: null };
      await deps.actions.record({ ...act, before: null, after: { messageId } });
      // Also for a repeat: the one before may have been written down and not started.
      await start(deps.client, message, order);
      return { messageId, workflowId: notificationWorkflowId(orderId, template, 'email', copy), replayed };
    },
  };
}

async function checkEnded({ messages }: MessageDeskDeps, orderId: string, template: MessageTemplate): Promise<void> {
  const stored = await messages.findOptional({ orderId, template, channel: 'email' });
  switch (stored?.state) {
    case undefined:
      throw new ProblemError('not_found', 'the order has no such message');
    case 'PENDING':
    case 'RETRYING':
      throw new ProblemError('message_under_way', 'the message is still being sent');
    case 'SENT':
    case 'GAVE_UP':
      return;
  }
}

async function messageOf(
  { payments }: MessageDeskDeps,
  order: OrderRecord,
  template: MessageTemplate,
  copy: string,
): Promise<NotificationWorkflowInput> {
  const { orderId, tenantId, sealedContact, currency, reference } = order;
  if (sealedContact === null) throw new ProblemError('not_found', 'the order has no address to send to');
  const totalMinor = await amountOf(payments, order, template);
  return { orderId, tenantId, template, sealedContact, copy, content: { totalMinor, currency, reference } };
}

/** The amount that the message names, as it did the first time; of several refunds, that of the last one. */
async function amountOf(payments: PaymentRepository, order: OrderRecord, template: MessageTemplate): Promise<number> {
  switch (template) {
    case 'order-confirmed':
      return order.totalMinor ?? 0;
    case 'order-cancelled':
    case 'order-expired':
      return 0;
    case 'order-captured':
    case 'order-refunded': {
      const operations = await payments.listByOrder(order.orderId);
      return operations.findLast(({ kind, state }) => kind === 'refund' && state === 'SUCCEEDED')?.amountMinor ?? 0;
    }
  }
}

/** The workflow id holds the copy's id, so that a repeat starts nothing. */
async function start(client: Client, message: NotificationWorkflowInput, order: OrderRecord): Promise<void> {
  const { orderId, tenantId, template, copy } = message;
  const begin = () =>
    client.workflow.start(NOTIFICATION_WORKFLOW, {
      workflowId: notificationWorkflowId(orderId, template, 'email', copy),
      taskQueue: 'orders',
      args: [message],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      memo: { tenantId, [CORRELATION_MEMO]: order.correlationId },
      staticSummary: `Message ${template} of ${orderId}, once more`,
    });
  try {
    await callWithin(CALL_TIMEOUT_MS, client, begin);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw unavailable('Temporal did not take the message; repeat with the same Idempotency-Key');
  }
}
