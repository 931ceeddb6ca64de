import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** What happened to a case. This service sends it about itself, between the events of the case's order. */
export const caseEvent = defineEventType({
  name: 'case',
  isFamily: true,
  origin: 'service',
  description: 'Cases: `case.opened` and `case.resolved`.',
  properties: z.looseObject({ caseId: z.string(), orderId: z.string() }),
  categorize: (_, { type }) => type.replace('case.', ''),
});
