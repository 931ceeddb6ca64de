import { z } from '@hono/zod-openapi';
import { EVENT_CONSUMERS } from '../../domain/event.ts';
import { ORDER_STATUSES } from '../../domain/order-status.ts';
import { instant } from '../http/primitive-schemas.ts';

const milliseconds = (description: string) =>
  z
    .int()
    .nullable()
    .openapi({ description: `${description}, in milliseconds; null without orders`, example: 85 });

const latencyPoint = {
  p50Ms: milliseconds('Half of the orders took no longer'),
  p95Ms: milliseconds('95 of 100 orders took no longer'),
};

const count = (description: string) => z.int().openapi({ description, example: 3 });

const rate = (description: string) => z.number().openapi({ description: `${description}, per second`, example: 500 });

const eventFigures = z.object({
  accepted: count('Events of the log, ever'),
  consumers: z
    .array(
      z.object({
        name: z.enum(EVENT_CONSUMERS).openapi({ description: 'Consumer' }),
        processed: count('Events with a result, ever'),
        failed: count('Events that were given up; counted up to 100,000'),
        retrying: count('Events that wait for another try; counted up to 100,000'),
        lag: count('Events that it has not dealt with'),
        oldestSeconds: z.number().openapi({ description: 'How long the oldest of them has waited', example: 0.02 }),
      }),
    )
    .openapi({ description: 'By consumer' }),
  steps: z
    .array(
      z.object({
        at: instant('End of the step'),
        accepted: rate('Events accepted'),
        processed: rate('Events processed by `analytics`, which takes all'),
        failed: rate('Events given up by any consumer'),
        lag: z.array(z.int()).openapi({ description: 'Events not handled at the end, by consumer' }),
        oldestSeconds: z
          .array(z.number())
          .openapi({ description: 'How long the oldest of them has waited, by consumer' }),
      }),
    )
    .openapi({ description: 'Steps of about 2 seconds of the last 120 seconds, or since the first viewer came' }),
});

/** What the console shows first: the figures of one tenant at one moment. */
export const overviewView = z
  .object({
    at: instant('The moment of the figures'),
    orders: z
      .object({
        byStatus: z
          .object(Object.fromEntries(ORDER_STATUSES.map((status) => [status, count(`Orders ${status}`)])))
          .openapi({
            description: 'Orders of the window by status; orders in motion are counted at any age',
          }),
        windowHours: z.int().openapi({ description: 'How far back orders are counted, in hours', example: 24 }),
        isCapped: z
          .boolean()
          .openapi({ description: 'Whether older orders of the window were left out, because there are too many' }),
      })
      .openapi({ description: 'How many orders are where' }),
    confirmed: z
      .object({
        perSecond: z
          .array(z.int())
          .openapi({ description: 'Orders confirmed in each of the last 120 seconds, oldest first' }),
      })
      .openapi({ description: 'How many orders are sold' }),
    latency: z
      .object({
        ...latencyPoint,
        steps: z
          .array(z.object({ at: instant('Start of the step'), ...latencyPoint }))
          .openapi({ description: 'Steps of 10 seconds, oldest first; those without orders are absent' }),
      })
      .openapi({ description: 'From accepted to confirmed, over 120 seconds, of orders that are captured at once' }),
    cases: z
      .object({
        open: count('Orders that wait for a person'),
        isCapped: z.boolean().openapi({ description: 'There are more than `open` says' }),
        oldestOpenedAt: instant('Since when the oldest waits').nullable(),
        causes: z
          .array(
            z.object({
              fingerprint: z
                .string()
                .openapi({ description: 'What a redrive takes', example: 'take-payment/payment_contract' }),
              step: z.string().openapi({ description: 'Step that could not be done', example: 'take-payment' }),
              errorCode: z.string().openapi({ description: 'Stable code of the failure', example: 'payment_contract' }),
              open: count('Open cases of this cause'),
              oldestOpenedAt: instant('Since when the oldest of them waits'),
            }),
          )
          .openapi({ description: 'Up to 20 causes, the most frequent first' }),
      })
      .openapi({ description: 'What waits for a person' }),
    events: eventFigures.nullable().openapi({
      description:
        'The event pipeline, of all tenants; null before the first event, and without the scope `platform:read`',
    }),
  })
  .openapi('Overview');
export type OverviewView = z.output<typeof overviewView>;
