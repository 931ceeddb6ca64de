import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { SWEEP_POLICY } from './steps/background-policies.ts';

const { expireHolds } = proxyActivities<Activities>({
  activityId: 'expire-holds',
  summary: 'Expire overdue holds: waits for the database of inventory',
  taskQueue: 'inventory',
  startToCloseTimeout: SWEEP_POLICY.startToCloseTimeout,
  retry: SWEEP_POLICY.retry,
});

/** Expires the holds whose time is up; started by a schedule, so the next run takes the holds that are left. */
export async function sweepHoldsWorkflow(): Promise<{ readonly expiredOrders: number }> {
  return expireHolds({ limit: SWEEP_POLICY.batch });
}
