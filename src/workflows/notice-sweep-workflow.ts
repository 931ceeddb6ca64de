import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyActivities, startChild } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { SWEEP_POLICY } from './steps/background-policies.ts';
import { CORRELATION_MEMO, noticeWorkflowId, TRACE_MEMO } from './contract.ts';
import type { NoticeWorkflowInput } from '../domain/payments/payment-notice.ts';
import { attributesOf } from './search-attributes.ts';
import { noticeWorkflow } from './notice-workflow.ts';

const { listDueNotices } = proxyActivities<Activities>({
  activityId: 'list-due-notices',
  summary: 'Find reports that nobody handles: waits for the database of payments',
  taskQueue: 'orders',
  startToCloseTimeout: SWEEP_POLICY.startToCloseTimeout,
  retry: SWEEP_POLICY.retry,
});

/** Starts workflows for notices that the API has stored and not handled; started by a schedule. */
export async function sweepNoticesWorkflow(): Promise<{ readonly started: number }> {
  const due = await listDueNotices({ limit: SWEEP_POLICY.batch });
  const started = await Promise.all(due.map(start));
  return { started: started.filter(Boolean).length };
}

/** A notice whose workflow runs is already being handled. */
async function start(input: NoticeWorkflowInput): Promise<boolean> {
  const { orderId, tenantId, correlationId, notice, traceparent } = input;
  const trace = traceparent === undefined ? {} : { [TRACE_MEMO]: traceparent };
  try {
    await startChild(noticeWorkflow, {
      args: [input],
      workflowId: noticeWorkflowId(orderId, notice),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: correlationId, tenantId, ...trace },
      staticSummary: `Notice of ${orderId}`,
      typedSearchAttributes: attributesOf({ tenantId }),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
