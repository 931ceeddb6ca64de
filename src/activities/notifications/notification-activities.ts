import type { MessageKey, MessageRepository } from '../../../db/repositories/notifications/message-repository.ts';
import type { ContactSealer } from '../../domain/personal-data/contact-sealer.ts';
import { SmsRejectedError } from '../../domain/errors.ts';
import {
  messageIdFor,
  messageNameOf,
  textMessageIdFor,
  type NotificationWorkflowInput,
} from '../../domain/notification.ts';
import type { MailGateway } from '../../gateways/mail-gateway.ts';
import type { SmsGateway } from '../../gateways/sms-gateway.ts';
import { mailOf, textMessageOf } from './message-words.ts';

/** Called with the result of each try to send a text message. */
export const TEXT_MESSAGE_OUTCOMES = ['sent', 'refused', 'failed'] as const;
type TextMessageListener = (outcome: (typeof TEXT_MESSAGE_OUTCOMES)[number]) => void;

export interface NotificationActivityDeps {
  readonly messages: MessageRepository;
  readonly mail: MailGateway;
  readonly sealer: ContactSealer;
  /** Null when no text messages are sent. */
  readonly sms: SmsGateway | null;
  /** Called with the result of each try to send a text message. */
  readonly onTextMessage: TextMessageListener;
}

/** Steps that tell the customer. */
export function createNotificationActivities(deps: NotificationActivityDeps) {
  const { messages } = deps;
  return {
    /**
     * Effect: sends one mail or text message and writes its row.
     * Key: (order, event, channel), or the id of a further copy, and a stable message id.
     * Outcomes: done; also if the message was sent before, the customer has no address, or no gateway is configured.
     * Failures: server unavailable, retryable; refused message or unreadable address, permanent; database, retryable (a
     * second copy with the same id may follow).
     * Undo: none.
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
        await messages.record(key, { tenantId, state: 'RETRYING', lastError: reason, copyId }).catch(() => {});
        throw error;
      }
      await messages.record(key, { tenantId, state: 'SENT', lastError: null, copyId });
    },

    /**
     * Effect: marks the message's row as GAVE_UP.
     * Key: (order, event, channel).
     * Outcomes: done.
     * Failures: database, retried without end.
     * Undo: none.
     */
    async giveUpMessage(message: MessageOfOrder): Promise<void> {
      const { tenantId } = message;
      const copyId = copyIdOf(message);
      await messages.record(keyOf(message), { tenantId, state: 'GAVE_UP', lastError: 'given up', copyId });
    },
  };
}

type MessageOfOrder = Omit<NotificationWorkflowInput, 'sealedContact' | 'content'>;

function keyOf(message: MessageOfOrder): MessageKey {
  const { orderId, channel = 'email' } = message;
  return { orderId, name: messageNameOf(message), channel };
}

/** Null for the message that the order itself sends. */
function copyIdOf({ orderId, template, copy }: MessageOfOrder): string | null {
  return copy === undefined ? null : messageIdFor(orderId, template, copy);
}

/** A function that hands the message to its gateway; null when there is no address or no gateway for it. */
function sendingOf(deps: NotificationActivityDeps, message: NotificationWorkflowInput): (() => Promise<void>) | null {
  const { mail, sms, sealer, onTextMessage } = deps;
  const { orderId, template, content } = message;
  const { email, phone } = sealer.open(orderId, message.sealedContact);
  const name = messageNameOf(message);
  if (message.channel === 'sms') {
    if (sms === null || phone === null) return null;
    const messageId = textMessageIdFor(orderId, name);
    const text = textMessageOf(template, orderId, content);
    return counted(onTextMessage, () => sms.send({ orderId, messageId, to: phone, text }));
  }
  if (email === null) return null;
  const messageId = copyIdOf(message) ?? messageIdFor(orderId, name);
  return () => mail.send({ orderId, messageId, to: email, ...mailOf(template, orderId, content) });
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
