import { BrokenCircuitError, circuitBreaker, handleWhen, SamplingBreaker, type CircuitBreakerPolicy } from 'cockatiel';

/**
 * Opens when at least half of the calls of the last 10 s failed and there were at least 5 per second of them (so a
 * handful of unlucky orders never opens it); one probe after 2 s decides whether it closes. Kept short because an
 * open breaker only saves useless calls: it never decides an order's fate.
 */
const BREAKER = { threshold: 0.5, duration: 10_000, minimumRps: 5 } as const;
const HALF_OPEN_AFTER_MS = 2_000;

/** State of one breaker, for metrics. */
export type BreakerState = 'closed' | 'open';

/** Circuit breakers of one collaborator, one per route, so that one failing route does not stop the others. */
export interface Breakers {
  /** Runs a call unless the route's breaker is open, in which case `onOpen()` is thrown instead. */
  run<Result>(route: string, call: () => Promise<Result>, onOpen: () => Error): Promise<Result>;
  /** Routes whose breaker is not closed now. */
  openRoutes(): string[];
}

/** Creates breakers that count the errors for which `counts` is true: timeouts and 5xx, never declines. */
export function createBreakers(counts: (error: unknown) => boolean, routesMax = 100): Breakers {
  const byRoute = new Map<string, { readonly policy: CircuitBreakerPolicy; state: BreakerState }>();
  const breakerOf = (name: string) => {
    // Routes come from requests: past the limit they share one breaker, so memory stays bounded.
    const route = byRoute.has(name) || byRoute.size < routesMax ? name : 'other';
    let breaker = byRoute.get(route);
    if (breaker === undefined) {
      const policy = circuitBreaker(handleWhen(counts), {
        halfOpenAfter: HALF_OPEN_AFTER_MS,
        breaker: new SamplingBreaker(BREAKER),
      });
      const entry = { policy, state: 'closed' as BreakerState };
      policy.onBreak(() => (entry.state = 'open'));
      policy.onReset(() => (entry.state = 'closed'));
      byRoute.set(route, entry);
      breaker = entry;
    }
    return breaker;
  };
  return {
    run: async (route, call, onOpen) => {
      try {
        return await breakerOf(route).policy.execute(call);
      } catch (error) {
        throw error instanceof BrokenCircuitError ? onOpen() : error;
      }
    },
    openRoutes: () => [...byRoute].filter(([, breaker]) => breaker.state === 'open').map(([route]) => route),
  };
}
