import { createMiddleware } from 'hono/factory';
import type { RateLimitStore } from '../../../db/repositories/orders/rate-limit-store.ts';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';

/** Requests are counted over this window, so that a burst of a few seconds passes. */
export const RATE_WINDOW_SECONDS = 10;

/**
 * A process takes points from the shared store in leases of this size and serves requests from its lease. So a lease
 * costs one write, and the count is exact across processes up to one lease each. Small limits have small leases.
 */
const LEASE_MAX = 50;
const LEASES_PER_WINDOW = 10;

/** Events arrive by the thousand: this size makes 20 writes a second at 20,000 events. */
export const EVENT_LEASE_MAX = 1_000;

interface Lease {
  left: number;
  windowEndsAt: number;
  blockedUntil: number;
  refill: Promise<void> | null;
}

/** Tenants with a lease in memory; past this number the least recently refilled lease is dropped. */
const LEASES_MAX = 10_000;

/** A budget of points per tenant and window. */
export interface RateBudget {
  /**
   * Takes points of a tenant.
   * @throws {ProblemError} `rate_limited` when too few are left for now.
   */
  spend(tenantId: string, points: number): Promise<void>;
  /** The largest number of points that a tenant can have; a request that costs more never passes. */
  readonly most: number;
}

/** The store holds `pointsPerSecond * RATE_WINDOW_SECONDS` points; `what` names the thing that one point pays for. */
export function createRateBudget(
  store: RateLimitStore,
  options: { readonly pointsPerSecond: number; readonly leaseMax?: number; readonly what: string },
): RateBudget {
  const leases = new Map<string, Lease>();
  const perWindow = options.pointsPerSecond * RATE_WINDOW_SECONDS;
  const size = Math.max(1, Math.min(options.leaseMax ?? LEASE_MAX, Math.floor(perWindow / LEASES_PER_WINDOW)));
  return {
    most: perWindow,
    spend: async (tenantId, points) => {
      const draw = (drawn: number) => store.take(tenantId, drawn);
      const waitMs = await take(leases, draw, { tenantId, points, size });
      if (waitMs === 0) return;
      throw new ProblemError('rate_limited', `the tenant has used up its ${options.what} for now`, {
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1_000))) },
      });
    },
  };
}

/** Limits the requests of each tenant; needs `caller`. */
export function limitRate(store: RateLimitStore, requestsPerSecond: number) {
  const budget = createRateBudget(store, { pointsPerSecond: requestsPerSecond, what: 'requests' });
  return createMiddleware<ApiEnv>(async (c, next) => {
    await budget.spend(c.get('caller').tenantId, 1);
    await next();
  });
}

/** Takes points, and returns how long to wait; 0 when they were granted. */
async function take(
  leases: Map<string, Lease>,
  draw: (points: number) => ReturnType<RateLimitStore['take']>,
  { tenantId, points, size }: { readonly tenantId: string; readonly points: number; readonly size: number },
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
    if (lease.left >= points && lease.windowEndsAt > now) {
      lease.left -= points;
      return 0;
    }
    // Concurrent requests share one refill. A request that needs more than the refill brings draws again.
    lease.refill ??= refill(lease, draw, Math.max(size, points));
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
    lease.left = size + (lease.windowEndsAt > now ? lease.left : 0);
    lease.windowEndsAt = now + windowEndsInMs;
  } else {
    lease.blockedUntil = now + Math.max(windowEndsInMs, 100);
  }
  lease.refill = null;
}
