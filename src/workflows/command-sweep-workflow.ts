import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { SWEEP_POLICY } from './steps/background-policies.ts';

const { sweepCommands } = proxyActivities<Activities>({
  activityId: 'sweep-commands',
  taskQueue: 'orders',
  startToCloseTimeout: SWEEP_POLICY.startToCloseTimeout,
  retry: SWEEP_POLICY.retry,
});

/** Carries out what was decided and forgotten; started by a schedule. */
export async function sweepCommandsWorkflow(): Promise<{ readonly resumed: number }> {
  return sweepCommands({});
}
