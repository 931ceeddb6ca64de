import { z } from '@hono/zod-openapi';
import { EVENT_NAME_MAX, eventProperties, EVENTS_MAX, offeredId } from './event.ts';
import { requestedInstant, text } from './primitives.ts';

/** Characters of a `source`, which is a URI reference. */
const SOURCE_MAX = 1_000;

/** A CloudEvent in the JSON format: the attributes that are read here. Absent ones may be null, as the format allows. */
export const cloudEventBody = z
  .looseObject({
    specversion: z.literal('1.0', 'must be "1.0"').openapi({ description: 'Version of CloudEvents' }),
    id: offeredId.openapi({
      description: 'Event id; accepted once per tenant, whatever the source',
      example: '3f0c8f6e-2b0f-4a53-9a5b-0d6f6f0a3c11',
    }),
    source: text(SOURCE_MAX).openapi({ description: 'Who produced it; kept', example: '/shop/checkout' }),
    type: text(EVENT_NAME_MAX).openapi({
      description: 'Type: `purchase`, `user_signup`, `page_view`, `custom` or `custom.*`',
      example: 'purchase',
    }),
    time: requestedInstant
      .nullish()
      .openapi({ description: 'When it happened; by default now', example: '2026-11-21T10:00:00.000Z' }),
    subject: text(EVENT_NAME_MAX)
      .nullish()
      .openapi({ description: 'The user, unless `userid` names one', example: 'u1' }),
    userid: text(EVENT_NAME_MAX).nullish().openapi({ description: 'Extension: the user', example: 'u1' }),
    partitionkey: text(EVENT_NAME_MAX)
      .nullish()
      .openapi({ description: 'Extension: the key; by default the user, else the id', example: 'u1' }),
    data: eventProperties.nullish(),
    data_base64: z
      .null('binary data is not supported: send a JSON object as `data`')
      .optional()
      .openapi({ description: 'Refused: binary data is not supported' }),
  })
  .openapi('CloudEvent');
export type CloudEventBody = z.output<typeof cloudEventBody>;

/** A batch of CloudEvents, as the documentation shows it. */
export const cloudEventsBody = z
  .array(cloudEventBody)
  .min(1)
  .max(EVENTS_MAX)
  .openapi('CloudEvents', { description: `1 to ${EVENTS_MAX} events; either all of them are accepted or none` });
