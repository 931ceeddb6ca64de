import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { isOrderId } from '../../domain/ids.ts';
import { MESSAGE_TEMPLATES } from '../../domain/notification.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import type { MessageResend } from './message-resend.ts';
import { notFound } from '../http/problem.ts';
import { operatorOf } from '../operator-log.ts';
import { idempotencyHeader, pathId } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface NotificationRoutesDeps {
  readonly messageResend: MessageResend;
  /** Address of a workflow in the Temporal Web UI. */
  readonly workflowUrl: (workflowId: string) => string;
}

/** The maximum of PostgreSQL's `integer`. */
const OCCURRENCE_MAX = 2 ** 31 - 1;

const messagePath = z.object({
  id: pathId.openapi({ description: 'Order id', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
  template: z.enum(MESSAGE_TEMPLATES).openapi({ description: 'Which message', example: 'order-confirmed' }),
});

const whichOccurrence = z.object({
  occurrence: z.coerce.number().int().min(1).max(OCCURRENCE_MAX).optional().openapi({
    description: 'The number of the message’s refund or capture; by default the last one',
  }),
});

const resentView = z
  .object({
    orderId: z.string().openapi({ description: 'Order id' }),
    template: z.enum(MESSAGE_TEMPLATES).openapi({ description: 'Which message' }),
    occurrence: z.int32().openapi({
      description: 'The number of the message’s refund or capture; 1 if there can be only one',
    }),
    messageId: z.string().openapi({ description: 'Message-ID of the copy; the same for the same Idempotency-Key' }),
    workflow: z
      .object({
        id: z.string().openapi({ description: 'The workflow that sends the message' }),
        url: z.string().openapi({ description: 'The workflow in the Temporal Web UI' }),
      })
      .openapi({ description: 'What sends it' }),
  })
  .openapi('ResentMessage');

const resendMessage = createRoute({
  method: 'post',
  path: '/v1/orders/{id}/notifications/{template}/resend',
  tags: ['Orders'],
  summary: 'Send a message to the customer once more',
  description:
    'For a message that was sent or given up; of several refunds or captures the last one, or the one of a number. The order is not touched, whatever becomes of the copy. At most 5 copies of a message in 24 hours.',
  ...guardedBy('ops:messages'),
  request: { params: messagePath, query: whichOccurrence, headers: idempotencyHeader },
  responses: {
    202: { description: 'On its way', content: { 'application/json': { schema: resentView } } },
    ...problems(
      'idempotency_key_missing',
      'idempotency_key_malformed',
      'not_found',
      'message_under_way',
      'resent_too_often',
      'validation_failed',
    ),
  },
});

export function createNotificationRoutes({ messageResend, workflowUrl }: NotificationRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook }).openapi(resendMessage, async (c) => {
    const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
    const { id: orderId, template } = c.req.valid('param');
    if (!isOrderId(orderId)) throw notFound('order');
    const resent = await messageResend.resend({ ...operatorOf(c), idempotencyKey }, orderId, {
      template,
      occurrence: c.req.valid('query').occurrence,
    });
    const { occurrence, messageId, workflowId, replayed } = resent;
    c.header('Idempotency-Replayed', String(replayed));
    const workflow = { id: workflowId, url: workflowUrl(workflowId) };
    return c.json({ orderId, template, occurrence, messageId, workflow }, 202);
  });
}
