import type { StepPolicy } from './step-policies.ts';

/**
 * The summary of a step's regular activity in the Web UI: what it does, what it waits for, and when a case opens.
 * Temporal limits a summary to 400 bytes.
 * @param failure The code of the failure of the try before; null when there was none.
 */
export function waitingSummaryOf(policy: StepPolicy, failure: string | null): string {
  const { summary, waitsFor, queue, budgetMs, maxAttempts } = policy;
  const answer = waitsFor === 'the database' ? `the database of ${queue}` : waitsFor;
  const awaited = failure === null ? `a worker of the queue ${queue}, then ${answer}` : `${answer} (${failure})`;
  const limits = [
    ...(budgetMs === null ? [] : [`${Math.round(budgetMs / 1_000)} s`]),
    ...(maxAttempts === null ? [] : [`${maxAttempts} attempts`]),
  ];
  return `${summary}: waits for ${awaited}${limits.length === 0 ? '' : `; a case opens after ${limits.join(' or ')}`}`;
}
