import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** Whatever a tenant likes: kept, not understood. */
export const custom = defineEventType({
  name: 'custom',
  isFamily: true,
  description: 'Free-form events of your own: `custom` and `custom.*`.',
  properties: z.looseObject({}),
  categorize: () => 'custom',
});
