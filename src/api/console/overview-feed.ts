import {
  STATUS_WINDOW_HOURS,
  type StatsRepository,
  type TenantStats,
} from '../../../db/repositories/orders/stats-repository.ts';
import { ORDER_STATUSES } from '../../domain/order-status.ts';
import type { EventHistory } from './event-history.ts';
import type { OverviewView } from './console-schemas.ts';
import { shareReads } from '../../runtime/shared-read.ts';

/** The overview of a tenant, fresh enough for people. */
export interface OverviewFeed {
  read(tenantId: string): Promise<OverviewView>;
}

export function createOverviewFeed(stats: StatsRepository, events: EventHistory): OverviewFeed {
  return {
    read: shareReads((tenantId) => Promise.all([stats.read(tenantId), events.read()]).then(toView)),
  };
}

function toView([stats, events]: [TenantStats, OverviewView['events']]): OverviewView {
  return {
    at: stats.at.toISOString(),
    orders: {
      byStatus: Object.fromEntries(ORDER_STATUSES.map((status) => [status, stats.byStatus[status] ?? 0])),
      windowHours: STATUS_WINDOW_HOURS,
      isCapped: stats.isStatusCountCapped,
    },
    confirmed: { perSecond: [...stats.confirmedPerSecond] },
    latency: {
      ...stats.latency,
      steps: stats.latencySteps.map((step) => ({ ...step, at: step.at.toISOString() })),
    },
    cases: {
      open: stats.openCases,
      isCapped: stats.isCaseCountCapped,
      oldestOpenedAt: stats.oldestCaseOpenedAt?.toISOString() ?? null,
      causes: stats.causes.map((cause) => ({ ...cause, oldestOpenedAt: cause.oldestOpenedAt.toISOString() })),
    },
    events,
  };
}
