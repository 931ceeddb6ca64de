import { z } from '@hono/zod-openapi';
import { ORDER_STATUSES, REJECTION_REASONS } from '../../domain/order-status.ts';
import { CAPTURE_MODES, PAYMENT_STATES } from '../../domain/payments/payment.ts';
import { AMOUNT_PROBLEMS } from '../../domain/payments/payment-capabilities.ts';
import { RESERVATION_STATES } from '../../domain/inventory/reservation.ts';
import { MAX_AMOUNT_MINOR } from '../../domain/payments/money.ts';
import { emailAddress } from '../http/email-address.ts';
import { currency, instant, pageQuery, requestedInstant, sku, text } from '../http/primitive-schemas.ts';

/** Lines of one order, and pieces of one line after lines of the same SKU are added up. */
const LINES_MAX = 100;
const QUANTITY_MAX = 1_000;

const minor = (description: string) =>
  z.int().openapi({ description: `${description}, in minor units`, example: 4500 });

/** Path of one order. */
export const orderPath = z.object({
  // Any text is accepted; a text that is not an order id is answered like an order that does not exist.
  id: z.string().openapi({ description: 'Order id', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
});

/** Body of `POST /v1/orders`. Unknown fields are refused, so a misspelled field is not silently ignored. */
export const createOrderBody = z
  .strictObject({
    customer: z
      .strictObject({
        id: text(128).openapi({ description: 'Your id of the customer', example: 'cust_42' }),
        email: emailAddress.optional(),
        phone: z
          .string()
          .regex(/^\+[1-9]\d{6,14}$/, 'must be in E.164 form')
          .optional()
          .openapi({ description: 'E.164 phone number; sealed like the address', example: '+4930123456' }),
      })
      .openapi({ description: 'Who orders' }),
    currency,
    lines: z
      .array(
        z.strictObject({
          sku,
          quantity: z.int().min(1).max(QUANTITY_MAX).openapi({ description: 'Pieces, 1 to 1,000', example: 2 }),
        }),
      )
      .min(1)
      .max(LINES_MAX)
      .openapi({ description: '1 to 100 lines; lines of the same SKU are added up' }),
    payment: z
      .strictObject({
        method: text(255).openapi({
          description: 'Token of a payment method at the provider; never card data',
          example: 'pm_ok',
        }),
        capture: z.enum(CAPTURE_MODES).default('automatic').openapi({
          description: 'When the money is taken: with the order, or later by `POST /v1/orders/{id}/capture`',
          example: 'automatic',
        }),
      })
      .openapi({ description: 'How it is paid' }),
    expectedTotalMinor: z.int().min(0).max(MAX_AMOUNT_MINOR).optional().openapi({
      description:
        'The total you showed your customer, in minor units; another catalog total rejects the order (`price_changed`)',
      example: 4500,
    }),
    reference: text(128)
      .optional()
      .openapi({ description: 'Your reference, for finding the order', example: 'cart-991' }),
  })
  .superRefine((body, ctx) => {
    for (const [name, quantity] of mergedQuantities(body.lines)) {
      if (quantity <= QUANTITY_MAX) continue;
      ctx.addIssue({ code: 'custom', path: ['lines'], message: `${name}: more than ${QUANTITY_MAX} pieces in all` });
    }
  })
  .openapi('CreateOrder');
export type CreateOrderBody = z.output<typeof createOrderBody>;

/** Pieces per SKU. */
export function mergedQuantities(
  lines: readonly { readonly sku: string; readonly quantity: number }[],
): Map<string, number> {
  const merged = new Map<string, number>();
  for (const line of lines) merged.set(line.sku, (merged.get(line.sku) ?? 0) + line.quantity);
  return merged;
}

/** Answer of `POST /v1/orders`. */
export const acceptedOrder = z
  .object({
    id: z
      .string()
      .openapi({ description: 'Order id, derived from tenant and key', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
    status: z.literal('PENDING').openapi({ description: 'Always PENDING: the order is accepted, not yet carried out' }),
    links: z
      .object({
        self: z.string().openapi({ description: 'Address of the order', example: '/v1/orders/ord_...' }),
        timeline: z.string().openapi({ description: 'Address of its history', example: '/v1/orders/ord_.../timeline' }),
      })
      .openapi({ description: 'Where to look next' }),
  })
  .openapi('AcceptedOrder');

const shortage = z.object({
  sku,
  requested: z.int().openapi({ description: 'Pieces ordered', example: 6 }),
  available: z.int().openapi({ description: 'Pieces left', example: 5 }),
});

const amountProblem = z.object({
  problem: z.enum(AMOUNT_PROBLEMS).openapi({ description: '`amount_not_chargeable`: what is wrong with the amount' }),
  amountMinor: minor('The amount'),
  minimumMinor: minor('The smallest charge; null for a currency that is not taken').nullable(),
  maximumMinor: minor('The largest charge; null for a currency that is not taken').nullable(),
  multipleOfMinor: minor('What every charge is a multiple of; null for a currency that is not taken').nullable(),
});

/** What a reason alone does not say. */
export const rejectionDetails = z
  .union([
    z.object({
      lines: z.array(shortage).readonly().openapi({ description: '`out_of_stock`: the lines that fell short' }),
    }),
    z.object({
      skus: z.array(sku).readonly().openapi({ description: '`unknown_sku`, `currency_mismatch`: which ones' }),
    }),
    z.object({ declineCode: z.string().openapi({ description: "`payment_declined`: the provider's reason" }) }),
    z.object({
      expectedTotalMinor: minor('`price_changed`: the total you expected'),
      totalMinor: minor('`price_changed`: the total by the catalog'),
    }),
    amountProblem,
  ])
  .nullable()
  .openapi({ description: 'Facts beyond the reason' });

const lineView = z.object({
  sku: z.string().openapi({ description: 'Stock keeping unit', example: 'SKU-0001' }),
  quantity: z.int().openapi({ description: 'Pieces', example: 2 }),
  unitPriceMinor: minor('Frozen price of one piece; null before stock is held').nullable(),
  reservation: z
    .enum(RESERVATION_STATES)
    .nullable()
    .openapi({ description: 'State of the held stock; null before it is held' }),
});

const paymentView = z
  .object({
    state: z.enum(PAYMENT_STATES).openapi({ description: 'Where the money is' }),
    authorizedMinor: minor('Authorized so far'),
    capturedMinor: minor('Captured so far'),
    refundedMinor: minor('Refunded so far'),
    method: z.string().openapi({ description: 'Token of the payment method', example: 'pm_ok' }),
    capture: z
      .enum(CAPTURE_MODES)
      .openapi({ description: 'Whether the money is taken with the order, or by a capture' }),
    capturableMinor: minor(
      'What a capture could take now; null where the money is taken with the order, and before it is authorized',
    ).nullable(),
  })
  .openapi({ description: 'What was paid and given back' });

/** An order as clients see it. */
export const orderView = z
  .object({
    id: z.string().openapi({ description: 'Order id', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
    status: z.enum(ORDER_STATUSES).openapi({ description: 'Where the order is' }),
    reason: z.enum(REJECTION_REASONS).nullable().openapi({ description: 'Why it was rejected' }),
    reasonDetails: rejectionDetails,
    attention: z
      .object({
        caseId: z.string().openapi({ description: 'Case id' }),
        step: z.string().openapi({ description: 'Step at which the order is parked', example: 'take-payment' }),
        errorCode: z.string().openapi({ description: 'Stable code of the failure', example: 'payment_mismatch' }),
        openedAt: instant('When the case was opened'),
      })
      .nullable()
      .openapi({ description: 'Open case: the order waits for a person' }),
    reference: z.string().nullable().openapi({ description: 'Your reference', example: 'cart-991' }),
    customer: z
      .object({ id: z.string().openapi({ description: 'Your id of the customer', example: 'cust_42' }) })
      .openapi({ description: 'Who ordered; contact data is never shown' }),
    currency: z.string().openapi({ description: 'ISO 4217 currency code', example: 'EUR' }),
    totalMinor: minor('Total at the frozen prices; null before stock is held').nullable(),
    lines: z.array(lineView).openapi({ description: 'By SKU; lines of the same SKU are added up' }),
    payment: paymentView,
    holdExpiresAt: instant('When the held stock is given back, while it is held').nullable(),
    captureBy: instant(
      'Until when the first capture has to be asked for; without it the order expires then. Null where the money is taken ' +
        'with the order, and before it is authorized',
    ).nullable(),
    confirmedAt: instant('When the order was sold; null before').nullable(),
    cancelableUntil: instant(
      'Until when a sold order may be cancelled; null where no time limits it (before the sale), and after a cancel or a ' +
        'full refund',
    ).nullable(),
    version: z.int().openapi({ description: 'Grows with every event of the order', example: 2 }),
    createdAt: instant('When the order was opened'),
    updatedAt: instant('When it last changed'),
    correlationId: z.string().openapi({ description: 'Correlation id of the request that made the order' }),
    traceId: z.string().nullable().openapi({
      description: 'The order’s trace, for the tracing backend; null when it was not traced',
      example: '4bf92f3577b34da6a3ce929d0e0e4736',
    }),
    workflow: z
      .object({
        id: z.string().openapi({ description: 'Temporal workflow id', example: 'order/ord_...' }),
        url: z.string().openapi({ description: 'The workflow in the Temporal Web UI' }),
      })
      .openapi({ description: 'The workflow that carries the order to its end' }),
  })
  .openapi('Order');
export type OrderView = z.output<typeof orderView>;

/** Query of `GET /v1/orders`. */
export const listOrdersQuery = z.strictObject({
  status: z.enum(ORDER_STATUSES).optional().openapi({ description: 'Only orders in this status' }),
  customerId: text(128).optional().openapi({ description: 'Only orders of this customer' }),
  reference: text(128).optional().openapi({ description: 'Only orders with this reference' }),
  createdAfter: requestedInstant.optional().openapi({
    description: 'Only orders opened after this time (RFC 3339)',
    example: '2026-11-21T10:00:00.000Z',
  }),
  ...pageQuery,
});

/** A page of orders. */
export const orderPage = z
  .object({
    items: z.array(orderView).openapi({ description: 'Newest first' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
    complete: z.literal(false).optional().openapi({
      description:
        'Only there when it is false: accepted orders that no worker has opened yet may be missing, because Temporal does not answer or many wait',
    }),
  })
  .openapi('OrderPage');

/** History of one order. */
export const timelineView = z
  .object({
    items: z
      .array(
        z.object({
          seq: z.int().openapi({ description: 'Position, from 1 without gaps', example: 1 }),
          at: instant('When it happened'),
          type: z.string().openapi({ description: 'What happened', example: 'order.opened' }),
          from: z.enum(ORDER_STATUSES).nullable().openapi({ description: 'Status before, if it changed' }),
          to: z.enum(ORDER_STATUSES).nullable().openapi({ description: 'Status after, if it changed' }),
          actor: z.string().openapi({ description: 'Who did it', example: 'system' }),
          source: z
            .enum(['order', 'command', 'stock', 'payment', 'message', 'webhook', 'operator'])
            .openapi({ description: 'Whose entry it is' }),
          data: z.record(z.string(), z.unknown()).openapi({ description: 'Details, by type' }),
        }),
      )
      .openapi({
        description: 'Oldest first; empty until the order is opened. Entries are added and never changed or taken out',
      }),
  })
  .openapi('Timeline');
export type TimelineView = z.output<typeof timelineView>;
