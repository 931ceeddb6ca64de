import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../../bench/cleanup.ts';
import { targetRows, type Target } from '../../bench/load-tests/targets.ts';
import { createDatabase } from '../../db/client.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { auditSystem } from '../checker/check.ts';
import { settle, SETTLE_WITHIN_MS, type Settled } from '../checker/settle.ts';
import { availableKinds } from '../faults/catalog.ts';
import { startNemesis } from '../nemesis.ts';
import { makePlan, type Plan } from '../plan.ts';
import { createRandom } from '../random.ts';
import { presentCommit } from '../report/report.ts';
import { startChaosSystem, type ControlledSystem } from '../system/system.ts';
import { startWorkload, type Workload } from '../workload/workload.ts';
import { flatnessOf } from './flatness.ts';
import { growthPerOrder, readSizes, watchMemory, type MemoryMinutes, type Sizes } from './growth.ts';
import type { SoakOptions } from './options.ts';
import { createTally, type MinuteOfClients } from './tally.ts';

/** What a soak has shown. */
export interface SoakReport extends Pick<SoakOptions, 'minutes' | 'perSecond' | 'faultsPerMinute' | 'seed'> {
  /** RFC 3339. */
  readonly at: string;
  readonly commit: string | null;
  readonly accepted: number;
  readonly faults: number;
  readonly availability: number;
  readonly clients: readonly MinuteOfClients[];
  readonly memoryMib: MemoryMinutes;
  /** Bytes per order. */
  readonly growth: Sizes;
  readonly settled: Settled;
  /** Whether memory and latency stayed as they were. */
  readonly targets: readonly Target[];
  /** What the product's audit has found. */
  readonly violations: number;
}

/** No fault of a soak lasts longer. */
const LONGEST_MS = 5_000;

type Log = (line: string) => void;

/** Runs a soak. @returns whether everything settled, nothing has grown, and the audit is clean. */
export async function runSoak(options: SoakOptions, cleanup: Cleanup, log: Log): Promise<boolean> {
  const { out, seed } = options;
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const plan = planOf(options);
  log(`seed ${seed}: ${options.minutes} min at ${options.perSecond} orders/s, ${plan.faults.length} faults`);
  const random = createRandom(seed).branch('links');
  const place = { projectFolder: PROJECT_FOLDER, folder: join(out, 'system'), topology: 'combined' } as const;
  const system = await startChaosSystem({ ...place, random, log }, cleanup);
  const report = await soak({ system, plan, options, log }, cleanup);
  await writeFile(join(out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${soakText(report)}\n`);
  const isFlat = report.targets.every(({ met }) => met);
  return isFlat && report.violations === 0 && Object.keys(report.settled.left).length === 0;
}

function planOf({ minutes, faultsPerMinute, seed }: SoakOptions): Plan {
  const faults = minutes * faultsPerMinute;
  if (faults === 0) return { faults: [] };
  // The memory of a process that is started again begins anew: what grows slowly would not be seen.
  const kinds = availableKinds().filter(({ restartsProduct = false }) => !restartsProduct);
  const room = { kinds, topology: 'combined', faults, durationMs: minutes * 60_000, longestMs: LONGEST_MS } as const;
  return makePlan(room, createRandom(seed).branch('plan'));
}

interface Soak {
  readonly system: ControlledSystem;
  readonly plan: Plan;
  readonly options: SoakOptions;
  readonly log: Log;
}

async function soak({ system, plan, options, log }: Soak, cleanup: Cleanup): Promise<SoakReport> {
  const { minutes, perSecond, faultsPerMinute, seed } = options;
  const { admin } = system.controls.postgres;
  const stop = new AbortController();
  await cleanup.add(() => stop.abort());
  const { signal } = stop;
  const tally = createTally(Date.now());
  const { history } = tally;
  const before = await readSizes(admin);
  const orders = minutes * 60 * perSecond;
  const workload = await startWorkload(system, { seed, orders, perSecond, history, signal });
  await cleanup.add(() => workload.stop());
  const over = new AbortController();
  const memory = watchMemory(system, AbortSignal.any([signal, over.signal]));
  const postOrders = (count: number): Promise<void> => workload.postFresh(count);
  const random = createRandom(seed).branch('faults');
  const { playedMs } = workload;
  const kinds = availableKinds();
  const nemesis = startNemesis({ system, plan, kinds, history, random, postOrders, playedMs, log, signal });
  await Promise.all([workload.posted, nemesis.finished]);
  const healedAt = performance.now();
  over.abort();
  await nemesis.healAll();
  await nemesis.mendAll();
  const settled = await settleSystem(system, workload, healedAt);
  await workload.stop();
  const clients = tally.minutes();
  const requests = clients.reduce((sum, minute) => sum + minute.requests, 0);
  const failed = clients.reduce((sum, minute) => sum + minute.failed, 0);
  const { violations } = await auditSystem(system);
  const memoryMib = await memory;
  return {
    minutes,
    perSecond,
    faultsPerMinute,
    seed,
    at: new Date().toISOString(),
    commit: presentCommit(),
    accepted: tally.accepted(),
    faults: tally.faults(),
    availability: requests === 0 ? 0 : 1 - failed / requests,
    clients,
    memoryMib,
    targets: flatnessOf({ clients, memoryMib }),
    growth: growthPerOrder(before, await readSizes(admin), Math.max(1, tally.accepted())),
    settled,
    violations: violations.length,
  };
}

async function settleSystem(system: ControlledSystem, workload: Workload, since: number): Promise<Settled> {
  const url = system.databaseUrl;
  const database = createDatabase({ url, poolSize: 2, applicationName: 'chaos-soak', onIdleError: () => {} });
  try {
    return await settle(system, { database, workload }, { patienceMs: SETTLE_WITHIN_MS, since });
  } finally {
    await database.close();
  }
}

/** The report for people: one line per minute, then the sums. */
function soakText(report: SoakReport): string {
  const minutes = report.clients.map(({ accepted, acceptMs, availability }, index) => {
    const memory = Object.entries(report.memoryMib[index] ?? {}).map(([name, mib]) => `${name} ${mib}`);
    const latency = acceptMs === null ? '-' : `${acceptMs.p50}/${acceptMs.p99} ms`;
    const served = `${(availability * 100).toFixed(2)} %`;
    return `  ${String(index + 1).padStart(3)} min  ${accepted} orders  ${latency}  ${served}  MiB: ${memory.join(', ')}`;
  });
  const growth = Object.entries(report.growth).map(([name, bytes]) => `  ${name}: ${bytes} bytes per order`);
  return [
    'accepted, 202 after (p50/p99), requests served, memory:',
    ...minutes,
    'growth:',
    ...growth,
    ...targetRows('last fifth by the second', report.targets).map((cells) => `  ${cells.join('  ')}`),
    ...Object.entries(report.settled.left).map(([name, count]) => `still under way: ${name} ${count}`),
    `orders=${report.accepted} faults=${report.faults} availability=${(report.availability * 100).toFixed(3)}% ` +
      `settled=${report.settled.seconds.toFixed(1)}s violations=${report.violations} seed=${report.seed}`,
  ].join('\n');
}
