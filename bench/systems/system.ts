import type { Cleanup } from '../cleanup.ts';
import type { CountedProcess, Stage } from '../environment.ts';

/** A system under test that has been started. */
export interface RunningSystem {
  /** Address of the API that takes `POST /v1/orders`. */
  readonly url: string;
  /** The task queue of Temporal on which its orders wait for a worker; null on another engine. */
  readonly taskQueue: string | null;
  /** The processes whose CPU time and memory count for the system. */
  readonly processes: readonly CountedProcess[];
  /** The folder in which its engine keeps orders, if that is not PostgreSQL. */
  readonly storeFolder?: string;
  /** Ends in order; its database connections are closed afterwards. */
  stop(): Promise<void>;
}

/**
 * `whole` is this service. `smaller` carries out the same steps, but has no cases, no commands, no event stream and no
 * compensations.
 */
export type Scope = 'whole' | 'smaller';

/** A system that takes orders and carries them to CONFIRMED on the given stage. */
export interface System {
  readonly name: string;
  /** One line for the report. */
  readonly description: string;
  readonly scope: Scope;
  /** Whether its orders are workflows of Temporal. */
  readonly usesTemporal: boolean;
  /** Resolves when the system is ready for orders; the cleanup also stops its parts. */
  start(stage: Stage, cleanup: Cleanup): Promise<RunningSystem>;
}
