import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Database } from '../../client.ts';

/** Points per key and window, shared by all processes. */
export interface RateLimitStore {
  /**
   * Takes points; not granted when the window has too few left. It never throws: without the database each process
   * counts alone.
   */
  take(key: string, points: number): Promise<{ readonly granted: boolean; readonly windowEndsInMs: number }>;
}

/** Keeps the points in `orders.rate_limits`. While the database is away, each process counts in its own memory. */
export function createRateLimitStore(
  db: Database,
  options: { readonly points: number; readonly windowSeconds: number; readonly keyPrefix?: string },
): RateLimitStore {
  const limits = { points: options.points, duration: options.windowSeconds, keyPrefix: options.keyPrefix ?? 'api' };
  const limiter = new RateLimiterPostgres({
    ...limits,
    storeClient: db.pool,
    storeType: 'pool',
    schemaName: 'orders',
    tableName: 'rate_limits',
    tableCreated: true,
    insuranceLimiter: new RateLimiterMemory(limits),
  });
  return {
    take: async (key, points) => {
      try {
        const result = await limiter.consume(key, points);
        return { granted: true, windowEndsInMs: result.msBeforeNext };
      } catch (error) {
        if (error instanceof RateLimiterRes) return { granted: false, windowEndsInMs: error.msBeforeNext };
        // Neither the database nor the memory store answered; the limiter grants the request, so that its failure is
        // not an outage.
        return { granted: true, windowEndsInMs: 1_000 };
      }
    },
  };
}
