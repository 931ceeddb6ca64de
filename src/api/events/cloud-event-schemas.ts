import { z } from '@hono/zod-openapi';
import { EVENT_NAME_MAX, EVENTS_MAX, offeredId, SOURCE_MAX } from './event-schemas.ts';
import { requestedInstant, text } from '../http/primitive-schemas.ts';

const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"(?:[^"\\]|\\.)*"))*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The attributes of a CloudEvent in the JSON format that are read here. Absent ones may be null, as the format allows.
 */
export const cloudEventBody = z
  .looseObject({
    specversion: z.literal('1.0', 'must be "1.0"').openapi({ description: 'Version of CloudEvents' }),
    id: offeredId.openapi({
      description: 'Event id; accepted once per tenant and source',
      example: '3f0c8f6e-2b0f-4a53-9a5b-0d6f6f0a3c11',
    }),
    source: text(SOURCE_MAX).openapi({ description: 'Who produced it; kept', example: '/shop/checkout' }),
    type: text(EVENT_NAME_MAX).openapi({
      description: 'Type: `purchase`, `user_signup`, `page_view`, `custom` or `custom.*`',
      example: 'purchase',
    }),
    time: requestedInstant
      .nullish()
      .openapi({ description: 'When the event happened; by default now', example: '2026-11-21T10:00:00.000Z' }),
    subject: text(EVENT_NAME_MAX)
      .nullish()
      .openapi({ description: 'The user, unless `userid` names one', example: 'u1' }),
    userid: text(EVENT_NAME_MAX).nullish().openapi({ description: 'Extension: the user', example: 'u1' }),
    partitionkey: text(EVENT_NAME_MAX)
      .nullish()
      .openapi({ description: 'Extension: the key; by default the user, else the id', example: 'u1' }),
    datacontenttype: text(EVENT_NAME_MAX)
      .regex(MEDIA_TYPE, 'must be a media type')
      .nullish()
      .openapi({ description: 'Media type of the data; kept', example: 'application/json' }),
    data: z
      .unknown()
      .optional()
      .openapi({
        description:
          'What happened, any JSON; an object becomes the properties. Up to 64 KiB as JSON and 32 levels deep',
        example: { amount: 99.99 },
      }),
    data_base64: z
      .string()
      .regex(BASE64, 'must be base64')
      .nullish()
      .openapi({ description: 'Binary data, kept unchanged; not together with `data`' }),
  })
  .openapi('CloudEvent');
export type CloudEventBody = z.output<typeof cloudEventBody>;

/** A batch of CloudEvents, as the documentation shows it. */
export const cloudEventsBody = z
  .array(cloudEventBody)
  .min(1)
  .max(EVENTS_MAX)
  .openapi('CloudEvents', { description: `1 to ${EVENTS_MAX} events; either all of them are accepted or none` });
