import { createMiddleware } from 'hono/factory';
import type { Context } from 'hono';
import { routePath } from 'hono/route';
import type { Logger } from '../../runtime/logger.ts';
import type { NetworkOf } from './client-network.ts';
import { createBoundedLog } from '../../runtime/bounded-log.ts';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { RATE_WINDOW_SECONDS } from './rate-limit.ts';
import { TOKEN_REFUSALS } from './token-claims.ts';
import { requestFields } from '../http/request-context.ts';

const WINDOW_MS = RATE_WINDOW_SECONDS * 1_000;

/** Networks that are counted at once, 100 bytes each; past this number the network that was seen first is dropped. */
const NETWORKS_MAX = 10_000;

export interface RefusalsDeps {
  readonly networkOf: NetworkOf;
  /** Requests without a valid token or signature that a network may send. */
  readonly pointsPerSecond: number;
  readonly logger: Logger;
  readonly onRefused: (reason: string) => void;
}

/** What happens to callers without a valid token, or without the needed scope. */
export interface Refusals {
  /** Records a refusal. Returns the problem, or `rate_limited` when the caller's network has sent too many requests. */
  answer(c: Context<ApiEnv>, problem: ProblemError): ProblemError;
  /** Limits the requests to pages that need no token. */
  readonly limitPages: ReturnType<typeof createMiddleware<ApiEnv>>;
}

/**
 * A token or signature is checked before its network: a caller with a valid one is let in, even if other callers behind
 * the same address are refused. Each process keeps its own counts, so that strangers do not load a database.
 */
export function createRefusals({ networkOf, pointsPerSecond, logger, onRefused }: RefusalsDeps): Refusals {
  const spend = createWindows(pointsPerSecond * RATE_WINDOW_SECONDS);
  const log = createBoundedLog(logger);
  return {
    answer: (c, problem) => {
      const reason = reasonOf(problem);
      if (reason === null) return problem;
      onRefused(reason);
      const network = networkOf(c);
      const route = routePath(c, -1);
      log({ ...requestFields(c), reason, network, method: c.req.method, route });
      // A caller with a valid token counts for its tenant.
      return problem.code === 'forbidden' ? problem : (limited(spend(network)) ?? problem);
    },
    limitPages: createMiddleware<ApiEnv>(async (c, next) => {
      const problem = limited(spend(networkOf(c)));
      if (problem !== null) throw problem;
      await next();
    }),
  };
}

/** Every reason under which a refusal is logged and counted. */
export const REFUSAL_REASONS: readonly string[] = [
  ...TOKEN_REFUSALS.map((refusal) => `token_${refusal}`),
  'scope',
  'signature',
];

function reasonOf({ code, reason }: ProblemError): string | null {
  if (code === 'unauthorized') return `token_${reason ?? 'unverified'}`;
  if (code === 'forbidden') return 'scope';
  return code === 'webhook_signature_refused' ? 'signature' : null;
}

function limited(waitMs: number): ProblemError | null {
  if (waitMs === 0) return null;
  return new ProblemError('rate_limited', 'this network has sent too many requests without a valid token', {
    headers: { 'Retry-After': String(Math.ceil(waitMs / 1_000)) },
  });
}

/** Takes a point of a network, and returns how long to wait; 0 when a point was left. */
function createWindows(points: number): (network: string) => number {
  const windows = new Map<string, { left: number; endsAt: number }>();
  return (network) => {
    const now = Date.now();
    let window = windows.get(network);
    if (window === undefined || window.endsAt <= now) {
      windows.delete(network);
      const [oldest] = windows.keys();
      if (windows.size >= NETWORKS_MAX && oldest !== undefined) windows.delete(oldest);
      window = { left: points, endsAt: now + WINDOW_MS };
      windows.set(network, window);
    }
    if (window.left === 0) return window.endsAt - now;
    window.left -= 1;
    return 0;
  };
}
