import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { TASK_QUEUES } from '../../workflows/contract.ts';
import type { ApiEnv } from '../http/context.ts';
import type { ApiMetrics } from '../http/metrics.ts';
import type { Readiness } from './readiness.ts';

export interface OperationsRoutesDeps {
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: ApiMetrics;
  readonly isShuttingDown: () => boolean;
}

const state = z.enum(['ok', 'degraded', 'down']);

const queueView = z
  .object({
    status: state.openapi({ description: '`degraded` without pollers, or when its backlog is old' }),
    pollers: z.int().openapi({ description: 'Workers that poll it', example: 3 }),
    backlogTasks: z.int().openapi({ description: 'Tasks that no worker has begun', example: 0 }),
    backlogAgeSeconds: z.int().openapi({ description: 'Age of the oldest of them', example: 0 }),
  })
  .openapi({ description: 'One task queue' });

const readinessView = z
  .object({
    status: state.openapi({ description: 'Worst of the checks; `down` only for database, Temporal or clock' }),
    checks: z
      .object({
        database: state.openapi({ description: 'PostgreSQL answers' }),
        temporal: state.openapi({ description: 'Temporal answers' }),
        paymentGateway: state.openapi({ description: 'The payment provider answers' }),
        mail: state.openapi({ description: 'The mail server answers' }),
        backlog: state.openapi({ description: 'The workers keep up' }),
        queues: state.openapi({ description: 'Every task queue has workers that keep up' }),
        clock: state.openapi({ description: "This machine's clock is within 5 s of the database's" }),
      })
      .openapi({ description: 'Each dependency by itself' }),
    queues: z
      .record(z.enum(TASK_QUEUES), queueView)
      .nullable()
      .openapi({ description: 'Queue by queue; null when Temporal does not answer' }),
  })
  .openapi('Readiness');

const readinessRoute = (path: '/readyz' | '/health') =>
  createRoute({
    method: 'get',
    path,
    tags: ['Operations'],
    summary: 'Whether the service can do its work',
    responses: {
      200: { description: 'It can', content: { 'application/json': { schema: readinessView } } },
      503: { description: 'It cannot', content: { 'application/json': { schema: readinessView } } },
    },
  });

const liveness = createRoute({
  method: 'get',
  path: '/livez',
  tags: ['Operations'],
  summary: 'Whether the process runs',
  responses: {
    200: {
      description: 'It runs',
      content: {
        'application/json': { schema: z.object({ status: z.literal('ok').openapi({ description: 'Always ok' }) }) },
      },
    },
  },
});

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['Operations'],
  summary: 'Metrics in the Prometheus text format',
  responses: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
});

/** Load balancers, monitoring and operators use these routes; none of them needs a token. */
export function createOperationsRoutes({ readiness, metrics, isShuttingDown }: OperationsRoutesDeps) {
  const answer = async (): Promise<[Readiness, 200 | 503]> => {
    const found = await readiness();
    const status = isShuttingDown() ? 'down' : found.status;
    return [{ ...found, status }, status === 'down' ? 503 : 200];
  };
  return new OpenAPIHono<ApiEnv>()
    .openapi(liveness, (c) => c.json({ status: 'ok' } as const, 200))
    .openapi(readinessRoute('/readyz'), async (c) => c.json(...(await answer())))
    .openapi(readinessRoute('/health'), async (c) => c.json(...(await answer())))
    .openapi(metricsRoute, async (c) => c.text(await metrics.scrape(), 200));
}
