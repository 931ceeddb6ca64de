import { moneyText } from '../../domain/payments/currency.ts';
import type { MessageTemplate, NotificationContent } from '../../domain/notification.ts';

/** Under 160 characters of the GSM alphabet, so that it is one message: money by its currency's code, not its sign. */
export function textOf(
  template: MessageTemplate,
  orderId: string,
  { totalMinor, currency }: NotificationContent,
): string {
  switch (template) {
    case 'order-confirmed':
      return `Your order ${orderId} is confirmed. Total: ${moneyText(totalMinor, currency)}.`;
    case 'order-captured':
      return `We have charged a further ${moneyText(totalMinor, currency)} for your order ${orderId}.`;
    case 'order-cancelled':
      return `Your order ${orderId} is cancelled. Nothing stays charged.`;
    case 'order-expired':
      return `Your order ${orderId} has expired. The reserved amount is free again.`;
    case 'order-refunded':
      return `We have paid back ${moneyText(totalMinor, currency)} of your order ${orderId}.`;
  }
}
