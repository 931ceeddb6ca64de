import { effectKeyOf } from '../../domain/event.ts';
import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** In the currency's major unit, as producers send it. A purchase over this amount is alerted. */
const HIGH_VALUE_OVER = 1_000;

/** A person bought something. */
export const purchase = defineEventType({
  name: 'purchase',
  description: 'A purchase; `properties.amount` is positive.',
  properties: z.looseObject({ amount: z.number().positive() }),
  categorize: ({ amount }) => (amount > HIGH_VALUE_OVER ? 'high_value' : 'standard'),
  effect: async (event, { amount }, ports) => {
    const { eventId, tenantId, userId } = event;
    if (amount <= HIGH_VALUE_OVER) return;
    await ports.alertOfPurchase({ eventId, tenantId, userId, amount }, effectKeyOf(event));
  },
});
