/** What a message tells the customer. */
export const MESSAGE_TEMPLATES = ['order-confirmed', 'order-cancelled', 'order-expired', 'order-refunded'] as const;
export type MessageTemplate = (typeof MESSAGE_TEMPLATES)[number];

/** How a message travels. */
export const MESSAGE_CHANNELS = ['email', 'sms'] as const;
export type MessageChannel = (typeof MESSAGE_CHANNELS)[number];

/** Fate of one message; no edge leads from here to the order. */
export const MESSAGE_STATES = ['PENDING', 'RETRYING', 'SENT', 'GAVE_UP'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/**
 * The mail's Message-ID: the same for every attempt, so that a mailbox can recognize the second copy that
 * a connection lost after DATA may leave. A copy that an operator asks for has one of its own, by the id of the request.
 */
export function messageIdFor(orderId: string, template: MessageTemplate, copy: string | null = null): string {
  return `<${orderId}.${template}${copy === null ? '' : `.${copy}`}@order-saga.local>`;
}

/** Id of a text message at its gateway: the same for every attempt, so that the gateway can drop the second one. */
export function textMessageIdFor(orderId: string, template: MessageTemplate): string {
  return `${orderId}.${template}.sms`;
}
