import { workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { MessageEvent, NotificationWorkflowInput } from '../../domain/notification.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';

/**
 * Inputs of the steps, the same for the fast path and for single steps. The amount is left out: it comes from the
 * result of `holdStock`.
 */
type InputOf<Name extends keyof Activities> = Parameters<Activities[Name]>[0];

/** The input of `openOrder`. */
export function openOrderInput(order: OrderWorkflowInput): InputOf<'openOrder'> {
  return { order, firstExecutionRunId: workflowInfo().firstExecutionRunId };
}

/** The input of `holdStock`. */
export function holdStockInput({ orderId, tenantId, request, settings }: OrderWorkflowInput): InputOf<'holdStock'> {
  const { currency, lines, expectedTotalMinor } = request;
  const { holdTtlSeconds } = settings;
  return { orderId, tenantId, currency, lines, expectedTotalMinor, holdTtlSeconds };
}

/** The input of `takePayment`, without the amount. */
export function takePaymentInput(order: OrderWorkflowInput): Omit<InputOf<'takePayment'>, 'amountMinor'> {
  const { orderId, tenantId, request } = order;
  const { currency, paymentMethod: method } = request;
  return { orderId, tenantId, currency, method, ...chargeKindOf(request) };
}

/** For manual capture the payment is first authorized. */
export function chargeKindOf({ captureMode }: OrderWorkflowInput['request']): { chargeKind?: 'authorize' } {
  return captureMode === 'manual' ? { chargeKind: 'authorize' } : {};
}

/** The data that a message is made from. */
export type Addressee = Pick<
  OrderWorkflowInput,
  'orderId' | 'tenantId' | 'correlationId' | 'request' | 'sealedContact' | 'settings'
>;

/** The input of `sendMessage` for a mail, without the total; null when there is nobody to tell. */
export function messageInput(order: Addressee, event: MessageEvent) {
  const { orderId, tenantId, sealedContact, request } = order;
  if (sealedContact === null) return null;
  const content = { currency: request.currency, reference: request.reference };
  return { orderId, tenantId, ...event, sealedContact, content } satisfies UntotalledMail;
}

type UntotalledMail = Omit<NotificationWorkflowInput, 'content'> & {
  readonly content: Omit<NotificationWorkflowInput['content'], 'totalMinor'>;
};
