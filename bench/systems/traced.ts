import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import { untilListening } from '../../src/dev/processes/readiness.ts';
import { startNode } from '../environment.ts';
import { createCombinedSystem } from './product.ts';
import type { System } from './system.ts';

const SINK_START_LIMIT_MS = 10_000;

/**
 * `combined-lean` with tracing: a share of the traces is recorded and sent to a collector's stand-in, a process of its
 * own whose time does not count for the system. Beside `combined-lean` in one run it tells the price of tracing.
 */
export function createTracedSystem(percent: number, extra: Readonly<Record<string, string>>): System {
  return {
    name: `traced-${percent}`,
    description: `combined-lean with ${percent} % of the traces recorded`,
    scope: 'whole',
    usesTemporal: true,
    start: async (stage, cleanup) => {
      const port = await findFreePort();
      const url = `http://${LOOPBACK}:${port}`;
      const args = ['bench/systems/span-sink.ts', String(port)];
      await startNode({ name: 'span-sink', args, env: {}, folder: stage.folder, cleanup });
      await untilListening(port, AbortSignal.timeout(SINK_START_LIMIT_MS));
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_SAMPLER_ARG: String(percent / 100), ...extra };
      const running = await createCombinedSystem('lean', env).start(stage, cleanup);
      return {
        ...running,
        stop: async () => {
          await running.stop();
          const spans = Number(await (await fetch(url)).text());
          if (spans === 0) throw new Error('no span was sent: the price of tracing was not measured');
        },
      };
    },
  };
}
