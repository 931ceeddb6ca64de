import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyLocalActivities, startChild } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { CommandEndEvent, OrderOwnership } from '../../domain/command.ts';
import {
  type MessageEvent,
  type MessageTemplate,
  type NotificationWorkflowInput,
  messageNameOf,
} from '../../domain/notification.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import { NOTIFICATION_POLICY } from '../steps/background-policies.ts';
import { CORRELATION_MEMO, NOTIFICATION_WORKFLOW, notificationWorkflowId } from '../contract.ts';
import { mailOf, type Addressee } from './step-inputs.ts';
import { failureOf, type FirstPass, type Outcome } from '../steps/outcome.ts';

/** Something that has happened to an order, as the customer is told of it. */
interface News extends MessageEvent {
  /** The amount that it names, as it was decided and not as it would be counted now; null: nothing is to be told. */
  readonly amountMinor: number | null;
}

/**
 * Tells the customer by mail and, where there is a number and a gateway, by text message. The two know nothing of each
 * other; what cannot be sent at once is left to a child that outlives the order.
 */
async function notifyCustomer(
  input: Addressee,
  { amountMinor, ...event }: News,
  firstPass: Pick<FirstPass, 'take'> | null = null,
): Promise<void> {
  const mail = mailOf(input, event);
  if (mail === null || amountMinor === null) return;
  const message: NotificationWorkflowInput = { ...mail, content: { ...mail.content, totalMinor: amountMinor } };
  const wantsText = mail.sealedContact.hasPhone === true && input.settings.sendsTextMessages === true;
  await Promise.all([
    deliver(input, message, firstPass?.take('sendMessage') ?? null),
    ...(wantsText ? [deliver(input, { ...message, channel: 'sms' }, null)] : []),
  ]);
}

/** The message about each end of an order's own workflow; there is none about a refused order. */
const END_MESSAGES: Readonly<Partial<Record<OrderStatus, MessageTemplate>>> = {
  CONFIRMED: 'order-confirmed',
  CANCELLED: 'order-cancelled',
  EXPIRED: 'order-expired',
};

/** Tells what an order's own workflow brought it to; what was told before is not told again. */
export async function tellEnd(
  { input, firstPass }: { readonly input: Addressee; readonly firstPass: Pick<FirstPass, 'take'> },
  status: OrderStatus,
  totalMinor: number | null = null,
): Promise<void> {
  const template = END_MESSAGES[status];
  if (template === undefined) return;
  const isSale = status === 'CONFIRMED';
  await notifyCustomer(input, { template, amountMinor: isSale ? totalMinor : 0 }, isSale ? firstPass : null);
}

/** The message about each end of a command; there is none about a capture that failed or about late money. */
const COMMAND_MESSAGES: Readonly<Partial<Record<CommandEndEvent, MessageTemplate>>> = {
  'order.cancelled': 'order-cancelled',
  'order.captured': 'order-captured',
  'order.partially_refunded': 'order-refunded',
  'order.refunded': 'order-refunded',
};

/** Tells how a command has ended; null: it is not known. */
export async function tellCommand(
  input: Addressee,
  { kind, generation, amountMinor }: OrderOwnership,
  end: CommandEndEvent | null,
): Promise<void> {
  // What was moved at the provider itself is told by whoever moved it there.
  if (kind === 'reconcile') return;
  const template = end === null ? undefined : COMMAND_MESSAGES[end];
  if (template === undefined) return;
  // An order is cancelled once, whatever number the refund has by which it is paid back.
  if (template === 'order-cancelled') return notifyCustomer(input, { template, amountMinor: 0 });
  // Of 0 somebody else has moved all that there was, at the provider itself.
  await notifyCustomer(input, {
    template,
    occurrence: generation,
    amountMinor: amountMinor === 0 ? null : amountMinor,
  });
}

async function deliver(
  input: Addressee,
  message: NotificationWorkflowInput,
  tried: Outcome<unknown> | null,
): Promise<void> {
  const { orderId, channel } = message;
  const name = messageNameOf(message);
  if (input.settings.placement.notification === 'local') {
    const { failure } = tried ?? (await tryAtOnce(message));
    if (failure === undefined) return;
  }
  try {
    await startChild(NOTIFICATION_WORKFLOW, {
      args: [message],
      workflowId: notificationWorkflowId(orderId, name, channel),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: input.correlationId },
      staticSummary: `Message ${name} of ${orderId}`,
    });
  } catch (error) {
    // An order that was reset finds its message on its way already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function tryAtOnce(message: NotificationWorkflowInput): Promise<Outcome<void>> {
  const { sendMessage } = proxyLocalActivities<Activities>({
    startToCloseTimeout: NOTIFICATION_POLICY.localTimeoutMs,
    retry: { maximumAttempts: 1 },
    summary: 'Tell the customer',
  });
  try {
    await sendMessage(message);
    return {};
  } catch (error) {
    return { failure: failureOf(error) };
  }
}
