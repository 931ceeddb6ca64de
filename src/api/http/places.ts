import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './context.ts';
import { unavailable } from './problem.ts';
import { onResponseEnd } from './response-end.ts';

/** How many requests may be in progress at once. */
export interface PlacesOptions {
  /** The things that take places, named in the answer to callers that get none. */
  readonly what: string;
  readonly max: number;
  /** Bytes that all of them together may keep in memory; without it only their number is bounded. */
  readonly bytesMax?: number;
}

/** Limits what is in progress at once, in all and per caller. */
export interface Places {
  /**
   * Takes a place, which the returned function gives back.
   * @throws {ProblemError} `unavailable` when no place is free.
   */
  take(caller: string, bytes?: number): () => void;
  /** Takes a place; null when no place is free. */
  takeIfFree(caller: string, bytes?: number): (() => void) | null;
}

interface Share {
  places: number;
  bytes: number;
}

/**
 * A caller may have as many places as are still free: a single caller gets half of them, two get a third each, and the
 * next caller always finds some.
 */
export function createPlaces({ what, max, bytesMax = Number.POSITIVE_INFINITY }: PlacesOptions): Places {
  const shares = new Map<string, Share>();
  const taken: Share = { places: 0, bytes: 0 };
  const takeIfFree = (caller: string, bytes = 0): (() => void) | null => {
    const share = shares.get(caller) ?? { places: 0, bytes: 0 };
    if (share.places >= max - taken.places || share.bytes + bytes > bytesMax - taken.bytes) return null;
    shares.set(caller, share);
    for (const sum of [share, taken]) {
      sum.places += 1;
      sum.bytes += bytes;
    }
    return () => {
      for (const sum of [share, taken]) {
        sum.places -= 1;
        sum.bytes -= bytes;
      }
      if (share.places === 0) shares.delete(caller);
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

/** Gives every request a place until its response has ended. It must come after the middleware that reads the body. */
export function takePlace(places: Places, callerOf: (c: Context<ApiEnv>) => string) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    onResponseEnd(c.env, places.take(callerOf(c)));
    await next();
  });
}

/** The tenant of a request with a valid token. */
export function tenantOf(c: Context<ApiEnv>): string {
  return c.get('caller').tenantId;
}

/** Long enough for requests in progress to end, and spread, so that the flood does not return all at once. */
function retryAfterSeconds(): number {
  return 3 + Math.floor(Math.random() * 6);
}
