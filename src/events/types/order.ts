import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** What happened to an order. This service sends it about itself, in the order in which it happened. */
export const order = defineEventType({
  name: 'order',
  isFamily: true,
  origin: 'service',
  description: 'The transitions of orders (`order.created`, `order.confirmed` and so on) and `order.captured`.',
  properties: z.looseObject({ orderId: z.string(), status: z.string() }),
  // A further capture does not change the status.
  categorize: ({ status }, { type }) => (type === 'order.captured' ? 'captured' : status.toLowerCase()),
});
