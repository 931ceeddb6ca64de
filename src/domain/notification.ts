import type { SealedContact } from './personal-data/contact-sealer.ts';

/** The subjects of messages to customers. */
export const MESSAGE_TEMPLATES = [
  'order-confirmed',
  'order-captured',
  'order-cancelled',
  'order-expired',
  'order-refunded',
] as const;
export type MessageTemplate = (typeof MESSAGE_TEMPLATES)[number];

/** The event that a message is about. */
export interface MessageEvent {
  readonly template: MessageTemplate;
  /** The number of the refund or of the capture, because an order may have several; 1 when absent. */
  readonly occurrence?: number;
}

/** The name of one message of an order: `order-refunded`, and `order-refunded.2` for the second refund. */
export type MessageName = MessageTemplate | `${MessageTemplate}.${number}`;

/**
 * The same event always has the same name, so that its message is sent once. The first one has no number in its name.
 */
export function messageNameOf({ template, occurrence = 1 }: MessageEvent): MessageName {
  return occurrence === 1 ? template : `${template}.${occurrence}`;
}

/** The channels of messages. */
export const MESSAGE_CHANNELS = ['email', 'sms'] as const;
export type MessageChannel = (typeof MESSAGE_CHANNELS)[number];

/** The states of one message. No state of a message affects the order. */
export const MESSAGE_STATES = ['PENDING', 'RETRYING', 'SENT', 'GAVE_UP'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/**
 * The mail's Message-ID. It is the same for every attempt, so that a mailbox can recognize the second copy that is sent
 * when a connection is lost after DATA. A copy that an operator asks for has its own Message-ID, made from the id of
 * the request.
 */
export function messageIdFor(orderId: string, name: MessageName, copy: string | null = null): string {
  return `<${orderId}.${name}${copy === null ? '' : `.${copy}`}@order-saga.local>`;
}

/**
 * The id of a text message at its gateway. It is the same for every attempt, so that the gateway can drop a second
 * copy.
 */
export function textMessageIdFor(orderId: string, name: MessageName): string {
  return `${orderId}.${name}.sms`;
}

/** A message that an abandoned child workflow delivers after its order is closed. */
export interface NotificationWorkflowInput extends MessageEvent {
  readonly orderId: string;
  readonly tenantId: string;
  /** The channel; a mail by default. */
  readonly channel?: MessageChannel;
  readonly sealedContact: SealedContact;
  readonly content: NotificationContent;
  /**
   * The request id of a further copy that an operator asked for; absent for the message that the order itself sends.
   */
  readonly copy?: string;
}

/** The content of a message, without personal data. */
export interface NotificationContent {
  /** The amount in the message: the order's total, or the amount that was paid back or charged. */
  readonly totalMinor: number;
  readonly currency: string;
  readonly reference: string | null;
}
