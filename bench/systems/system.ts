import type { Cleanup } from '../cleanup.ts';
import type { CountedProcess, Stage } from '../environment.ts';

/** A system under test that has been started. */
export interface RunningSystem {
  /** Address of the API that takes `POST /v1/orders`. */
  readonly url: string;
  /** The task queue on which the workflows of its orders wait for a worker. */
  readonly taskQueue: string;
  /** The Node processes whose CPU time and memory count for the system. */
  readonly processes: readonly CountedProcess[];
  /** Ends in order; its database connections are closed afterwards. */
  stop(): Promise<void>;
}

/** A system that takes orders and carries them to CONFIRMED on the given stage. */
export interface System {
  readonly name: string;
  /** One line for the report. */
  readonly description: string;
  /** Resolves when the system is ready for orders; the cleanup also stops its parts. */
  start(stage: Stage, cleanup: Cleanup): Promise<RunningSystem>;
}
