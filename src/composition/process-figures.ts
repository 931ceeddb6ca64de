import type { Databases, PoolFigures } from '../../db/client.ts';
import { createBackgroundLoop } from '../runtime/background-loop.ts';
import { startProcessFigures, type FigureValue, type ProcessFigure } from '../runtime/process-figures.ts';
import { createFigureReport } from '../temporal/worker-metrics.ts';

/** CPU, memory, event loop and garbage collection of this process, and its connections to the databases. */
export function processFigures(databases: Databases): readonly ProcessFigure[] {
  const pools = (name: string, description: string, read: (pool: PoolFigures) => readonly FigureValue[]) => ({
    kind: 'gauge' as const,
    name,
    description,
    read: () => databases.pools().flatMap(read),
  });
  return [
    ...startProcessFigures(),
    pools('database_pool_connections', 'Connections to the databases, by pool and state', ({ pool, used, idle }) => [
      [used, { pool, state: 'used' }],
      [idle, { pool, state: 'idle' }],
    ]),
    pools('database_pool_max', 'Most connections of a pool', ({ pool, max }) => [[max, { pool }]]),
    pools('database_pool_waiting', 'Statements that wait for a connection, by pool', ({ pool, waiting }) => [
      [waiting, { pool }],
    ]),
  ];
}

/** A third of the time between two scrapes. */
const REPORT_INTERVAL_MS = 5_000;

/** Shows the figures of a worker's process beside the metrics of the worker. A process with an API shows them there. */
export function reportProcess(databases: Databases): void {
  const report = createFigureReport(processFigures(databases));
  createBackgroundLoop(REPORT_INTERVAL_MS, async () => report()).start();
}
