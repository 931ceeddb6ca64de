import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './context.ts';
import { unavailable } from './problem.ts';

/** Orders in progress at once: twice the burst that is promised to be taken, and a bound on memory. */
const ORDERS_IN_PROGRESS_MAX = 512;

/**
 * Refuses a post while too many are in progress. It stands before everything that costs time, so that a flood is
 * answered at once instead of making everybody wait.
 */
export function shedLoad(what = 'orders', inProgressMax = ORDERS_IN_PROGRESS_MAX) {
  let inProgress = 0;
  return createMiddleware<ApiEnv>(async (_, next) => {
    if (inProgress >= inProgressMax) {
      throw unavailable(`too many ${what} at once; nothing was accepted`, retryAfterSeconds());
    }
    inProgress += 1;
    try {
      await next();
    } finally {
      inProgress -= 1;
    }
  });
}

/** Long enough for what is in progress to end, and spread, so that the flood does not come back as one. */
function retryAfterSeconds(): number {
  return 3 + Math.floor(Math.random() * 6);
}
