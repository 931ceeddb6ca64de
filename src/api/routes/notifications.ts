import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { isOrderId } from '../../domain/ids.ts';
import { MESSAGE_TEMPLATES } from '../../domain/notification.ts';
import { guardedBy } from '../auth.ts';
import type { ApiEnv } from '../context.ts';
import { parseIdempotencyKey } from '../idempotency-key.ts';
import type { MessageDesk } from '../message-desk.ts';
import { ProblemError } from '../problem.ts';
import { idempotencyHeader } from '../schemas/primitives.ts';
import { problems } from '../schemas/problem.ts';
import { validationHook } from '../validation.ts';

/** What the notification routes work with. */
export interface NotificationRoutesDeps {
  readonly messageDesk: MessageDesk;
  /** Address of a workflow in the Temporal Web UI. */
  readonly workflowUrl: (workflowId: string) => string;
}

const messagePath = z.object({
  id: z.string().max(64).openapi({ description: 'Order id', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
  template: z.enum(MESSAGE_TEMPLATES).openapi({ description: 'Which message', example: 'order-confirmed' }),
});

const resentView = z
  .object({
    orderId: z.string().openapi({ description: 'Order id' }),
    template: z.enum(MESSAGE_TEMPLATES).openapi({ description: 'Which message' }),
    messageId: z.string().openapi({ description: 'Message-ID of the copy; the same for the same Idempotency-Key' }),
    workflow: z
      .object({
        id: z.string().openapi({ description: 'The workflow that sends it' }),
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
  description: 'For a message that was sent or given up. The order is not touched, whatever becomes of the copy.',
  ...guardedBy('ops:write'),
  request: { params: messagePath, headers: idempotencyHeader },
  responses: {
    202: { description: 'On its way', content: { 'application/json': { schema: resentView } } },
    ...problems('idempotency_key_missing', 'idempotency_key_malformed', 'not_found', 'message_under_way'),
  },
});

/** Creates the routes about messages to customers. */
export function createNotificationRoutes({ messageDesk, workflowUrl }: NotificationRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook }).openapi(resendMessage, async (c) => {
    const { tenantId, subject: actor } = c.get('caller');
    const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
    const { id: orderId, template } = c.req.valid('param');
    if (!isOrderId(orderId)) throw new ProblemError('not_found', 'there is no such order');
    const resent = await messageDesk.resend({ tenantId, actor, idempotencyKey }, orderId, template);
    const { messageId, workflowId, replayed } = resent;
    c.header('Idempotency-Replayed', String(replayed));
    return c.json({ orderId, template, messageId, workflow: { id: workflowId, url: workflowUrl(workflowId) } }, 202);
  });
}
