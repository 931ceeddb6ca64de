import { moneyText, moneyTextWithSign } from '../../domain/payments/money-text.ts';
import type { MessageTemplate, NotificationContent } from '../../domain/notification.ts';
import { referenceLine } from './reference-line.ts';

type Words = (orderId: string, amount: string) => string;

/** The words of one event in both channels. */
interface MessageWords {
  readonly subject: Words;
  readonly mail: Words;
  /** Under 160 characters of the GSM alphabet, so that the text is one message. */
  readonly sms: Words;
}

const MESSAGE_WORDS: Readonly<Record<MessageTemplate, MessageWords>> = {
  'order-confirmed': {
    subject: (orderId) => `Your order ${orderId} is confirmed`,
    mail: (orderId, amount) => `Thank you. Your order ${orderId} is confirmed.\nTotal: ${amount}`,
    sms: (orderId, amount) => `Your order ${orderId} is confirmed. Total: ${amount}.`,
  },
  'order-captured': {
    subject: (orderId) => `A further charge for your order ${orderId}`,
    mail: (orderId, amount) => `We have charged a further ${amount} for your order ${orderId}.`,
    sms: (orderId, amount) => `We have charged a further ${amount} for your order ${orderId}.`,
  },
  'order-cancelled': {
    subject: (orderId) => `Your order ${orderId} is cancelled`,
    mail: (orderId) => `Your order ${orderId} is cancelled. Nothing stays charged.`,
    sms: (orderId) => `Your order ${orderId} is cancelled. Nothing stays charged.`,
  },
  'order-expired': {
    subject: (orderId) => `Your order ${orderId} has expired`,
    mail: (orderId) => `Your order ${orderId} was not completed in time. The amount that was reserved is free again.`,
    sms: (orderId) => `Your order ${orderId} has expired. The reserved amount is free again.`,
  },
  'order-refunded': {
    subject: (orderId) => `A refund for your order ${orderId}`,
    mail: (orderId, amount) => `We have paid back ${amount} of your order ${orderId}.`,
    sms: (orderId, amount) => `We have paid back ${amount} of your order ${orderId}.`,
  },
};

/** A mail shows money by its currency's sign, and repeats the shop's reference. */
export function mailOf(
  template: MessageTemplate,
  orderId: string,
  { totalMinor, currency, reference }: NotificationContent,
): { subject: string; text: string } {
  const { subject, mail } = MESSAGE_WORDS[template];
  const amount = moneyTextWithSign(totalMinor, currency);
  return { subject: subject(orderId, amount), text: `${mail(orderId, amount)}\n${referenceLine(reference)}` };
}

/** A text message shows money by its currency's code, because the GSM alphabet has few signs. */
export function textMessageOf(
  template: MessageTemplate,
  orderId: string,
  { totalMinor, currency }: NotificationContent,
): string {
  return MESSAGE_WORDS[template].sms(orderId, moneyText(totalMinor, currency));
}
