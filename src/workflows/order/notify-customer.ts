import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyLocalActivities, startChild } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
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
import { attributesOf } from '../search-attributes.ts';
import { failureOf, type FastPath, type Outcome } from '../steps/outcome.ts';
import type { StepInProgress, StepReports } from '../steps/step-reports.ts';

/** An event of an order that the customer is told of. */
interface News extends MessageEvent {
  /**
   * The amount in the message, as it was decided and not as it would be computed now; null when there is no message to
   * send.
   */
  readonly amountMinor: number | null;
}

/**
 * Tells the customer by mail and, if there are a number and a gateway, by text message. The channels are independent. A
 * message that cannot be sent at once is left to a child workflow that outlives the order.
 */
async function notifyCustomer(
  { input, reports }: Teller,
  { amountMinor, ...event }: News,
  fastPath: Pick<FastPath, 'take'> | null = null,
): Promise<void> {
  const mail = messageInput(input, event);
  if (mail === null || amountMinor === null) return;
  const message: NotificationWorkflowInput = { ...mail, content: { ...mail.content, totalMinor: amountMinor } };
  const wantsText = mail.sealedContact.hasPhone === true && input.settings.sendsTextMessages === true;
  const deliverReported = async (each: NotificationWorkflowInput, tried: Outcome<unknown> | null): Promise<void> => {
    const report = reports.begin(each.channel === 'sms' ? 'send-text-message' : 'send-message', tried?.timed);
    report.answered({ kind: await deliver(input, each, { tried, report }) });
  };
  await Promise.all([
    deliverReported(message, fastPath?.take('sendMessage') ?? null),
    ...(wantsText ? [deliverReported({ ...message, channel: 'sms' }, null)] : []),
  ]);
}

/** The data that messages are made from, and what becomes of them in the result of the workflow. */
interface Teller {
  readonly input: Addressee;
  readonly reports: StepReports;
}

/** The message for each end of an order's own workflow; there is none for a refused order. */
const END_MESSAGES: Readonly<Partial<Record<OrderStatus, MessageTemplate>>> = {
  CONFIRMED: 'order-confirmed',
  CANCELLED: 'order-cancelled',
  EXPIRED: 'order-expired',
};

/** The messages of an order's own workflow. */
export interface OrderMessages {
  /** The mail about the sale, without its total; null when there is nobody to tell. */
  readonly confirmation: UntotalledMail | null;
  /**
   * Tells the customer the end that the workflow has reached. A message that was sent before is not sent again.
   * @param fastPath May have sent the message already.
   */
  tellEnd(status: OrderStatus, totalMinor: number | null, fastPath: Pick<FastPath, 'take'>): Promise<void>;
}

export function createOrderMessages(input: Addressee, reports: StepReports): OrderMessages {
  return {
    confirmation: messageInput(input, { template: 'order-confirmed' }),
    tellEnd: async (status, totalMinor, fastPath) => {
      const template = END_MESSAGES[status];
      if (template === undefined) return;
      const isSale = status === 'CONFIRMED';
      const news = { template, amountMinor: isSale ? totalMinor : 0 };
      await notifyCustomer({ input, reports }, news, isSale ? fastPath : null);
    },
  };
}

/** The data that a message is made from. */
type Addressee = Pick<
  OrderWorkflowInput,
  'orderId' | 'tenantId' | 'correlationId' | 'request' | 'sealedContact' | 'settings'
>;

/** The input of `sendMessage` for a mail, without the total; null when there is nobody to tell. */
function messageInput(order: Addressee, event: MessageEvent): UntotalledMail | null {
  const { orderId, tenantId, sealedContact, request } = order;
  if (sealedContact === null) return null;
  const content = { currency: request.currency, reference: request.reference };
  return { orderId, tenantId, ...event, sealedContact, content };
}

type UntotalledMail = Omit<NotificationWorkflowInput, 'content'> & {
  readonly content: Omit<NotificationWorkflowInput['content'], 'totalMinor'>;
};

/** The message for each end of a command; there is none for a failed capture or for late money. */
const COMMAND_MESSAGES: Readonly<Partial<Record<CommandEndEvent, MessageTemplate>>> = {
  'order.cancelled': 'order-cancelled',
  'order.captured': 'order-captured',
  'order.partially_refunded': 'order-refunded',
  'order.refunded': 'order-refunded',
};

/**
 * Tells the customer how a command has ended. Nothing is sent when the end is null, which means that it is not known.
 */
export async function tellCommand(
  teller: Teller,
  { kind, generation, amountMinor }: OrderOwnership,
  end: CommandEndEvent | null,
): Promise<void> {
  // Money that was moved at the provider itself is announced by the person who moved it.
  if (kind === 'reconcile') return;
  const template = end === null ? undefined : COMMAND_MESSAGES[end];
  if (template === undefined) return;
  // An order is cancelled once, so the message has no number, even if the refund has one.
  if (template === 'order-cancelled') return notifyCustomer(teller, { template, amountMinor: 0 });
  // An amount of 0 means that all of the money was already moved at the provider itself.
  await notifyCustomer(teller, {
    template,
    occurrence: generation,
    amountMinor: amountMinor === 0 ? null : amountMinor,
  });
}

/** `handed_over`: a workflow of its own goes on with the message. */
async function deliver(
  input: Addressee,
  message: NotificationWorkflowInput,
  { tried, report }: { readonly tried: Outcome<unknown> | null; readonly report: StepInProgress },
): Promise<'sent' | 'handed_over'> {
  const { orderId, channel } = message;
  const name = messageNameOf(message);
  if (input.settings.placement.notification === 'local') {
    const { failure } = tried ?? (await tryAtOnce(message));
    report.tried(1, failure?.type ?? undefined);
    if (failure === undefined) return 'sent';
  }
  try {
    await startChild(NOTIFICATION_WORKFLOW, {
      args: [message],
      workflowId: notificationWorkflowId(orderId, name, { channel }),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: input.correlationId },
      staticSummary: `Message ${name} of ${orderId}`,
      typedSearchAttributes: attributesOf({ tenantId: input.tenantId }),
    });
  } catch (error) {
    // An order that was reset finds the workflow of its message running.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return 'handed_over';
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
