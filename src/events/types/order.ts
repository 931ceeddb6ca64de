import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** What happened to an order; the service tells it about itself, in the order in which it happened. */
export const order = defineEventType({
  name: 'order',
  isFamily: true,
  origin: 'service',
  description: 'The transitions of orders: `order.created`, `order.confirmed`, `order.rejected` and so on.',
  properties: z.looseObject({ orderId: z.string(), status: z.string() }),
  categorize: ({ status }) => status.toLowerCase(),
});
