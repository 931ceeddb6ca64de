import { createMiddleware } from 'hono/factory';
import type { RateLimitStore } from '../../../db/repositories/orders/rate-limit-store.ts';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';

/** A tenant can save up the points of this time, so that a burst of a few seconds passes. */
export const RATE_WINDOW_SECONDS = 10;

/**
 * A process takes points from the shared store in leases of this size and serves requests from its lease. So a lease
 * costs one write, and the count is exact across processes up to one lease each. Small limits have small leases, so that
 * the requests of a tenant that sends too much pass one by one, and not a second's worth at once.
 */
const LEASE_MAX = 50;
const LEASES_PER_WINDOW = 100;

/** Events arrive by the thousand: this size makes 20 writes a second at 20,000 events. */
export const EVENT_LEASE_MAX = 1_000;

/** Points of a lease that are not used by then count as used. */
const LEASE_MS = RATE_WINDOW_SECONDS * 1_000;

/** A tenant that was refused asks the store again after this time at the earliest. */
const BLOCKED_MIN_MS = 20;

interface Lease {
  left: number;
  endsAt: number;
  blockedUntil: number;
  refill: Promise<void> | null;
}

/** Tenants with a lease in memory; past this number the least recently refilled lease is dropped. */
const LEASES_MAX = 10_000;

/** A budget of points per tenant, which come back one by one. */
export interface RateBudget {
  /**
   * Takes points of a tenant.
   * @throws {ProblemError} `rate_limited` when too few are left for now.
   */
  spend(tenantId: string, points: number): Promise<void>;
  /** `rate_limited` when the tenant is known to have no points now, else null; it takes none and asks nobody. */
  refusalOf(tenantId: string): ProblemError | null;
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
  const refusal = (waitMs: number): ProblemError =>
    new ProblemError('rate_limited', `the tenant has used up its ${options.what} for now`, {
      headers: { 'Retry-After': String(retryAfterSeconds(waitMs)) },
    });
  return {
    most: perWindow,
    refusalOf: (tenantId) => {
      const waitMs = (leases.get(tenantId)?.blockedUntil ?? 0) - Date.now();
      return waitMs > 0 ? refusal(waitMs) : null;
    },
    spend: async (tenantId, points) => {
      const draw = (drawn: number) => store.take(tenantId, drawn);
      const waitMs = await take(leases, draw, { tenantId, points, size });
      if (waitMs > 0) throw refusal(waitMs);
    },
  };
}

/** Spread over twice the wait, so that what was refused together does not come back together. */
function retryAfterSeconds(waitMs: number): number {
  return Math.max(1, Math.min(RATE_WINDOW_SECONDS, Math.ceil((waitMs / 1_000) * (1 + Math.random()))));
}

/** Limits the requests of each tenant; needs `caller`. */
export function limitRate(budget: RateBudget) {
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
    lease = { left: 0, endsAt: 0, blockedUntil: 0, refill: null };
    const [oldest] = leases.keys();
    if (leases.size >= LEASES_MAX && oldest !== undefined) leases.delete(oldest);
    leases.set(tenantId, lease);
  }
  for (;;) {
    const now = Date.now();
    if (lease.blockedUntil > now) return lease.blockedUntil - now;
    if (lease.left >= points && lease.endsAt > now) {
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
  const { granted, waitMs } = await draw(size);
  const now = Date.now();
  if (granted) {
    lease.left = size + (lease.endsAt > now ? lease.left : 0);
    lease.endsAt = now + LEASE_MS;
  } else {
    lease.blockedUntil = now + Math.max(waitMs, BLOCKED_MIN_MS);
  }
  lease.refill = null;
}
