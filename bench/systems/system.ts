import type { Cleanup } from '../cleanup.ts';
import type { CountedProcess, Stage } from '../environment.ts';

/** A system under test that has been started. */
export interface RunningSystem {
  /** Address of the API that takes `POST /v1/orders`. */
  readonly url: string;
  /** Where the workflows of its orders wait for a worker. */
  readonly taskQueue: string;
  /** The Node processes whose CPU time and memory are its own. */
  readonly processes: readonly CountedProcess[];
  /** Ends in order; its database connections are closed afterwards. */
  stop(): Promise<void>;
}

/** Something that takes orders and carries them to CONFIRMED on the stage it is given. */
export interface System {
  readonly name: string;
  /** One line for the report. */
  readonly description: string;
  /** Resolves when it is ready for orders; what it starts is undone by the cleanup, too. */
  start(stage: Stage, cleanup: Cleanup): Promise<RunningSystem>;
}
