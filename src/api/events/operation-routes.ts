import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { operatorOf } from '../operator-log.ts';
import type { EventOperations } from './event-operations.ts';
import type { EventOverview } from './event-overview.ts';
import {
  consumerPath,
  consumersView,
  consumerView,
  eventStats,
  replayBody,
  replayedView,
  reprocessBody,
  reprocessedView,
  rewindBody,
  rewoundView,
} from './operation-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface EventOperationRoutesDeps {
  readonly eventOperations: EventOperations;
  readonly eventOverview: EventOverview;
}

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });

const BODY_PROBLEMS = ['malformed_json', 'unsupported_media_type', 'payload_too_large', 'validation_failed'] as const;

const GLOBAL = 'Consumers serve all tenants.';

const reprocess = createRoute({
  method: 'post',
  path: '/v1/events/failed/reprocess',
  tags: ['Events'],
  summary: 'Have failed events tried again',
  description:
    'Takes your events out of the failed list; repeat it until `reprocessed` is 0. Events that have left the log by ' +
    'retention cannot be tried again and stay in the list.',
  ...guardedBy('ops:events'),
  request: { body: { required: true, content: json(reprocessBody) } },
  responses: {
    202: { description: 'They are tried now', content: json(reprocessedView) },
    ...problems(...BODY_PROBLEMS),
  },
});

const replay = createRoute({
  method: 'post',
  path: '/v1/events/replays',
  tags: ['Events'],
  summary: 'Play a range of the log again',
  description:
    'Your events of one partition, up to 100,000 places, as far as the consumer has dealt with them; failed ones too. ' +
    'Events that wait for a try are left alone, so repeating it is harmless.',
  ...guardedBy('ops:events'),
  request: { body: { required: true, content: json(replayBody) } },
  responses: { 202: { description: 'They are tried now', content: json(replayedView) }, ...problems(...BODY_PROBLEMS) },
});

const stats = createRoute({
  method: 'get',
  path: '/v1/events/stats',
  tags: ['Events'],
  summary: 'How much was accepted, processed and given up, and what waits',
  description: `Figures over all tenants. ${GLOBAL}`,
  ...guardedBy('platform:read'),
  responses: { 200: { description: 'The figures', content: json(eventStats) }, ...problems() },
});

const listConsumers = createRoute({
  method: 'get',
  path: '/v1/events/consumers',
  tags: ['Events'],
  summary: 'How far each consumer is in each partition',
  description: GLOBAL,
  ...guardedBy('platform:read'),
  responses: { 200: { description: 'All consumers', content: json(consumersView) }, ...problems() },
});

const pauseOrResume = (act: 'pause' | 'resume', summary: string) =>
  createRoute({
    method: 'post',
    path: `/v1/events/consumers/{name}/${act}`,
    tags: ['Events'],
    summary,
    description: `${GLOBAL} Repeating it is harmless.`,
    ...guardedBy('platform:write'),
    request: { params: consumerPath },
    responses: { 200: { description: 'The consumer', content: json(consumerView) }, ...problems('not_found') },
  });

const rewind = createRoute({
  method: 'post',
  path: '/v1/events/consumers/{name}/rewind',
  tags: ['Events'],
  summary: 'Let a consumer go through a partition once more',
  description: `A cursor can only be moved back. ${GLOBAL} The consumer gets the events of every tenant from that place on again.`,
  ...guardedBy('platform:write'),
  request: { params: consumerPath, body: { required: true, content: json(rewindBody) } },
  responses: {
    200: { description: 'The old and the new place of the cursor', content: json(rewoundView) },
    ...problems(...BODY_PROBLEMS, 'not_found'),
  },
});

export function createEventOperationRoutes({ eventOperations, eventOverview }: EventOperationRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(stats, async (c) => c.json(await eventOverview.stats(), 200))
    .openapi(listConsumers, async (c) => c.json({ items: await eventOverview.consumers() }, 200))
    .openapi(reprocess, async (c) => {
      const { ids, errorCode, consumer } = c.req.valid('json');
      // The schema ensures that one of the two is present.
      const selection = errorCode === undefined ? { ids: ids ?? [] } : { errorCode };
      return c.json({ reprocessed: await eventOperations.reprocess(operatorOf(c), consumer, selection) }, 202);
    })
    .openapi(replay, async (c) =>
      c.json({ replayed: await eventOperations.replay(operatorOf(c), c.req.valid('json')) }, 202),
    )
    .openapi(pauseOrResume('pause', 'Let a consumer stand still'), async (c) =>
      c.json(await eventOperations.pause(operatorOf(c), c.req.valid('param').name), 200),
    )
    .openapi(pauseOrResume('resume', 'Let a paused consumer go on'), async (c) =>
      c.json(await eventOperations.resume(operatorOf(c), c.req.valid('param').name), 200),
    )
    .openapi(rewind, async (c) => {
      const { name: consumer } = c.req.valid('param');
      const { partition, sequence } = c.req.valid('json');
      const { before } = await eventOperations.rewind(operatorOf(c), { consumer, partition, sequence });
      return c.json({ consumer, partition, before, sequence: sequence - 1 }, 200);
    });
}
