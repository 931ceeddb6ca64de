import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { PAYMENT_PROVIDERS } from '../../domain/payments/payment-notice.ts';
import type { ApiEnv } from '../http/context.ts';
import type { NoticeIntake } from './notice-intake.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface PaymentWebhookRoutesDeps {
  readonly noticeIntake: NoticeIntake;
}

const webhookPath = z.object({
  provider: z
    .enum(PAYMENT_PROVIDERS)
    .openapi({ description: 'Payment provider that is configured', example: 'stripe' }),
});

const takeNotice = createRoute({
  method: 'post',
  path: '/v1/payment-webhooks/{provider}',
  tags: ['Payment webhooks'],
  summary: 'Take a report of the payment provider in',
  description:
    'The provider’s signature over the body is the authentication. A report is stored once by its event id and ' +
    'answered after that; it makes the service look the payment up, and is never believed by itself.',
  request: {
    params: webhookPath,
    // The validator must not read JSON here: the signature covers the bytes, and is verified before anything is parsed.
    body: { content: { '*/*': { schema: z.unknown().openapi({ description: 'As the provider sends it' }) } } },
  },
  responses: {
    200: {
      description: 'Stored, now or before',
      content: {
        'application/json': {
          schema: z
            .object({
              outcome: z.enum(['stored', 'duplicate']).openapi({ description: '`duplicate`: it was stored before' }),
            })
            .openapi('NoticeAnswer'),
        },
      },
    },
    ...problems('not_found', 'webhook_signature_refused', 'malformed_json', 'payload_too_large', 'validation_failed'),
  },
});

/** Payment providers report to this route. It needs no token, but the provider's signature. */
export function createPaymentWebhookRoutes({ noticeIntake }: PaymentWebhookRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook }).openapi(takeNotice, async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer());
    const header = (name: string): string | undefined => c.req.header(name);
    const outcome = await noticeIntake.take(c.req.valid('param').provider, { header, body, receivedAt: new Date() });
    return c.json({ outcome }, 200);
  });
}
