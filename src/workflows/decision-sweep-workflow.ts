import { getExternalWorkflowHandle, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { SWEEP_POLICY } from './steps/background-policies.ts';
import { resolveCaseSignal } from './contract.ts';

const { takeDueDecisions, refuseDecision } = proxyActivities<Activities>({
  taskQueue: 'orders',
  summary: 'Decisions that were not carried out: waits for the database of orders',
  startToCloseTimeout: SWEEP_POLICY.startToCloseTimeout,
  retry: SWEEP_POLICY.retry,
});

/**
 * Delivers operators' decisions that were answered and not carried out; started by a schedule. A workflow takes each
 * decision once, so a second delivery is harmless.
 */
export async function sweepDecisionsWorkflow(): Promise<{ readonly delivered: number }> {
  const due = await takeDueDecisions({ limit: SWEEP_POLICY.batch });
  const delivered = await Promise.all(due.map(deliver));
  return { delivered: delivered.filter(Boolean).length };
}

type Due = Awaited<ReturnType<Activities['takeDueDecisions']>>[number];

/** False when the workflow is gone, so that nothing can carry out the decision any more. */
async function deliver({ workflowId, decision }: Due): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(resolveCaseSignal, decision);
    return true;
  } catch {
    await refuseDecision({ decisionId: decision.decisionId });
    return false;
  }
}
