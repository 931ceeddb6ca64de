import type { MessageRepository } from '../../db/repositories/message-repository.ts';
import type { ContactSealer } from '../domain/contact-sealer.ts';
import { messageIdFor, type MessageTemplate } from '../domain/notification.ts';
import type { MailGateway } from '../gateways/mail-gateway.ts';
import type { NotificationContent, NotificationWorkflowInput } from '../workflows/contract.ts';

/** What the notification steps work with. */
export interface NotificationActivityDeps {
  readonly messages: MessageRepository;
  readonly mail: MailGateway;
  readonly sealer: ContactSealer;
}

/** Steps that tell the customer. */
export function createNotificationActivities({ messages, mail, sealer }: NotificationActivityDeps) {
  return {
    /**
     * Effect: one mail and its row. Key: (order, template, channel), and a stable Message-ID. Outcomes: done, also when
     * it was sent before or there is no address. Failures: mail server away, retryable; refused or unreadable address,
     * permanent; database, retryable (a second copy with the same Message-ID may follow). Undo: none.
     */
    async sendMessage(message: NotificationWorkflowInput): Promise<void> {
      const { orderId, tenantId, template, content } = message;
      const key = { orderId, template, channel: 'email' } as const;
      const { email } = sealer.open(orderId, message.sealedContact);
      if (email === null || (await messages.findOptionalState(key)) === 'SENT') return;
      try {
        await mail.send({
          orderId,
          messageId: messageIdFor(orderId, template),
          to: email,
          ...render(orderId, content),
        });
      } catch (error) {
        await messages
          .record(key, tenantId, 'RETRYING', error instanceof Error ? error.name : 'unknown')
          .catch(() => {});
        throw error;
      }
      await messages.record(key, tenantId, 'SENT', null);
    },

    /**
     * Effect: the message's row says GAVE_UP. Key: (order, template, channel). Outcomes: done. Failures: database,
     * retried without end. Undo: none.
     */
    async giveUpMessage(input: { orderId: string; tenantId: string; template: MessageTemplate }): Promise<void> {
      const { orderId, tenantId, template } = input;
      await messages.record({ orderId, template, channel: 'email' }, tenantId, 'GAVE_UP', 'given up');
    },
  };
}

function render(orderId: string, content: NotificationContent): { subject: string; text: string } {
  const amount = new Intl.NumberFormat('en', { style: 'currency', currency: content.currency });
  const { maximumFractionDigits = 2 } = amount.resolvedOptions();
  const total = amount.format(content.totalMinor / 10 ** maximumFractionDigits);
  const reference = content.reference === null ? '' : `Your reference: ${content.reference}\n`;
  return {
    subject: `Your order ${orderId} is confirmed`,
    text: `Thank you. Your order ${orderId} is confirmed.\n${reference}Total: ${total}\n`,
  };
}
