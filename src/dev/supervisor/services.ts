import { POSTGRES_STOP_STAGES } from '../postgres/embedded-postgres.ts';
import type { StopStage } from '../processes/processes.ts';
import { TEMPORAL_STOP_STAGES } from '../temporal/temporal-dev-server.ts';

/** The long-running processes of a development system, in the order in which they are stopped. */
const SERVICE_NAMES = ['combined', 'payment simulator', 'mail sink', 'Temporal', 'PostgreSQL'] as const;

/** A long-running process of a development system. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

interface StopPlan {
  /**
   * Services with a lower rank are gone before those with a higher one are stopped: work drains before the servers that
   * it needs.
   */
  readonly rank: number;
  readonly stages: readonly StopStage[];
  /** Whether a second Ctrl-C may kill the service. Its work is then done again; the servers are never killed. */
  readonly mayBeKilled: boolean;
}

/** Longer than the 20 s that a worker gives its running steps (`SHUTDOWN_GRACE_SECONDS`), plus closing. */
const DRAIN: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];

/** There is nothing to drain: every effect is on disk before it is answered. */
const QUICK: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 5_000 }];

/** How each service is stopped. */
export const STOP_PLANS: Readonly<Record<ServiceName, StopPlan>> = {
  combined: { rank: 0, stages: DRAIN, mayBeKilled: true },
  'payment simulator': { rank: 1, stages: QUICK, mayBeKilled: true },
  'mail sink': { rank: 1, stages: QUICK, mayBeKilled: true },
  Temporal: { rank: 2, stages: TEMPORAL_STOP_STAGES, mayBeKilled: false },
  PostgreSQL: { rank: 3, stages: POSTGRES_STOP_STAGES, mayBeKilled: false },
};

/** Whether a name in a run file is a service; other entries are the supervisor and tasks that end by themselves. */
export function isServiceName(name: string): name is ServiceName {
  return SERVICE_NAMES.some((known) => known === name);
}
