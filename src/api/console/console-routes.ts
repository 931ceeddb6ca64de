import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { guardedBy } from '../access/auth.ts';
import { loadConsoleAssets, type ConsoleAsset, type ConsoleAssets } from './console-assets.ts';
import type { ApiEnv, Caller } from '../http/context.ts';
import type { OverviewFeed } from './overview-feed.ts';
import { inTenant } from '../../runtime/tenants/tenant-reach.ts';
import { pause } from '../../runtime/pause.ts';
import { createConcurrencyLimit } from '../http/concurrency-limit.ts';
import { ProblemError } from '../http/problem.ts';
import { onResponseEnd } from '../http/response-end.ts';
import { overviewView, type OverviewView } from './console-schemas.ts';
import { problems } from '../http/problem-schemas.ts';

export interface ConsoleRoutesDeps {
  readonly overview: OverviewFeed;
  /** Aborted when the process shuts down: streams then end. */
  readonly shutdown: AbortSignal;
}

/** The figures on the page may be this old. */
const EVENT_INTERVAL_MS = 2_000;

/**
 * A stream ends after 5 minutes and the page opens another one, so a token is accepted at most that long after its
 * expiry.
 */
const STREAM_LIFE_MS = 5 * 60_000;

/** Streams of one process: each is an open connection and a timer. A single tenant may have half of them. */
const STREAMS_MAX = 400;

/**
 * A stream that is still open this long after its end belongs to a client that does not read: its connection is cut.
 */
const UNREAD_MS = 5_000;

const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // Proxies that buffer answers would hold the events back.
  'X-Accel-Buffering': 'no',
};

/** No inline code, nothing from other servers, no HTML made from text: all data of an order stay text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const consolePage = createRoute({
  method: 'get',
  path: '/console',
  tags: ['Operations'],
  summary: 'The console for operators, as a page',
  responses: { 200: { description: 'The page', content: { 'text/html': { schema: z.string() } } } },
});

const overviewStream = createRoute({
  method: 'get',
  path: '/v1/console/stream',
  tags: ['Operations'],
  summary: 'Follow the figures of the console',
  description:
    'Server-sent events: about every 2 seconds an event `overview` whose `data` is this object, or `unavailable` while ' +
    'the figures cannot be read. `events` needs the scope `platform:read` too and is null without it. The stream ends after 5 minutes and when the process shuts down: open it again.',
  ...guardedBy('ops:read'),
  responses: {
    200: { description: 'Events', content: { 'text/event-stream': { schema: overviewView } } },
    ...problems(),
  },
});

/** Gives the console's files their own, stricter policy instead of the one for all other answers. */
export function restrictConsole() {
  return createMiddleware<ApiEnv>((c, next) => {
    c.env.outgoing.setHeader('Content-Security-Policy', POLICY);
    return next();
  });
}

/** The console's files are for everybody, its figures for operators. */
export function createConsoleRoutes({ overview, shutdown }: ConsoleRoutesDeps) {
  let loaded: Promise<ConsoleAssets> | null = null;
  const assets = (): Promise<ConsoleAssets> => (loaded ??= loadConsoleAssets());
  const places = createConcurrencyLimit({ what: 'consoles', max: STREAMS_MAX });
  const routes = new OpenAPIHono<ApiEnv>()
    .openapi(consolePage, async (c) => send(c, (await assets()).page, 'no-cache'))
    .openapi(overviewStream, async (c) => {
      const caller = c.get('caller');
      const { tenantId } = caller;
      // The stream is read after the request has been answered.
      const read = () => inTenant(tenantId, () => overview.read(tenantId)).then((view) => shownTo(caller, view));
      const first = await read();
      if (c.req.method === 'HEAD') return c.body(null, 200, STREAM_HEADERS);
      const giveBack = places.take(tenantId);
      const left = new AbortController();
      const cut = setTimeout(() => c.env.outgoing.destroy(), STREAM_LIFE_MS + UNREAD_MS);
      onResponseEnd(c.env, () => {
        giveBack();
        clearTimeout(cut);
        left.abort();
      });
      const ended = AbortSignal.any([left.signal, shutdown, AbortSignal.timeout(STREAM_LIFE_MS)]);
      return c.body(ReadableStream.from(overviewEvents(read, first, ended)), 200, STREAM_HEADERS);
    });
  routes.get('/console/:version/:file', async (c) => {
    const { version, files } = await assets();
    const file = files.get(c.req.param('file'));
    // A page of another version reloads, or asks the process that served it.
    if (file === undefined || c.req.param('version') !== version) {
      throw new ProblemError('not_found', 'there is nothing at this address');
    }
    return send(c, file, 'public, max-age=31536000, immutable');
  });
  return routes;
}

function send(c: Context<ApiEnv>, { content, type, etag }: ConsoleAsset, cacheControl: string): Response {
  const headers = { ETag: etag, 'Cache-Control': cacheControl };
  const known = (c.req.header('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) return c.body(null, 304, headers);
  return c.body(content, 200, { ...headers, 'Content-Type': type });
}

/** The event pipeline serves all tenants, so its figures are shown only to operators of the platform. */
function shownTo({ scopes }: Caller, view: OverviewView): OverviewView {
  return scopes.has('platform:read') ? view : { ...view, events: null };
}

/** Ends as soon as `ended` is aborted, even in the middle of a pause. */
async function* overviewEvents(read: () => Promise<OverviewView>, first: OverviewView, ended: AbortSignal) {
  const encoder = new TextEncoder();
  yield encoder.encode(eventOf('overview', first));
  for (;;) {
    await pause(EVENT_INTERVAL_MS, ended);
    if (ended.aborted) return;
    yield encoder.encode(
      await read().then(
        (view) => eventOf('overview', view),
        () => eventOf('unavailable', {}),
      ),
    );
  }
}

function eventOf(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
