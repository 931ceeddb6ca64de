import type { Client } from '@temporalio/client';
import type { PaymentRetrigger } from '../activities/payments/notice-activities.ts';
import { STEP_POLICIES } from '../workflows/steps/step-policies.ts';
import { describeWorkflow } from './calls.ts';
import { noticeWorkflowId, resumeOrderSignal } from '../workflows/contract.ts';
import { CASE_KIND } from '../workflows/search-attributes.ts';

/** The server's numbers: an attempt waits for its time, or runs. */
const SCHEDULED = 1;

/**
 * Wakes steps with the given client, which may be the worker's own, inside an activity. A step that waits for its next
 * attempt is reset: a reset leaves no event in the history, so it does not drop a workflow task that is under way, as a
 * signal would. A parked step is resumed.
 */
export function createPaymentRetrigger(clientOf: () => Client): PaymentRetrigger {
  const wake: PaymentRetrigger['wake'] = async (workflowId, steps) => {
    const client = clientOf();
    const found = await describeWorkflow(client, workflowId);
    if (found === null || found.status.name !== 'RUNNING') return 'gone';
    const waiting = found.raw.pendingActivities?.find(({ activityId }) => steps.includes(activityId ?? ''));
    if (waiting !== undefined) {
      if (waiting.state !== SCHEDULED) return 'under_way';
      await client.workflowService.resetActivity({
        namespace: client.options.namespace,
        execution: { workflowId, runId: found.runId },
        id: waiting.activityId ?? null,
        identity: 'payment retrigger',
        // A person's pause stays until that person ends it.
        keepPaused: true,
      });
      return 'retriggered';
    }
    const parkedAt = found.typedSearchAttributes.get(CASE_KIND);
    if (parkedAt === undefined || !steps.includes(parkedAt)) return 'nothing';
    await client.workflow.getHandle(workflowId).signal(resumeOrderSignal);
    return 'retriggered';
  };
  return {
    wake,
    judgeAgain: async (orderId, notice) => {
      await wake(noticeWorkflowId(orderId, notice), [STEP_POLICIES.judgeNotice.id]);
    },
  };
}
