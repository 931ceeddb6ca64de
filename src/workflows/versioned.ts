import type { Workflow } from '@temporalio/common';
import { setWorkflowOptions } from '@temporalio/workflow';
import * as workflows from './index.ts';

// The workflows of a worker that is versioned. A server refuses a behavior of versions from any other worker, so only the
// bundle of versioned workers has one.
export * from './index.ts';

/** These stay with the build that began them; open ones end within days at most, or wait for a person. */
const PINNED: readonly string[] = ['orderWorkflow', 'orderCommandWorkflow', 'noticeWorkflow'];

// All others move to the current build: they run for days or for ever, so old builds would have to run as long.
for (const [name, workflow] of Object.entries<Workflow>(workflows)) {
  if (!PINNED.includes(name)) setWorkflowOptions({ versioningBehavior: 'AUTO_UPGRADE' }, workflow);
}
