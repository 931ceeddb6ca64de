import { writeFile } from 'node:fs/promises';
import { produce } from '../../src/dev/produce/produce.ts';
import type { GeneratorSpec, LoadReport } from './load.ts';

// The load generator, in a process of its own: a variable holds its plan, and a file its results.
const { plan, warmUpPlan, resultFile } = JSON.parse(process.env['GENERATOR_SPEC'] ?? '{}') as GeneratorSpec;
const signal = new AbortController().signal;
if (warmUpPlan !== null) await produce(warmUpPlan, signal);
const cpuBefore = process.cpuUsage();
const startedAt = Date.now();
const { tally, counts, seconds } = await produce(plan, signal);
const { user, system } = process.cpuUsage(cpuBefore);
const percentile = (at: number): number => tally.latency.getValueAtPercentile(at) / 1_000;
const report: LoadReport = {
  startedAt,
  endedAt: Date.now(),
  seconds,
  sent: tally.sent,
  accepted: tally.accepted,
  duplicates: tally.duplicates,
  refused: Object.fromEntries(tally.refused),
  late: counts.late,
  skipped: counts.skipped,
  accept: { p50: percentile(50), p95: percentile(95), p99: percentile(99) },
  cpuMs: (user + system) / 1_000,
};
await writeFile(resultFile, JSON.stringify(report));
