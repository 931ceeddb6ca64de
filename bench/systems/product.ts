import type { TaskQueue } from '../../src/workflows/contract.ts';
import type { Cleanup } from '../cleanup.ts';
import type { Stage } from '../environment.ts';
import { createPrograms } from './programs.ts';
import type { RunningSystem, System } from './system.ts';

/** The task queue of the workflows of orders. */
const TASK_QUEUE: TaskQueue = 'orders';

const WHOLE = { scope: 'whole', usesTemporal: true } as const;

type Settings = Readonly<Record<string, string>>;

/** API and worker in one process, as in production, with every setting except the sandbox at its default. */
export function createCombinedSystem(sandbox: 'standard' | 'lean', extra: Settings): System {
  return {
    name: `combined-${sandbox}`,
    description: `API and worker in one process, ${sandbox} sandbox`,
    ...WHOLE,
    start: async (stage, cleanup) => {
      const options = { env: { WORKFLOW_SANDBOX: sandbox, ...extra }, profileFolder: null };
      const combined = await createPrograms(stage, options, cleanup).startCombined();
      return { url: combined.url, taskQueue: TASK_QUEUE, processes: [combined], stop: combined.stop };
    },
  };
}

/** One API process and `workers` worker processes, with the lean sandbox. */
export function createSplitSystem(workers: number, extra: Settings): System {
  return {
    name: workers === 1 ? 'split' : `split-${workers}`,
    description: `one API, ${countOf(workers)}, lean sandbox`,
    ...WHOLE,
    start: (stage, cleanup) => startSplit({ workers, settings: extra }, stage, cleanup),
  };
}

/**
 * The payment, which waits for the provider, is a task of its queue, and a worker carries out two tasks of a queue at a
 * time, the fewest that `DATABASE_POOL_SIZE` allows. The steps that do not wait stay in the worker that has the order:
 * as tasks they would keep two cores busy before four workers were.
 */
const FEW_SLOTS: Settings = {
  STEP_PLACEMENT: 'payment=queue,inventory=local,notification=local',
  DATABASE_POOL_SIZE: '2',
};

/** Like `split`, but with few slots in each worker: with a slow provider the workers are the limit, and not the cores. */
export function createWaitingSystem(workers: number, extra: Settings): System {
  return {
    name: `waiting-${workers}`,
    description: `one API, ${countOf(workers)}, two payments at a time in each worker`,
    ...WHOLE,
    start: (stage, cleanup) => startSplit({ workers, settings: { ...FEW_SLOTS, ...extra } }, stage, cleanup),
  };
}

function countOf(workers: number): string {
  return workers === 1 ? 'one worker' : `${workers} workers`;
}

async function startSplit(
  { workers, settings }: { readonly workers: number; readonly settings: Settings },
  stage: Stage,
  cleanup: Cleanup,
): Promise<RunningSystem> {
  const options = { env: { WORKFLOW_SANDBOX: 'lean', ...settings }, profileFolder: null };
  const programs = createPrograms(stage, options, cleanup);
  const names = Array.from({ length: workers }, (_, index) => (workers === 1 ? 'worker' : `worker-${index + 1}`));
  const crew = await Promise.all(names.map((name) => programs.startWorker(name)));
  const api = await programs.startApi();
  return {
    url: api.url,
    taskQueue: TASK_QUEUE,
    processes: [api, ...crew],
    stop: async () => {
      await api.stop();
      await Promise.all(crew.map(({ stop }) => stop()));
    },
  };
}
