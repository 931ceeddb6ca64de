import type { Client } from '@temporalio/client';
import type { AuditedPart } from '../domain/scheduled-audit.ts';
import { createSampler, type Sampler } from '../runtime/sampler.ts';
import { callWithin } from '../temporal/calls.ts';
import { AUDIT_SCHEDULE_ID } from '../workflows/contract.ts';

/** What the scheduled audit found the last time. */
export interface LatestAudit {
  readonly result: AuditedPart;
  readonly endedAt: Date;
}

/** The last run that has ended; null before the first one. */
export type AuditMonitor = Sampler<LatestAudit | null>;

/** Runs are minutes apart. */
const SAMPLE_INTERVAL_MS = 30_000;

const ANSWER_WITHIN_MS = 5_000;

/** Reads the result of the last run from the schedule, so that every process shows the same, whichever ran it. */
export function createAuditMonitor(client: Client): AuditMonitor {
  return createSampler<LatestAudit | null>(SAMPLE_INTERVAL_MS, null, () =>
    callWithin(ANSWER_WITHIN_MS, client, () => readLatestAudit(client)),
  );
}

/** The last run that has ended. A run that failed, or is still under way, says nothing. */
export async function readLatestAudit(client: Client): Promise<LatestAudit | null> {
  const { info } = await client.schedule.getHandle(AUDIT_SCHEDULE_ID).describe();
  for (const { action } of info.recentActions.toReversed()) {
    if (action.type !== 'startWorkflow') continue;
    const { workflowId, firstExecutionRunId } = action.workflow;
    const handle = client.workflow.getHandle(workflowId, firstExecutionRunId);
    const { status, closeTime } = await handle.describe();
    if (status.name !== 'COMPLETED' || closeTime === undefined) continue;
    return { result: (await handle.result()) as AuditedPart, endedAt: closeTime };
  }
  return null;
}
