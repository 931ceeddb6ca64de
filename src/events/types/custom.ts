import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** An event of any content, which is kept and not interpreted. */
export const custom = defineEventType({
  name: 'custom',
  isFamily: true,
  description: 'Free-form events of your own: `custom` and `custom.*`.',
  properties: z.looseObject({}),
  categorize: () => 'custom',
});
