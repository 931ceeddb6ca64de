import type { WorkerBuild } from '../temporal/worker-host.ts';
import type { Databases, PoolFigures } from '../../db/client.ts';
import { readExpiries, type UsedCertificate } from '../runtime/metrics/certificate-expiry.ts';
import { createMetrics, type Metrics } from '../runtime/metrics/metrics.ts';
import { startProcessFigures, type FigureValue, type ProcessFigure } from '../runtime/metrics/process-figures.ts';

/** The metrics of a process, with the figures that every process has from its start. */
export function createProcessMetrics(serviceName: string, certificates: () => readonly UsedCertificate[]): Metrics {
  const metrics = createMetrics(serviceName);
  metrics.observeProcess(startProcessFigures());
  metrics.observeEach(
    'certificate_expiration_timestamp_seconds',
    'When the first certificate of a file ends, in Unix time, by the setting that names the file',
    () => readExpiries(certificates()),
  );
  return metrics;
}

/** The connections of a process to its databases. */
export function poolFigures(databases: Databases): readonly ProcessFigure[] {
  const pools = (name: string, description: string, read: (pool: PoolFigures) => readonly FigureValue[]) => ({
    kind: 'gauge' as const,
    name,
    description,
    read: () => databases.pools().flatMap(read),
  });
  return [
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

/** Shows the clock of a process beside the database's. */
export function observeClock(metrics: Metrics, clock: { aheadMs(): number }): void {
  metrics.observe(
    'clock_ahead_seconds',
    "How far this machine's clock is ahead of the database's; negative: behind",
    () => clock.aheadMs() / 1_000,
  );
}

/** Shows which build this process is, in the labels of a figure that is always 1. */
export function observeBuild(metrics: Metrics, build: WorkerBuild | null): void {
  const labels = { deployment: build?.name ?? 'none', build_id: build?.buildId ?? 'unversioned' };
  metrics.observeEach('order_saga_build_info', 'The build of this process, in the labels', () => [[1, labels]]);
}
