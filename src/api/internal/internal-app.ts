import { randomUUID } from 'node:crypto';
import { Hono, type Context } from 'hono';
import { joinExpositions } from '../../runtime/metrics/exposition.ts';
import type { Logger } from '../../runtime/logger.ts';
import { PROFILE_KINDS, ProfileUnderWayError, type ProfileKind, type Profiler } from '../../runtime/profiler.ts';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError, problemResponse, unavailable } from '../http/problem.ts';
import { onResponseEnd } from '../http/response-end.ts';

/** Where a process is in its life. */
export type ProcessPhase = 'starting' | 'running' | 'stopping';

/** What a process says of itself. */
export interface ProcessState {
  readonly phase: ProcessPhase;
  /** The SDK's state of each worker, by task queue; empty for an API. */
  readonly workers: Readonly<Record<string, string>>;
}

/** Answers a request as the public port does. */
export type PublicFetch = (request: Request, env: ApiEnv['Bindings']) => Response | Promise<Response>;

interface InternalAppDeps {
  readonly state: () => ProcessState;
  readonly loopDelayMs: () => number;
  /** The texts of the process's metrics. */
  readonly metrics: () => Promise<readonly string[]>;
  readonly profiler: Profiler;
  /** The application of the public port; null before it is built, and in a worker. */
  readonly publicFetch: () => PublicFetch | null;
  /** Aborted when the process ends: a profile then ends early. */
  readonly shutdown: AbortSignal;
  readonly logger: Logger;
}

/**
 * A probe waits a second. A blocked loop answers nothing within it; after the block, the first answers still say that
 * there was one.
 */
const LOOP_DELAY_MAX_MS = 1_000;

const PROFILE_SECONDS = 10;
/** Less than the time after which a connection without traffic is cut. */
const PROFILE_SECONDS_MAX = 30;

/** Whether the process takes work: it has started, is not stopping, and each of its workers polls. */
export function isReady({ phase, workers }: ProcessState): boolean {
  return phase === 'running' && Object.values(workers).every((state) => state === 'RUNNING');
}

/** The routes of the internal port. They need no token: the port is for the orchestrator and for operators. */
export function createInternalApp(deps: InternalAppDeps) {
  const { state, loopDelayMs, metrics, publicFetch, logger } = deps;
  const app = new Hono<ApiEnv>();
  app.use((c, next) => {
    c.set('requestId', randomUUID());
    return next();
  });
  app.get('/live', (c) => {
    const eventLoopDelayMs = Math.round(loopDelayMs());
    const isLive = eventLoopDelayMs <= LOOP_DELAY_MAX_MS;
    return c.json({ status: isLive ? 'ok' : 'down', eventLoopDelayMs }, isLive ? 200 : 503);
  });
  app.get('/ready', (c) => {
    const found = state();
    return isReady(found) ? c.json({ status: 'ok', ...found }) : c.json({ status: 'down', ...found }, 503);
  });
  app.get('/metrics', async (c) => c.text(joinExpositions(await metrics())));
  for (const kind of PROFILE_KINDS) {
    app.post(`/profiles/${kind}`, async (c) => {
      const content = await profile(c, kind, deps);
      return c.body(content, 200, {
        'Content-Type': 'application/json',
        'Content-Disposition': `attachment; filename="${process.pid}.${kind}profile"`,
      });
    });
  }
  app.all('*', (c) => {
    const fetch = publicFetch();
    if (fetch === null) throw new ProblemError('not_found', 'there is nothing at this address');
    return fetch(c.req.raw, { ...c.env, isInternal: true });
  });
  app.onError((error, c) => problemResponse(c, toProblem(error, logger)));
  return app;
}

/** The profile ends early when the client leaves or the process stops. */
async function profile(
  c: Context<ApiEnv>,
  kind: ProfileKind,
  { profiler, shutdown, logger }: InternalAppDeps,
): Promise<string> {
  const seconds = Number(c.req.query('seconds') ?? PROFILE_SECONDS);
  if (!(seconds > 0 && seconds <= PROFILE_SECONDS_MAX)) {
    throw new ProblemError('bad_request', `seconds must be above 0 and at most ${PROFILE_SECONDS_MAX}`);
  }
  const left = new AbortController();
  onResponseEnd(c.env, () => left.abort());
  logger.info({ kind, seconds }, 'a profile is taken');
  return profiler.take(kind, seconds * 1_000, AbortSignal.any([left.signal, shutdown]));
}

function toProblem(error: unknown, logger: Logger): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof ProfileUnderWayError) return unavailable('another profile is being taken', PROFILE_SECONDS);
  logger.error({ err: error }, 'request failed');
  return new ProblemError('internal_error', 'something went wrong here; the logs say what');
}
