import type { MessageRepository } from '../../db/repositories/message-repository.ts';
import type { ContactSealer } from '../domain/contact-sealer.ts';
import {
  messageIdFor,
  messageNameOf,
  type MessageChannel,
  type MessageEvent,
  type MessageTemplate,
} from '../domain/notification.ts';
import type { MailGateway } from '../gateways/mail-gateway.ts';
import type { SmsGateway } from '../gateways/sms-gateway.ts';
import { createTextMessageSender, type TextMessageListener } from './text-message.ts';
import type { NotificationContent, NotificationWorkflowInput } from '../workflows/contract.ts';

/** What the notification steps work with. */
export interface NotificationActivityDeps {
  readonly messages: MessageRepository;
  readonly mail: MailGateway;
  readonly sealer: ContactSealer;
  /** Null: no text messages are sent. */
  readonly sms: SmsGateway | null;
  /** Told what became of each try to send a text message. */
  readonly onTextMessage: TextMessageListener;
}

/** Steps that tell the customer. */
export function createNotificationActivities(deps: NotificationActivityDeps) {
  const { messages, mail, sealer } = deps;
  const sendTextMessage = createTextMessageSender(deps);
  return {
    /**
     * Effect: one mail (or text message) and its row. Key: (order, template, channel), for a further copy its id, and a
     * stable Message-ID. Outcomes: done, also when it was sent before or there is no address. Failures: mail server away,
     * retryable; refused or unreadable address, permanent; database, retryable (a second copy with the same Message-ID may
     * follow). Undo: none.
     */
    async sendMessage(message: NotificationWorkflowInput): Promise<void> {
      if (message.channel === 'sms') return sendTextMessage(message);
      const { orderId, tenantId, template, content, copy = null } = message;
      const key = { orderId, template, channel: 'email' } as const;
      const { email } = sealer.open(orderId, message.sealedContact);
      const messageId = messageIdFor(orderId, messageNameOf(message), copy);
      const copyId = copy === null ? null : messageId;
      const stored = await messages.findOptional(key);
      const wasSent = copyId === null ? stored?.state === 'SENT' : stored?.messageId === copyId;
      if (email === null || wasSent) return;
      try {
        await mail.send({
          orderId,
          messageId,
          to: email,
          ...render(orderId, template, content),
        });
      } catch (error) {
        await messages
          .record(key, tenantId, 'RETRYING', error instanceof Error ? error.name : 'unknown', copyId)
          .catch(() => {});
        throw error;
      }
      await messages.record(key, tenantId, 'SENT', null, copyId);
    },

    /**
     * Effect: the message's row says GAVE_UP. Key: (order, template, channel). Outcomes: done. Failures: database,
     * retried without end. Undo: none.
     */
    async giveUpMessage(input: {
      orderId: string;
      tenantId: string;
      template: MessageTemplate;
      copy?: string;
      channel?: MessageChannel;
    }): Promise<void> {
      const { orderId, tenantId, template, copy, channel = 'email' } = input;
      const copyId = copy === undefined ? null : messageIdFor(orderId, messageNameOf(input), copy);
      await messages.record({ orderId, template, channel }, tenantId, 'GAVE_UP', 'given up', copyId);
    },
  };
}

function render(
  orderId: string,
  template: MessageTemplate,
  content: NotificationContent,
): { subject: string; text: string } {
  const amount = formatMoney(content.totalMinor, content.currency);
  const { subject, text } = wordsOf(template, orderId, amount);
  const reference = content.reference === null ? '' : `Your reference: ${content.reference}\n`;
  return { subject, text: `${text}\n${reference}` };
}

function wordsOf(template: MessageTemplate, orderId: string, amount: string): { subject: string; text: string } {
  switch (template) {
    case 'order-confirmed':
      return {
        subject: `Your order ${orderId} is confirmed`,
        text: `Thank you. Your order ${orderId} is confirmed.\nTotal: ${amount}`,
      };
    case 'order-captured':
      return {
        subject: `A further charge for your order ${orderId}`,
        text: `We have charged a further ${amount} for your order ${orderId}.`,
      };
    case 'order-cancelled':
      return {
        subject: `Your order ${orderId} is cancelled`,
        text: `Your order ${orderId} is cancelled. Nothing stays charged.`,
      };
    case 'order-expired':
      return {
        subject: `Your order ${orderId} has expired`,
        text: `Your order ${orderId} was not completed in time. The amount that was reserved is free again.`,
      };
    case 'order-refunded':
      return {
        subject: `A refund for your order ${orderId}`,
        text: `We have paid back ${amount} of your order ${orderId}.`,
      };
  }
}

interface MoneyFormat {
  readonly format: Intl.NumberFormat;
  readonly minorPerMajor: number;
}

/** By currency: making a format costs a hundred times as much as using it. */
const moneyFormats = new Map<string, MoneyFormat>();

function formatMoney(amountMinor: number, currency: string): string {
  const known = moneyFormats.get(currency) ?? makeMoneyFormat(currency);
  moneyFormats.set(currency, known);
  return known.format.format(amountMinor / known.minorPerMajor);
}

function makeMoneyFormat(currency: string): MoneyFormat {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  const { maximumFractionDigits = 2 } = format.resolvedOptions();
  return { format, minorPerMajor: 10 ** maximumFractionDigits };
}
