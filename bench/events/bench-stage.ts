import { loadavg } from 'node:os';
import type { Database } from '../../db/client.ts';
import type { Cleanup } from '../cleanup.ts';
import {
  administer,
  openDatabase,
  setStage,
  type CountedProcess,
  type Environment,
  type Stage,
} from '../environment.ts';
import { cpuMs, difference } from '../measure.ts';
import { runLoad, type Load, type LoadReport } from './load.ts';
import { untilDrained } from './log-reader.ts';
import type { EventBenchOptions } from './options.ts';
import { createPrograms, type Program, type Programs } from '../systems/programs.ts';

/** The stage of the phases: everything but the product's processes. */
export interface BenchStage {
  readonly options: EventBenchOptions;
  readonly app: Database;
  /** Bearer token of the tenant of the load. */
  readonly token: string;
  readonly programs: Programs;
  readonly log: (line: string) => void;
  load(url: string, load: Load): Promise<LoadReport>;
  /** Resolves when every event is processed and every write is on the disk. */
  settle(): Promise<void>;
  /** Runs work and measures its cost per 1,000 events. */
  measure<Result extends { readonly events: number }>(
    programs: readonly Program[],
    work: () => Promise<Result>,
  ): Promise<Result & Cost>;
}

/** The cost of a phase, and how busy the machine was. */
export interface Cost {
  /** CPU milliseconds per 1,000 events, by process. */
  readonly cpuMsPerThousand: Readonly<Record<string, number>>;
  /**
   * The load average of the last minute at the end; a value above the number of cores means that other programs
   * interfered.
   */
  readonly loadAverage: number;
}

/** The fastest settings, without the limit that protects tenants from each other. */
const SETTINGS = { EVENT_RATE_LIMIT_PER_SECOND: '1000000', WORKFLOW_SANDBOX: 'lean' } as const;

/** Starts the stage. */
export async function setEventStage(
  environment: Environment,
  { name = 'events', options, log }: Pick<BenchStage, 'options' | 'log'> & { readonly name?: string },
  cleanup: Cleanup,
): Promise<BenchStage> {
  const stage = await setStage(environment, { name }, cleanup);
  const app = openDatabase(stage.databaseUrl);
  await cleanup.add(() => app.close());
  const programs = createPrograms(
    stage,
    { env: { ...SETTINGS, ...options.extraEnv }, profileFolder: options.profileFolder },
    cleanup,
  );
  return {
    options,
    app,
    token: stage.token,
    programs,
    log,
    load: (url, load) => runLoad({ url, token: stage.token, folder: stage.folder, cleanup }, load),
    settle: async () => {
      await untilDrained(app);
      await administer(environment.admin, 'CHECKPOINT');
    },
    measure: async (measured, work) => {
      const processes = counted(environment, stage, measured);
      const before = cpuMs(processes);
      const result = await work();
      const used = difference(before, cpuMs(processes));
      const perThousand = (ms: number): number => (ms / Math.max(1, result.events)) * 1_000;
      return {
        ...result,
        cpuMsPerThousand: Object.fromEntries(Object.entries(used).map(([name, ms]) => [name, perThousand(ms)])),
        loadAverage: loadavg()[0] ?? 0,
      };
    },
  };
}

function counted({ postgres }: Environment, stage: Stage, programs: readonly Program[]): CountedProcess[] {
  return [...programs, { name: 'postgres', pid: postgres.pid, withChildren: true }, ...stage.processes.temporal];
}
