import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { OPERATOR_MAIL_POLICY } from './steps/background-policies.ts';

const { mailOperators } = proxyActivities<Activities>({
  activityId: 'mail-operators',
  summary: 'Tell operators of cases and failed events: waits for the mail server',
  taskQueue: 'notifications',
  ...OPERATOR_MAIL_POLICY,
});

/** Tells operators of new cases and failed events by one mail; started by a schedule. */
export async function mailOperatorsWorkflow(): Promise<{ readonly told: number }> {
  return mailOperators();
}
