import { BrokenCircuitError, circuitBreaker, handleWhen, SamplingBreaker, type CircuitBreakerPolicy } from 'cockatiel';

/**
 * A breaker opens when at least half of the calls of the last 10 s failed, and there were at least 5 calls per second
 * (so a handful of unlucky orders never opens it). A single probe after 2 s decides whether it closes. The times are
 * short, because an open breaker only saves useless calls and never decides about an order.
 */
const BREAKER = { threshold: 0.5, duration: 10_000, minimumRps: 5 } as const;
const HALF_OPEN_AFTER_MS = 2_000;

/** Called when the breaker of a route opens or closes, for logs and metrics. */
export type BreakerListener = (route: string, isOpen: boolean) => void;

/** Circuit breakers of one collaborator, one per route, so that one failing route does not stop the others. */
export interface Breakers {
  /** Runs a call unless the route's breaker is open, in which case `onOpen()` is thrown instead. */
  run<Result>(route: string, call: () => Promise<Result>, onOpen: () => Error): Promise<Result>;
}

/** `counts` selects the errors that open a breaker: timeouts and 5xx, never declines. */
export function createBreakers(
  counts: (error: unknown) => boolean,
  onChange: BreakerListener,
  routesMax = 100,
): Breakers {
  const byRoute = new Map<string, CircuitBreakerPolicy>();
  const breakerOf = (name: string): CircuitBreakerPolicy => {
    // Routes come from requests. Past the limit they share one breaker, so memory stays bounded.
    const route = byRoute.has(name) || byRoute.size < routesMax ? name : 'other';
    const known = byRoute.get(route);
    if (known !== undefined) return known;
    const breaker = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: HALF_OPEN_AFTER_MS,
      breaker: new SamplingBreaker(BREAKER),
    });
    breaker.onBreak(() => onChange(route, true));
    breaker.onReset(() => onChange(route, false));
    byRoute.set(route, breaker);
    return breaker;
  };
  return {
    run: async (route, call, onOpen) => {
      try {
        return await breakerOf(route).execute(call);
      } catch (error) {
        throw error instanceof BrokenCircuitError ? onOpen() : error;
      }
    },
  };
}
