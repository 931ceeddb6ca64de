import { getExternalWorkflowHandle, proxyActivities, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { REDRIVE_POLICY } from './steps/background-policies.ts';
import {
  redriveProgressQuery,
  resumeOrderSignal,
  type RedriveProgress,
  type RedriveWorkflowInput,
} from './contract.ts';

type Case = Awaited<ReturnType<Activities['listCause']>>[number];

const { listCause, readCases } = proxyActivities<Activities>({
  taskQueue: 'orders',
  summary: 'Read the cases of the cause: waits for the database of orders',
  startToCloseTimeout: REDRIVE_POLICY.startToCloseTimeout,
  retry: REDRIVE_POLICY.retry,
});

/**
 * Tries the parked orders of one cause again: first a few, then a tenth, then the rest in batches. It stops as soon as
 * one fails again, because the cause then still exists.
 */
export async function redriveWorkflow(input: RedriveWorkflowInput): Promise<RedriveProgress> {
  let progress: RedriveProgress = { state: 'canary', tried: 0, resolved: 0, failedAgain: 0 };
  setHandler(redriveProgressQuery, () => progress);
  const { tenantId, fingerprint, maxPerSecond } = input;
  const all = await listCause({ tenantId, fingerprint, limit: REDRIVE_POLICY.casesMax });
  for (const { state, cases } of stagesOf(all, input.canary)) {
    progress = { ...progress, state };
    setCurrentDetails(`Redrive of \`${fingerprint}\`: ${state}, ${progress.tried} of ${all.length} tried.`);
    await resumeEach(cases, maxPerSecond);
    const { resolved, failedAgain } = await watch(cases);
    progress = {
      state,
      tried: progress.tried + cases.length,
      resolved: progress.resolved + resolved,
      failedAgain: progress.failedAgain + failedAgain,
    };
    if (resolved < cases.length) {
      progress = { ...progress, state: 'stopped' };
      break;
    }
  }
  if (progress.state !== 'stopped') progress = { ...progress, state: 'done' };
  setCurrentDetails(`Ended as **${progress.state}**: ${progress.resolved} of ${progress.tried} resolved.`);
  return progress;
}

function stagesOf(all: readonly Case[], canary: number): { state: 'canary' | 'tenth' | 'rest'; cases: Case[] }[] {
  const tenthEnd = canary + Math.ceil(Math.max(0, all.length - canary) / 10);
  const stages: { state: 'canary' | 'tenth' | 'rest'; cases: Case[] }[] = [
    { state: 'canary', cases: all.slice(0, canary) },
    { state: 'tenth', cases: all.slice(canary, tenthEnd) },
  ];
  for (let start = tenthEnd; start < all.length; start += REDRIVE_POLICY.batch) {
    stages.push({ state: 'rest', cases: all.slice(start, start + REDRIVE_POLICY.batch) });
  }
  return stages.filter(({ cases }) => cases.length > 0);
}

async function resumeEach(cases: readonly Case[], maxPerSecond: number): Promise<void> {
  for (const { workflowId } of cases) {
    // A workflow that has closed meanwhile has resolved its case itself.
    await getExternalWorkflowHandle(workflowId)
      .signal(resumeOrderSignal)
      .catch(() => {});
    await sleep(Math.ceil(1_000 / maxPerSecond), { summary: 'Not faster than was asked for' });
  }
}

/** Looks until every case is resolved, one has failed again, or the time is over. */
async function watch(cases: readonly Case[]): Promise<{ resolved: number; failedAgain: number }> {
  const before = new Map(cases.map(({ caseId, attempts }) => [caseId, attempts]));
  const caseIds = [...before.keys()];
  for (let waitedMs = 0; ; waitedMs += REDRIVE_POLICY.watchIntervalMs) {
    const seen = await readCases({ caseIds });
    const resolved = seen.filter(({ state }) => state === 'resolved').length;
    const failedAgain = seen.filter(
      ({ caseId, state, attempts }) => state === 'open' && attempts > (before.get(caseId) ?? 0),
    ).length;
    const isOver = resolved === cases.length || failedAgain > 0 || waitedMs >= REDRIVE_POLICY.watchMs;
    if (isOver) return { resolved, failedAgain };
    await sleep(REDRIVE_POLICY.watchIntervalMs, { summary: 'Look at the tried cases again' });
  }
}
