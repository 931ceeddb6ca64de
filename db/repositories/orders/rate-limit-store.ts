import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Database } from '../../client.ts';

/** Points per key that come back one by one, shared by all processes. */
export interface RateLimitStore {
  /**
   * Takes points; not granted when too few have come back, and then `waitMs` says when they will have. It never throws:
   * without the database each process counts alone.
   */
  take(key: string, points: number): Promise<{ readonly granted: boolean; readonly waitMs: number }>;
}

/** What a key may have. */
export interface RateLimits {
  /** The most points that a key can save up. */
  readonly points: number;
  /** The time in which all of them come back. */
  readonly windowSeconds: number;
  readonly keyPrefix?: string;
}

/** Keys whose points have all come back for an hour say nothing: their rows are deleted. */
const FORGET_EVERY_MS = 300_000;

/**
 * Keeps the points in `orders.rate_limits` as the moment when all of them will have come back (the generic cell rate
 * algorithm). Points of a window that begins anew would all be spent in its first moments: a tenant that sends ten times
 * too much would have a second of everything, and nine of nothing. While the database is away, each process counts in its
 * own memory, by windows.
 */
export function createRateLimitStore(db: Database, options: RateLimits): RateLimitStore {
  const { points: most, windowSeconds, keyPrefix = 'api' } = options;
  const windowMicros = windowSeconds * 1_000_000;
  const alone = createAloneCounter({ most, windowSeconds });
  let forgottenAt = Date.now();

  const forget = (): void => {
    if (Date.now() - forgottenAt < FORGET_EVERY_MS) return;
    forgottenAt = Date.now();
    db.pool.query(FORGET).catch(() => {});
  };
  return {
    take: async (key, points) => {
      forget();
      const cost = Math.ceil((points * windowMicros) / most);
      try {
        const values = [`${keyPrefix}/${key}`, cost, windowMicros];
        const { rows } = await db.pool.query<{ granted: boolean; debt: number }>({ ...TAKE, values });
        const [{ granted, debt } = { granted: true, debt: 0 }] = rows;
        return { granted, waitMs: granted ? 0 : Math.max(0, debt + cost - windowMicros) / 1_000 };
      } catch {
        return alone(key, points);
      }
    },
  };
}

/**
 * `expire` is the moment when all points have come back, in microseconds. A key that has spent everything owes a whole
 * window.
 */
const TAKE = {
  name: 'take_points',
  text: `
WITH moment AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now),
taken AS (
  INSERT INTO orders.rate_limits AS held (key, expire)
  SELECT $1, now + $2::bigint FROM moment
  ON CONFLICT (key) DO UPDATE SET expire = greatest(held.expire, excluded.expire - $2::bigint) + $2::bigint
  WHERE greatest(held.expire, excluded.expire - $2::bigint) + $2::bigint <= excluded.expire - $2::bigint + $3::bigint
  RETURNING expire
)
SELECT EXISTS (SELECT FROM taken) AS granted,
  (coalesce((SELECT expire FROM taken), (SELECT expire FROM orders.rate_limits WHERE key = $1), now) - now)::float8 AS debt
FROM moment`,
};

const FORGET = `
DELETE FROM orders.rate_limits
WHERE expire < (extract(epoch FROM clock_timestamp() - interval '1 hour') * 1000000)::bigint`;

function createAloneCounter({ most, windowSeconds }: { readonly most: number; readonly windowSeconds: number }) {
  const limiter = new RateLimiterMemory({ points: most, duration: windowSeconds });
  return async (key: string, points: number): ReturnType<RateLimitStore['take']> => {
    try {
      await limiter.consume(key, points);
      return { granted: true, waitMs: 0 };
    } catch (error) {
      // The limiter itself has failed; it grants the request, so that its failure is not an outage.
      if (!(error instanceof RateLimiterRes)) return { granted: true, waitMs: 0 };
      return { granted: false, waitMs: error.msBeforeNext };
    }
  };
}
