import type { IncomingMessage } from 'node:http';
import { pathOf, type RefusalOfHead } from '../http/request-head.ts';
import type { ProblemError } from '../http/problem.ts';
import { bearerTokenOf } from './auth.ts';
import type { RateBudget } from './rate-limit.ts';
import type { TokenMemory } from './token-memory.ts';

export interface AdmissionDeps {
  readonly tokens: TokenMemory;
  readonly requestBudget: RateBudget;
  readonly eventBudget: RateBudget;
  /** Whether there is room for another order of a tenant, and for other events: `unavailable` if not, else null. */
  readonly orders: { refusalOf(tenantId: string): ProblemError | null };
  readonly intake: { refusal(): ProblemError | null };
}

/**
 * Refuses what is sure to be refused, by its head: requests of a tenant that has no points left (429), and posts for
 * which there is no room (503). Only callers whose token was verified a moment ago are judged, so an answer says nothing
 * to anybody else, and a tenant is refused for itself. Everything else goes the whole way, and so does everything that
 * reads or commands orders: an overload by new orders keeps nobody from cancelling one.
 */
export function createAdmission(deps: AdmissionDeps): RefusalOfHead {
  return (request) => {
    const path = pathOf(request);
    if (!path.startsWith('/v1/')) return null;
    const token = bearerTokenOf(request.headers.authorization);
    const caller = token === null ? undefined : deps.tokens.find(token);
    return caller === undefined ? null : refusalOf(deps, { request, path, tenantId: caller.tenantId });
  };
}

function refusalOf(
  { requestBudget, eventBudget, orders, intake }: AdmissionDeps,
  { request, path, tenantId }: { readonly request: IncomingMessage; readonly path: string; readonly tenantId: string },
): ProblemError | null {
  if (request.method !== 'POST') return requestBudget.refusalOf(tenantId);
  // Posts of events have a budget of their own.
  if (path === '/v1/events') return eventBudget.refusalOf(tenantId) ?? intake.refusal();
  const limited = requestBudget.refusalOf(tenantId);
  if (limited !== null || path !== '/v1/orders' || isDryRun(request)) return limited;
  return orders.refusalOf(tenantId);
}

/** A dry run takes no room. */
function isDryRun({ url = '' }: IncomingMessage): boolean {
  return url.includes('dryRun=');
}
