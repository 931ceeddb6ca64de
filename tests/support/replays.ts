import { Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { TestSystem } from './system.ts';

/**
 * Replays the histories of workflows on the present code, like a worker that has never seen them, and returns the
 * errors. (A workflow that runs from memory can hide an error for as long as its worker lives.)
 */
export async function replayErrors(system: TestSystem, workflowIds: readonly string[]): Promise<string[]> {
  const histories = async function* () {
    for (const workflowId of workflowIds) {
      yield { workflowId, history: await system.client.workflow.getHandle(workflowId).fetchHistory() };
    }
  };
  const errors: string[] = [];
  const options = { workflowBundle: { codePath: inject('workflowBundle') } };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories())) {
    if (error !== undefined) errors.push(`${workflowId}: ${error.message}`);
  }
  return errors;
}
