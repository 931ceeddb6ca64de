import { z } from '@hono/zod-openapi';
import { MAX_AMOUNT_MINOR } from '../../domain/payments/money.ts';
import { orderView } from './order-schemas.ts';
import { text } from '../http/primitive-schemas.ts';

const amountMinor = z
  .int()
  .min(1)
  .max(MAX_AMOUNT_MINOR)
  .optional()
  .openapi({ description: 'In minor units; without it, everything that is left', example: 1000 });

const reason = text(500).openapi({ description: 'Why, for the history', example: 'ordered twice' });

/** Body of `POST /v1/orders/{id}/cancel`. */
export const cancelBody = z.strictObject({ reason: reason.optional() }).openapi('CancelOrder');

/** Body of `POST /v1/orders/{id}/capture`. */
export const captureBody = z.strictObject({ amountMinor }).openapi('CapturePayment');

/** Body of `POST /v1/orders/{id}/refunds`. */
export const refundBody = z.strictObject({ amountMinor, reason: reason.optional() }).openapi('RefundOrder');

/** Body of `POST /v1/orders/{id}/give-back`. */
export const giveBackBody = z.strictObject({ reason }).openapi('GiveBackOrder');

/** Answer to a command. */
export const commandView = z
  .object({
    decision: z.enum(['will_cancel', 'will_refund', 'accepted', 'pending']).openapi({
      description:
        '`will_cancel`: nothing stays taken; `will_refund`: what was taken is given back; `accepted`: under way; ' +
        '`pending`: stored, not yet decided - repeat with the same key, or read the order',
    }),
    order: z.object({ ...orderView.shape }).openapi({ description: 'The order as it is now' }),
  })
  .openapi('CommandAnswer');

/** Body of `POST /v1/orders/{id}/payments/reconcile`. */
export const reconcileBody = z.strictObject({ reason: reason.optional() }).openapi('ReconcilePayments');

/** Answer to it. */
export const reconciliationView = z
  .object({
    decision: z.enum(['accepted', 'books_agree', 'pending']).openapi({
      description:
        '`accepted`: what was moved at the provider itself is being booked; `books_agree`: nothing was; ' +
        '`pending`: stored, not yet decided - repeat with the same key, or read the order',
    }),
    order: z.object({ ...orderView.shape }).openapi({ description: 'The order as it is now' }),
  })
  .openapi('Reconciliation');
