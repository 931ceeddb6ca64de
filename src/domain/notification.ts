/** What a message tells the customer. */
export const MESSAGE_TEMPLATES = ['order-confirmed'] as const;
export type MessageTemplate = (typeof MESSAGE_TEMPLATES)[number];

/** How a message travels. */
export const MESSAGE_CHANNELS = ['email'] as const;
export type MessageChannel = (typeof MESSAGE_CHANNELS)[number];

/** Fate of one message; no edge leads from here to the order. */
export const MESSAGE_STATES = ['PENDING', 'RETRYING', 'SENT', 'GAVE_UP'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/**
 * The mail's Message-ID: the same for every attempt, so that a mailbox can recognize the second copy that
 * a connection lost after DATA may leave.
 */
export function messageIdFor(orderId: string, template: MessageTemplate): string {
  return `<${orderId}.${template}@order-saga.local>`;
}
