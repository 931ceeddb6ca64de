import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

const page = z.string().min(1);

/** A person looked at a page. */
export const pageView = defineEventType({
  name: 'page_view',
  description: 'A page was viewed; `properties.url` or `properties.path` says which.',
  properties: z
    .looseObject({ url: page.optional(), path: page.optional() })
    .refine(({ url, path }) => url !== undefined || path !== undefined, 'url or path is missing'),
  categorize: () => 'view',
});
