import { z } from '@hono/zod-openapi';
import { instant, pageQuery, requestedInstant, text } from '../http/primitive-schemas.ts';

const content = (description: string) => z.record(z.string(), z.unknown()).nullable().openapi({ description });

/** One act: who did what, and how it ended. */
export const actView = z
  .object({
    id: z.string().openapi({ description: 'Id of the act, the command or the order', example: 'act_...' }),
    at: instant('When it was recorded, which is before it was done'),
    actor: z.string().nullable().openapi({
      description: 'Subject of the token; null for orders of versions that did not store it',
      example: 'ada',
    }),
    action: z.string().openapi({
      description: '`order.place`, a command as `order.refund`, or an act of an operator',
      example: 'order.refund',
    }),
    subject: z.string().openapi({ description: 'The thing that was changed', example: 'ord_...' }),
    orderId: z.string().nullable().openapi({ description: 'The order, if the act is about one' }),
    reason: z.string().nullable().openapi({ description: 'Why, in the actor’s words' }),
    before: content('What the actor saw'),
    after: content('What was asked for'),
    requestId: z.string().nullable().openapi({
      description: 'The last request that did it, as in `X-Request-Id`; null for orders, and for acts of tools',
    }),
    correlationId: z.string().nullable().openapi({
      description: 'Of an order that was placed: the id of its request, if the caller chose no other',
    }),
    status: z.int().nullable().openapi({
      description:
        'HTTP status of the last answer; null: by no request, or it was interrupted and its end is not known',
      example: 200,
    }),
    outcome: z.string().nullable().openapi({
      description: 'Decision about a command, or code of the problem that was answered; null for another success',
      example: 'accepted',
    }),
    counts: z.record(z.string(), z.int()).nullable().openapi({ description: 'What was done, in numbers' }),
  })
  .openapi('Act');
export type ActView = z.output<typeof actView>;

/** Filters of the audit trail. */
export const actFilters = z.strictObject({
  actor: text(255).optional().openapi({ description: 'Only acts of this subject' }),
  action: text(64).optional().openapi({ description: 'Only acts of this kind', example: 'customer.erase' }),
  subject: text(255).optional().openapi({ description: 'Only acts about this thing or this order' }),
  from: requestedInstant.optional().openapi({ description: 'Only acts at this time (RFC 3339) or later' }),
  to: requestedInstant.optional().openapi({ description: 'Only acts before this time (RFC 3339)' }),
});

/** Query of `GET /v1/audit/actions`. */
export const listActsQuery = actFilters.extend(pageQuery);

/** A page of acts. */
export const actPage = z
  .object({
    items: z.array(actView).openapi({ description: 'Newest first' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('ActPage');
