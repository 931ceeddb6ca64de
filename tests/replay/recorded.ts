import type { TestSystem } from '../support/system.ts';

/** The workflow whose history is kept. */
export interface Recorded {
  readonly where: TestSystem;
  readonly workflowId: string;
  /** It runs for ever: what it has done so far is kept. */
  readonly isEndless?: boolean;
}
