import { createMiddleware } from 'hono/factory';
import type { RateLimitStore } from '../../db/rate-limit-store.ts';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';

/** Requests are counted over this window, so that a burst of a few seconds passes. */
export const RATE_WINDOW_SECONDS = 10;

/**
 * A process takes points from the shared store in leases of this size and serves requests from its lease: one write
 * per so many requests, exact across processes up to one lease each. Small limits get small leases.
 */
const LEASE_MAX = 50;
const LEASES_PER_WINDOW = 10;

interface Lease {
  left: number;
  windowEndsAt: number;
  blockedUntil: number;
  refill: Promise<void> | null;
}

/** Tenants with a lease in memory; the least recently refilled one is forgotten past this number. */
const LEASES_MAX = 10_000;

/** Limits the requests of each tenant; needs `caller`. */
export function limitRate(store: RateLimitStore, requestsPerSecond: number) {
  const leases = new Map<string, Lease>();
  const perWindow = requestsPerSecond * RATE_WINDOW_SECONDS;
  const size = Math.max(1, Math.min(LEASE_MAX, Math.floor(perWindow / LEASES_PER_WINDOW)));
  return createMiddleware<ApiEnv>(async (c, next) => {
    const { tenantId } = c.get('caller');
    const waitMs = await take(leases, (points) => store.take(tenantId, points), tenantId, size);
    if (waitMs > 0) {
      throw new ProblemError('rate_limited', 'the tenant has used up its requests for now', {
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1_000))) },
      });
    }
    await next();
  });
}

/** Takes one point; answers how long to wait, 0 when it was granted. */
async function take(
  leases: Map<string, Lease>,
  draw: (points: number) => ReturnType<RateLimitStore['take']>,
  tenantId: string,
  size: number,
): Promise<number> {
  let lease = leases.get(tenantId);
  if (lease === undefined) {
    lease = { left: 0, windowEndsAt: 0, blockedUntil: 0, refill: null };
    const [oldest] = leases.keys();
    if (leases.size >= LEASES_MAX && oldest !== undefined) leases.delete(oldest);
    leases.set(tenantId, lease);
  }
  for (;;) {
    const now = Date.now();
    if (lease.blockedUntil > now) return lease.blockedUntil - now;
    if (lease.left > 0 && lease.windowEndsAt > now) {
      lease.left -= 1;
      return 0;
    }
    // Concurrent requests share one refill.
    lease.refill ??= refill(lease, draw, size);
    await lease.refill;
  }
}

async function refill(
  lease: Lease,
  draw: (points: number) => ReturnType<RateLimitStore['take']>,
  size: number,
): Promise<void> {
  const { granted, windowEndsInMs } = await draw(size);
  const now = Date.now();
  if (granted) {
    lease.left = size;
    lease.windowEndsAt = now + windowEndsInMs;
  } else {
    lease.blockedUntil = now + Math.max(windowEndsInMs, 100);
  }
  lease.refill = null;
}
