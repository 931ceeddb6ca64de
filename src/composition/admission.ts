import { createRateLimitStore } from '../../db/repositories/orders/rate-limit-store.ts';
import { createAdmission } from '../api/access/admission.ts';
import { createRateBudget, EVENT_LEASE_MAX, RATE_WINDOW_SECONDS, type RateBudget } from '../api/access/rate-limit.ts';
import { createTokenMemory, type TokenMemory } from '../api/access/token-memory.ts';
import type { EventIntake } from '../api/events/event-intake.ts';
import { createBoundedLog } from '../runtime/bounded-log.ts';
import type { EarlyRefusal, RefusalOfHead } from '../api/http/request-head.ts';
import type { ApiMetrics } from '../api/http/metrics.ts';
import type { EagerSlots } from '../api/orders/eager-slots.ts';
import { createOrderRoom } from '../api/orders/order-room.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ProcessContext } from './resources.ts';

/** What decides whether a request is let in, before and after it is read. */
export interface AdmissionParts {
  readonly tokens: TokenMemory;
  readonly requestBudget: RateBudget;
  readonly eventBudget: RateBudget;
  readonly refusalOf: RefusalOfHead;
}

/** Builds the budgets of the tenants, and the check of heads that knows them. */
export function composeAdmission(
  { config, resources }: ProcessContext,
  { slots, intake }: { readonly slots: EagerSlots | null; readonly intake: EventIntake },
): AdmissionParts {
  const { rateLimitPerSecond, eventRateLimitPerSecond } = config.api;
  const storeOf = (pointsPerSecond: number, keyPrefix: string) =>
    createRateLimitStore(resources.databases.orders, {
      points: pointsPerSecond * RATE_WINDOW_SECONDS,
      windowSeconds: RATE_WINDOW_SECONDS,
      keyPrefix,
    });
  const parts = {
    tokens: createTokenMemory(),
    requestBudget: createRateBudget(storeOf(rateLimitPerSecond, 'requests'), {
      pointsPerSecond: rateLimitPerSecond,
      what: 'requests',
    }),
    eventBudget: createRateBudget(storeOf(eventRateLimitPerSecond, 'events'), {
      pointsPerSecond: eventRateLimitPerSecond,
      leaseMax: EVENT_LEASE_MAX,
      what: 'events',
    }),
  };
  return { ...parts, refusalOf: createAdmission({ ...parts, orders: createOrderRoom(slots), intake }) };
}

/** Counts every early refusal, and logs some of them: an overload must not fill the disk. */
export function tellEarlyRefusals(metrics: ApiMetrics, logger: Logger): (refused: EarlyRefusal) => void {
  const log = createBoundedLog(logger);
  return ({ path, method, status, errorCode, requestId }) => {
    const route = POSTED.has(path) ? path : 'refused early';
    metrics.requestEnded({ route, method, status, seconds: 0 });
    log({ requestId, method, route, status, errorCode });
  };
}

/** Other addresses have ids in them, which a metric must not have. */
const POSTED: ReadonlySet<string> = new Set(['/v1/orders', '/v1/events']);
