import { z } from '@hono/zod-openapi';
import { PROBLEMS, type ProblemCode } from './problem.ts';

/** RFC 9457 problem. */
const problemView = z
  .object({
    type: z
      .string()
      .openapi({ description: 'URN of the kind of problem', example: 'urn:order-saga:problem:validation_failed' }),
    title: z.string().openapi({ description: 'The kind of problem in words' }),
    status: z.int().openapi({ description: 'HTTP status', example: 422 }),
    detail: z.string().openapi({ description: 'What is wrong with this request' }),
    code: z.string().openapi({ description: 'Stable code, see docs/errors.md', example: 'validation_failed' }),
    requestId: z.string().openapi({ description: 'Id of this request, as in `X-Request-Id` and in the logs' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().openapi({
            description: 'JSON pointer into the body, or `#/query/NAME`',
            example: '/lines/0/quantity',
          }),
          detail: z.string().openapi({ description: 'What is wrong with it' }),
        }),
      )
      .openapi({ description: 'One entry per field that is wrong; up to 50' }),
  })
  .openapi('Problem');

/** Problem answers of a route for its OpenAPI description, one entry per HTTP status. */
export function problems(...codes: ProblemCode[]) {
  const all: ProblemCode[] = ['unauthorized', 'forbidden', 'rate_limited', 'internal_error', 'unavailable', ...codes];
  const byStatus = Map.groupBy(new Set(all), (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].advice}`).join(' '),
        content: { 'application/problem+json': { schema: problemView } },
      },
    ]),
  ) as Record<never, never>;
}
