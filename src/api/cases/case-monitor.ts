import type { CaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import { createBackgroundLoop, type BackgroundLoop } from '../../runtime/background-loop.ts';

/** How many orders wait for a person, sampled in the background for the metrics. */
export interface CaseMonitor extends BackgroundLoop {
  open(this: void): number;
  oldestSeconds(this: void): number;
}

/** A person works in minutes: a sample every 15 s costs nothing and is new enough for an alert. */
const SAMPLE_INTERVAL_MS = 15_000;

/** Samples the open cases of all tenants. */
export function createCaseMonitor(cases: Pick<CaseRepository, 'age'>): CaseMonitor {
  let last = { open: 0, oldestSeconds: 0 };
  const sample = async (): Promise<void> => {
    // A sample that fails keeps the last one: PostgreSQL being away is told by readiness.
    last = await cases.age().catch(() => last);
  };
  return {
    open: () => last.open,
    oldestSeconds: () => last.oldestSeconds,
    ...createBackgroundLoop(SAMPLE_INTERVAL_MS, sample),
  };
}
