import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** What became of another event. This service sends it about itself. */
export const eventEvent = defineEventType({
  name: 'event',
  isFamily: true,
  origin: 'service',
  description: 'Events that a consumer gave up: `event.failed`.',
  properties: z.looseObject({ eventId: z.string(), consumer: z.string() }),
  categorize: (_, { type }) => type.replace('event.', ''),
});
