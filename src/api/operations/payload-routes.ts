import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { cors } from 'hono/cors';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { PayloadUnreadableError } from '../../temporal/sealing/payload-codec.ts';
import type { PayloadJson, PayloadTranslator } from '../../temporal/sealing/payload-json.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';
import { operatorOf, recordAction } from '../operator-log.ts';

export interface PayloadRoutesDeps {
  /** Null when payloads are not sealed. */
  readonly payloads: PayloadTranslator | null;
  readonly actions: OperatorActionRepository;
}

/** Where the two routes are; Temporal's tools know the rest of their addresses. */
export const PAYLOADS_PATH = '/v1/payloads';

/** Temporal takes payloads of up to 2 MiB, and a page of the Web UI asks for many at once. */
export const PAYLOADS_BODY_MAX_BYTES = 8 * 1024 * 1024;

const payload = z.object({
  metadata: z
    .record(z.string(), z.base64())
    .optional()
    .openapi({ description: 'Names and base64 values', example: { encoding: 'anNvbi9wbGFpbg==' } }),
  data: z.base64().optional().openapi({ description: 'Bytes in base64', example: 'eyJhIjoxfQ==' }),
});

const payloadsBody = z
  .object({ payloads: z.array(payload).max(1_000).openapi({ description: 'Payloads, in their order' }) })
  .openapi('Payloads');

const json = { 'application/json': { schema: payloadsBody } };

const translation = (way: 'decode' | 'encode', summary: string, scope: 'platform:read' | 'platform:write') =>
  createRoute({
    method: 'post',
    path: `${PAYLOADS_PATH}/${way}`,
    tags: ['Operations'],
    summary,
    description:
      'The protocol of Temporal\'s codec servers, for its Web UI and CLI (docs/operations.md, "Sealed payloads"). 404 when payloads are not sealed. Payloads hold data of all tenants.',
    ...guardedBy(scope),
    request: { body: { content: json } },
    responses: {
      200: { description: 'The payloads, in the same order', content: json },
      ...problems('malformed_json', 'not_found', 'unsupported_media_type', 'payload_too_large', 'validation_failed'),
    },
  });

/** Lets the pages of Temporal's Web UI, and no others, ask from a browser. The tokens are not cookies. */
export function allowWebUi(webUiUrl: string) {
  return cors({
    origin: new URL(webUiUrl).origin,
    allowMethods: ['POST'],
    allowHeaders: ['authorization', 'content-type', 'x-namespace'],
    maxAge: 600,
  });
}

/** Opens and seals payloads for people who look at workflows with Temporal's own tools. */
export function createPayloadRoutes({ payloads, actions }: PayloadRoutesDeps) {
  const translate = async (c: Context<ApiEnv>, way: keyof PayloadTranslator, given: readonly PayloadJson[]) => {
    if (payloads === null) throw new ProblemError('not_found', 'payloads are not sealed here');
    await recordAction(actions, operatorOf(c), { action: `payloads.${way}`, subject: `${given.length} payloads` });
    try {
      return { payloads: await payloads[way](given) };
    } catch (error) {
      if (!(error instanceof PayloadUnreadableError)) throw error;
      throw new ProblemError('validation_failed', error.message);
    }
  };
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(translation('decode', 'Open sealed payloads', 'platform:read'), async (c) =>
      c.json(await translate(c, 'open', c.req.valid('json').payloads), 200),
    )
    .openapi(translation('encode', 'Seal payloads', 'platform:write'), async (c) =>
      c.json(await translate(c, 'seal', c.req.valid('json').payloads), 200),
    );
}
