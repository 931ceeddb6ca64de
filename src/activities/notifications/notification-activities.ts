import type { MessageKey, MessageRepository } from '../../../db/repositories/notifications/message-repository.ts';
import type { ContactSealer } from '../../domain/personal-data/contact-sealer.ts';
import { exponentOf, toMajor } from '../../domain/payments/currency.ts';
import { SmsRejectedError } from '../../domain/errors.ts';
import {
  type MessageTemplate,
  type NotificationContent,
  type NotificationWorkflowInput,
  messageIdFor,
  messageNameOf,
  textMessageIdFor,
} from '../../domain/notification.ts';
import type { MailGateway } from '../../gateways/mail-gateway.ts';
import type { SmsGateway } from '../../gateways/sms-gateway.ts';
import { referenceLine } from './reference-line.ts';
import { textOf } from './text-message.ts';

/** Told what became of each try to send a text message. */
type TextMessageListener = (outcome: 'sent' | 'refused' | 'failed') => void;

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
  const { messages } = deps;
  return {
    /**
     * Effect: one mail or text message and its row. Key: (order, event, channel), for a further copy its id, and a
     * stable message id. Outcomes: done, also when it was sent before, there is no address, or no gateway is set. Failures:
     * server away, retryable; refused or unreadable address, permanent; database, retryable (a second copy with the same
     * id may follow). Undo: none.
     */
    async sendMessage(message: NotificationWorkflowInput): Promise<void> {
      const { tenantId } = message;
      const send = sendingOf(deps, message);
      if (send === null) return;
      const key = keyOf(message);
      const copyId = copyIdOf(message);
      const stored = await messages.findOptional(key);
      if (copyId === null ? stored?.state === 'SENT' : stored?.messageId === copyId) return;
      try {
        await send();
      } catch (error) {
        const reason = error instanceof Error ? error.name : 'unknown';
        await messages.record(key, tenantId, 'RETRYING', reason, copyId).catch(() => {});
        throw error;
      }
      await messages.record(key, tenantId, 'SENT', null, copyId);
    },

    /**
     * Effect: the message's row says GAVE_UP. Key: (order, event, channel). Outcomes: done. Failures: database,
     * retried without end. Undo: none.
     */
    async giveUpMessage(message: MessageOfOrder): Promise<void> {
      await messages.record(keyOf(message), message.tenantId, 'GAVE_UP', 'given up', copyIdOf(message));
    },
  };
}

type MessageOfOrder = Omit<NotificationWorkflowInput, 'sealedContact' | 'content'>;

function keyOf(message: MessageOfOrder): MessageKey {
  const { orderId, channel = 'email' } = message;
  return { orderId, name: messageNameOf(message), channel };
}

/** Null: it is the message as the order sends it. */
function copyIdOf({ orderId, template, copy }: MessageOfOrder): string | null {
  return copy === undefined ? null : messageIdFor(orderId, template, copy);
}

/** What hands the message to its gateway; null when there is no address, or no gateway for it. */
function sendingOf(deps: NotificationActivityDeps, message: NotificationWorkflowInput): (() => Promise<void>) | null {
  const { mail, sms, sealer, onTextMessage } = deps;
  const { orderId, template, content } = message;
  const { email, phone } = sealer.open(orderId, message.sealedContact);
  const name = messageNameOf(message);
  if (message.channel === 'sms') {
    if (sms === null || phone === null) return null;
    const messageId = textMessageIdFor(orderId, name);
    return counted(onTextMessage, () =>
      sms.send({ orderId, messageId, to: phone, text: textOf(template, orderId, content) }),
    );
  }
  if (email === null) return null;
  const messageId = copyIdOf(message) ?? messageIdFor(orderId, name);
  return () => mail.send({ orderId, messageId, to: email, ...render(orderId, template, content) });
}

function counted(onTextMessage: TextMessageListener, send: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await send();
    } catch (error) {
      onTextMessage(error instanceof SmsRejectedError ? 'refused' : 'failed');
      throw error;
    }
    onTextMessage('sent');
  };
}

function render(
  orderId: string,
  template: MessageTemplate,
  content: NotificationContent,
): { subject: string; text: string } {
  const amount = formatMoney(content.totalMinor, content.currency);
  const { subject, text } = wordsOf(template, orderId, amount);
  const reference = referenceLine(content.reference);
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

/** By currency: making a format costs a hundred times as much as using it. */
const moneyFormats = new Map<string, Intl.NumberFormat>();

function formatMoney(amountMinor: number, currency: string): string {
  const format = moneyFormats.get(currency) ?? makeMoneyFormat(currency);
  moneyFormats.set(currency, format);
  return format.format(toMajor(amountMinor, currency));
}

/** `Intl` knows the sign of a currency; how many digits it has is ours to say. */
function makeMoneyFormat(currency: string): Intl.NumberFormat {
  const digits = exponentOf(currency);
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat('en', { style: 'currency', currency, ...fraction });
}
