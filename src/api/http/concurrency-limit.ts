import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './context.ts';
import { unavailable } from './problem.ts';
import { onResponseEnd } from './response-end.ts';

/** How many requests may be in progress at once. */
export interface ConcurrencyLimitOptions {
  /** The things that are limited, named in the answer to callers that are refused. */
  readonly what: string;
  readonly max: number;
  /** Bytes that all of them together may keep in memory; without it only their number is bounded. */
  readonly bytesMax?: number;
}

/** Limits what is in progress at once, in all and per caller. */
export interface ConcurrencyLimit {
  /**
   * Counts one more in progress, until the returned function is called.
   * @throws {ProblemError} `unavailable` when the limit is reached.
   */
  take(caller: string, bytes?: number): () => void;
  /** The same; null when the limit is reached. */
  takeIfFree(caller: string, bytes?: number): (() => void) | null;
}

interface Share {
  count: number;
  bytes: number;
}

/**
 * A caller may have as many in progress as are still free: a single caller gets half of them, two get a third each, and the
 * next caller always finds some.
 */
export function createConcurrencyLimit({
  what,
  max,
  bytesMax = Number.POSITIVE_INFINITY,
}: ConcurrencyLimitOptions): ConcurrencyLimit {
  const shares = new Map<string, Share>();
  const taken: Share = { count: 0, bytes: 0 };
  const takeIfFree = (caller: string, bytes = 0): (() => void) | null => {
    const share = shares.get(caller) ?? { count: 0, bytes: 0 };
    if (share.count >= max - taken.count || share.bytes + bytes > bytesMax - taken.bytes) return null;
    shares.set(caller, share);
    for (const sum of [share, taken]) {
      sum.count += 1;
      sum.bytes += bytes;
    }
    return () => {
      for (const sum of [share, taken]) {
        sum.count -= 1;
        sum.bytes -= bytes;
      }
      if (share.count === 0) shares.delete(caller);
    };
  };
  return {
    takeIfFree,
    take: (caller, bytes) => {
      const giveBack = takeIfFree(caller, bytes);
      if (giveBack !== null) return giveBack;
      throw unavailable(`too many ${what} at once; nothing was accepted`, retryAfterSeconds());
    },
  };
}

/** Counts every request as in progress until its response has ended. It must come after the middleware that reads the body. */
export function limitConcurrency(limit: ConcurrencyLimit, callerOf: (c: Context<ApiEnv>) => string) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    onResponseEnd(c.env, limit.take(callerOf(c)));
    await next();
  });
}

/** The tenant of a request with a valid token. */
export function tenantOf(c: Context<ApiEnv>): string {
  return c.get('caller').tenantId;
}

/** Long enough for requests in progress to end, and spread, so that the flood does not return all at once. */
export function retryAfterSeconds(): number {
  return 3 + Math.floor(Math.random() * 6);
}
