import type { MessageRepository } from '../../db/repositories/message-repository.ts';
import type { ContactSealer } from '../domain/contact-sealer.ts';
import { SmsRejectedError } from '../domain/errors.ts';
import { messageNameOf, textMessageIdFor, type MessageTemplate } from '../domain/notification.ts';
import type { SmsGateway } from '../gateways/sms-gateway.ts';
import type { NotificationContent, NotificationWorkflowInput } from '../workflows/contract.ts';

/** Told what became of each try to send a text message. */
export type TextMessageListener = (outcome: 'sent' | 'refused' | 'failed') => void;

/**
 * Creates what sends one text message: done also when it was sent before, there is no number, or no gateway is set.
 * Its row is its own; nothing that happens here touches the mail of the same order.
 */
export function createTextMessageSender(deps: {
  readonly messages: MessageRepository;
  readonly sealer: ContactSealer;
  readonly sms: SmsGateway | null;
  readonly onTextMessage: TextMessageListener;
}): (message: NotificationWorkflowInput) => Promise<void> {
  const { messages, sealer, sms, onTextMessage } = deps;
  return async (message) => {
    const { orderId, tenantId, template, sealedContact, content } = message;
    const key = { orderId, template, channel: 'sms' } as const;
    const { phone } = sealer.open(orderId, sealedContact);
    if (sms === null || phone === null || (await messages.findOptional(key))?.state === 'SENT') return;
    try {
      const messageId = textMessageIdFor(orderId, messageNameOf(message));
      await sms.send({ orderId, messageId, to: phone, text: textOf(template, orderId, content) });
    } catch (error) {
      onTextMessage(error instanceof SmsRejectedError ? 'refused' : 'failed');
      await messages.record(key, tenantId, 'RETRYING', error instanceof Error ? error.name : 'unknown').catch(() => {});
      throw error;
    }
    onTextMessage('sent');
    await messages.record(key, tenantId, 'SENT', null);
  };
}

/** Under 160 characters of the GSM alphabet, so that it is one message: money by its currency's code, not its sign. */
function textOf(template: MessageTemplate, orderId: string, { totalMinor, currency }: NotificationContent): string {
  switch (template) {
    case 'order-confirmed':
      return `Your order ${orderId} is confirmed. Total: ${amountOf(totalMinor, currency)}.`;
    case 'order-captured':
      return `We have charged a further ${amountOf(totalMinor, currency)} for your order ${orderId}.`;
    case 'order-cancelled':
      return `Your order ${orderId} is cancelled. Nothing stays charged.`;
    case 'order-expired':
      return `Your order ${orderId} has expired. The reserved amount is free again.`;
    case 'order-refunded':
      return `We have paid back ${amountOf(totalMinor, currency)} of your order ${orderId}.`;
  }
}

function amountOf(amountMinor: number, currency: string): string {
  const { maximumFractionDigits = 2 } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions();
  return `${(amountMinor / 10 ** maximumFractionDigits).toFixed(maximumFractionDigits)} ${currency}`;
}
