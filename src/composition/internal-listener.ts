import { PortTakenError, startHttpServer, type HttpServer } from '../api/http/http-server.ts';
import { createInternalApp, isReady, type ProcessPhase, type ProcessState } from '../api/internal/internal-app.ts';
import { watchEventLoop } from '../runtime/metrics/event-loop-watch.ts';
import { localHttpUrl } from '../runtime/local-address.ts';
import type { Metrics } from '../runtime/metrics/metrics.ts';
import { createProfiler } from '../runtime/profiler.ts';
import type { Api } from './api.ts';
import type { ProcessBasis } from './resources.ts';
import type { RunningWorker } from './workers.ts';

/** The parts of a running process that the listener shows. */
interface ShownProcess {
  readonly api: Pick<Api, 'fetch'> | null;
  readonly worker: Pick<RunningWorker, 'states'> | null;
}

/** What the orchestrator and operators ask of a process, on a port of its own. */
export interface InternalListener {
  /** From now on the process is ready as long as its workers poll. */
  started(running: ShownProcess): void;
  /** From now on the process is not ready, though it still works. */
  stopping(): void;
  close(): Promise<void>;
}

/** The core's text is written by a thread of its own, even when it has much to say. */
const CORE_METRICS_TIMEOUT_MS = 2_000;

/** The longest delay is that of the last second, at most of the last two. */
const LOOP_WINDOW_MS = 2_000;

/** Requests under way get this long at the end; they are probes. */
const GRACE_MS = 1_000;

/**
 * Listens before the process starts, so that a slow start is seen as one. Without a port there is no listener.
 * @throws {PortTakenError} when the port that was set is taken; without a setting the process takes a free one.
 */
export async function startInternalListener(
  { config, logger, metrics }: ProcessBasis,
  hasWorker: boolean,
): Promise<InternalListener> {
  const { internal, worker } = config;
  if (internal === null) return NO_LISTENER;
  let phase: ProcessPhase = 'starting';
  let running: ShownProcess | null = null;
  const loop = watchEventLoop(LOOP_WINDOW_MS);
  const ended = new AbortController();
  const state = (): ProcessState => ({ phase, workers: running?.worker?.states() ?? {} });
  observeProcessState(metrics, state, hasWorker ? worker.queues : []);
  const coreMetrics = hasWorker && worker.metrics !== null ? readCoreMetrics(worker.metrics) : async () => '';
  const app = createInternalApp({
    state,
    loopDelayMs: loop.longestDelayMs,
    metrics: () => Promise.all([metrics.scrape(), coreMetrics()]),
    profiler: createProfiler(),
    publicFetch: () => running?.api?.fetch ?? null,
    shutdown: ended.signal,
    logger,
  });
  const listen = (port: number): Promise<HttpServer> =>
    startHttpServer({
      host: internal.host,
      port,
      portVariable: 'INTERNAL_PORT',
      // The port stays inside of the pod or the machine.
      tls: null,
      fetch: app.fetch,
      onRefused: (refused) => logger.warn({ ...refused }, 'request'),
    });
  const server = await listen(internal.port).catch((error: unknown) => {
    // Another process of this machine has it. A port that was set is asked by its number, so a free one would not do.
    if (internal.isChosen || !(error instanceof PortTakenError)) throw error;
    return listen(0);
  });
  logger.info({ port: server.port }, 'listening for probes');
  return {
    started: (found) => {
      running = found;
      phase = 'running';
    },
    stopping: () => {
      phase = 'stopping';
    },
    close: async () => {
      ended.abort();
      loop.stop();
      await server.close(GRACE_MS);
    },
  };
}

/** Whether the process takes work, as a whole and queue by queue. */
function observeProcessState(metrics: Metrics, state: () => ProcessState, queues: readonly string[]): void {
  metrics.observe('process_ready', 'Whether the process takes work, 1 or 0', () => (isReady(state()) ? 1 : 0));
  metrics.observeEach('worker_polling', 'Whether a worker of this process polls a task queue, 1 or 0', () => {
    const { workers } = state();
    return queues.map((queue) => [workers[queue] === 'RUNNING' ? 1 : 0, { queue }] as const);
  });
}

const NO_LISTENER: InternalListener = { started: () => {}, stopping: () => {}, close: async () => {} };

/** The SDK's core has an endpoint of its own; it answers nothing before the worker has started. */
function readCoreMetrics({ host, port }: { readonly host: string; readonly port: number }): () => Promise<string> {
  const url = `${localHttpUrl(host, port)}/metrics`;
  return async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(CORE_METRICS_TIMEOUT_MS) }).catch(() => null);
    return answer === null ? '' : answer.text();
  };
}
