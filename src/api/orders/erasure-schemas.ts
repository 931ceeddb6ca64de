import { z } from '@hono/zod-openapi';
import { text } from '../http/primitive-schemas.ts';

/** Body of `POST /v1/customers/erasures`. The id is not in the address, because addresses are logged. */
export const erasureBody = z
  .strictObject({
    customerId: text(128).openapi({ description: 'Your id of the customer', example: 'cust_42' }),
    subject: text(255)
      .optional()
      .openapi({ description: 'The `sub` of the customer’s own tokens; by default the id', example: 'auth0|42' }),
    reason: text(500).openapi({
      description: 'Why, for the record, which stays: without personal data',
      example: 'ticket 4711',
    }),
  })
  .openapi('EraseCustomer');

/** Answer to it. */
export const erasureView = z
  .object({
    pseudonym: z.string().openapi({
      description: 'Stands where the customer’s id stood: `customer.id` of the orders, `subject` of the act',
      example: 'hmac-sha256:2026:xQ…',
    }),
    erased: z
      .int()
      .openapi({ description: 'Orders that have the pseudonym now, those of earlier requests included', example: 3 }),
    left: z.int().openapi({
      description:
        'Orders that still have the customer: they are under way, wait for their capture or for a person, or are more than 5,000. Repeat later',
      example: 0,
    }),
  })
  .openapi('ErasedCustomer');
