import type { TaskQueue } from '../../src/workflows/contract.ts';
import { createPrograms } from './programs.ts';
import type { System } from './system.ts';

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
    description: `one API, ${workers === 1 ? 'one worker' : `${workers} workers`}, lean sandbox`,
    ...WHOLE,
    start: async (stage, cleanup) => {
      const options = { env: { WORKFLOW_SANDBOX: 'lean', ...extra }, profileFolder: null };
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
    },
  };
}
