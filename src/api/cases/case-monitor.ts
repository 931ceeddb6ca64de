import type { CaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** The number of orders that wait for a person, and how long the oldest has waited. */
export type CaseMonitor = Sampler<{ readonly open: number; readonly oldestSeconds: number }>;

/** People need minutes, so a sample every 15 s is new enough for an alert, and costs nothing. */
const SAMPLE_INTERVAL_MS = 15_000;

/** Samples the open cases of all tenants. */
export function createCaseMonitor(cases: Pick<CaseRepository, 'age'>): CaseMonitor {
  return createSampler(SAMPLE_INTERVAL_MS, { open: 0, oldestSeconds: 0 }, () => cases.age());
}
