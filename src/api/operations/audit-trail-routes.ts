import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Act, ActQuery, AuditTrailRepository } from '../../../db/repositories/audit/audit-trail-repository.ts';
import { inTenant } from '../../runtime/tenants/tenant-reach.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { decodeCursor, foreignCursor, toPage } from '../http/cursor.ts';
import { pathId, plainInstant } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';
import { actFilters, actPage, actView, listActsQuery } from './audit-trail-schemas.ts';

export interface AuditTrailRoutesDeps {
  readonly trail: AuditTrailRepository;
}

/** Acts that an export reads at once; one statement, and about 200 kB. */
const EXPORT_PAGE = 500;

const listActs = createRoute({
  method: 'get',
  path: '/v1/audit/actions',
  tags: ['Operations'],
  summary: 'Read the audit trail, newest first',
  description: 'Who placed an order, gave a command, or acted as an operator, with the request and its outcome.',
  ...guardedBy('ops:read'),
  request: { query: listActsQuery },
  responses: {
    200: { description: 'A page of acts', content: { 'application/json': { schema: actPage } } },
    ...problems('validation_failed'),
  },
});

const exportActs = createRoute({
  method: 'get',
  path: '/v1/audit/actions/export',
  tags: ['Operations'],
  summary: 'Export the audit trail',
  description:
    'The same acts, all of them, as JSON lines, newest first. An export that cannot be read to its end breaks the connection, ' +
    'so a complete answer is a complete export.',
  ...guardedBy('ops:read'),
  request: { query: actFilters },
  responses: {
    200: { description: 'One act per line', content: { 'application/x-ndjson': { schema: actView } } },
    ...problems('validation_failed'),
  },
});

export function createAuditTrailRoutes({ trail }: AuditTrailRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(listActs, async (c) => {
      const { limit, cursor, from, to, ...filters } = c.req.valid('query');
      const before = cursor === undefined ? undefined : decodeActCursor(cursor);
      const { tenantId } = c.get('caller');
      const found = await trail.list({ tenantId, ...filters, ...timesOf({ from, to }), before, limit: limit + 1 });
      return c.json(
        toPage(found, limit, ({ at, id }) => [at, id]),
        200,
      );
    })
    .openapi(exportActs, async (c) => {
      const { tenantId } = c.get('caller');
      const { from, to, ...filters } = c.req.valid('query');
      const query = { tenantId, ...filters, ...timesOf({ from, to }), limit: EXPORT_PAGE };
      // The export is read after the request has been answered.
      const read = (before: ActQuery['before']) => inTenant(tenantId, () => trail.list({ ...query, before }));
      const headers = { 'Content-Type': 'application/x-ndjson; charset=utf-8' };
      const first = await read(undefined);
      const lines = ReadableStream.from(c.req.method === 'HEAD' ? [] : linesOf(read, first));
      // The type of the content ends in `json`, so the library takes the answer for one JSON value, which it is not.
      return c.body(lines, 200, headers) as never;
    });
}

async function* linesOf(read: (before: ActQuery['before']) => Promise<Act[]>, first: Act[]) {
  const encoder = new TextEncoder();
  for (let page = first; page.length > 0; page = page.length < EXPORT_PAGE ? [] : await read(page.at(-1))) {
    yield encoder.encode(page.map((act) => `${JSON.stringify(act)}\n`).join(''));
  }
}

function timesOf({ from, to }: Pick<z.output<typeof actFilters>, 'from' | 'to'>) {
  return { from: dateOf(from), to: dateOf(to) };
}

function dateOf(time: string | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

function decodeActCursor(cursor: string): Pick<Act, 'at' | 'id'> {
  const [at = '', id = ''] = decodeCursor(cursor);
  if (!plainInstant.safeParse(at).success || !pathId.safeParse(id).success) throw foreignCursor();
  return { at, id };
}
