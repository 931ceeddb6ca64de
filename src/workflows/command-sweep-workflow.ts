import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { SWEEP_POLICY } from './steps/background-policies.ts';

const { sweepCommands } = proxyActivities<Activities>({
  activityId: 'sweep-commands',
  summary: 'Find commands without a workflow: waits for the database of orders and Temporal',
  taskQueue: 'orders',
  startToCloseTimeout: SWEEP_POLICY.startToCloseTimeout,
  retry: SWEEP_POLICY.retry,
});

/** Has commands carried out that were decided and forgotten; started by a schedule. */
export async function sweepCommandsWorkflow(): Promise<{ readonly resumed: number }> {
  return sweepCommands({});
}
