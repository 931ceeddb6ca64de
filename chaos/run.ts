import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../bench/cleanup.ts';
import { createDatabase, type Database } from '../db/client.ts';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { checkRun } from './checker/check.ts';
import { settle, SETTLE_WITHIN_MS, type Settled } from './checker/settle.ts';
import { availableKinds, unavailableKinds } from './faults/catalog.ts';
import { createHistory, type History } from './history.ts';
import { startNemesis, type Nemesis } from './nemesis.ts';
import type { ChaosOptions } from './options.ts';
import { plantTree } from './plants/planted-tree.ts';
import { makePlan, parsePlan, planText, type Plan } from './plan.ts';
import { createRandom } from './random.ts';
import { hasPassed, makeReport, presentCommit, writeReport, type FinishedRun } from './report/report.ts';
import { saveRun } from './report/saved-run.ts';
import { startSamplers } from './samplers/samplers.ts';
import { startChaosSystem, type ControlledSystem } from './system/system.ts';
import { startWorkload, type Workload } from './workload/workload.ts';

/** With a planted bug some orders never end, and the checks that must find it do not wait for them. */
const PLANTED_SETTLE_WITHIN_MS = 30_000;

/** The orders that are placed at the end take a second. */
const FRESH_WITHIN_MS = 60_000;

/** Orders after everything else that must simply succeed. */
const FRESH_ORDERS = 50;

export type Log = (line: string) => void;

/** Runs everything. @returns whether every promise was kept. */
export async function runChaos(options: ChaosOptions, cleanup: Cleanup, log: Log): Promise<boolean> {
  const { out, seed } = options;
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const plan = await choosePlan(options);
  await writeFile(join(out, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
  log(`seed ${seed}: ${options.orders} orders, ${plan.faults.length} faults\n${planText(plan)}`);
  for (const [kind, reason] of Object.entries(unavailableKinds())) log(`without ${kind}: ${reason}`);
  const startedAt = performance.now();
  const system = await startChaosSystem(
    {
      projectFolder: await chooseTree(options),
      folder: join(out, 'system'),
      topology: options.topology,
      random: createRandom(seed).branch('links'),
      log,
    },
    cleanup,
  );
  log('everything serves');
  const history = createHistory(join(out, 'history.jsonl'));
  const played = await play({ system, history, plan, options, log }, cleanup);
  const check = await withDatabase(system, (database) => checkRun(system, database, history));
  await history.close();
  const { profile, orders, perSecond, topology, plant, kinds: only } = options;
  const settings = { profile, seed, orders, perSecond, topology, plant, only, planned: plan.faults.length };
  const seconds = (performance.now() - startedAt) / 1_000;
  const run = { settings, at: new Date().toISOString(), commit: presentCommit(), seconds, check, ...played };
  await saveRun(run, out);
  const report = makeReport(run);
  process.stdout.write(`${await writeReport(report, out)}\n`);
  return hasPassed(report);
}

/** The tree that the product runs from: a copy when a bug is planted. */
async function chooseTree({ plant, out }: ChaosOptions): Promise<string> {
  if (plant === null) return PROJECT_FOLDER;
  const tree = join(out, 'tree');
  await plantTree(plant, tree);
  return tree;
}

/** A connection for looking, which goes through no link. */
async function withDatabase<Result>(
  { databaseUrl: url }: ControlledSystem,
  look: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = createDatabase({ url, poolSize: 2, applicationName: 'chaos-checker', onIdleError: () => {} });
  try {
    return await look(database);
  } finally {
    await database.close();
  }
}

async function choosePlan(options: ChaosOptions): Promise<Plan> {
  const { planFile, seed, topology, faults, orders, perSecond, longestMs } = options;
  if (planFile !== null) return parsePlan(await readFile(planFile, 'utf8'));
  const durationMs = (orders / perSecond) * 1_000;
  const kinds = availableKinds().filter(({ name }) => options.kinds?.includes(name) ?? true);
  return makePlan({ kinds, topology, faults, durationMs, longestMs }, createRandom(seed).branch('plan'));
}

interface Run {
  readonly system: ControlledSystem;
  readonly history: History;
  readonly plan: Plan;
  readonly options: ChaosOptions;
  readonly log: Log;
}

/** Workload and faults, then the heal, and the end of all orders. */
async function play(
  { system, history, plan, options, log }: Run,
  cleanup: Cleanup,
): Promise<Pick<FinishedRun, 'settled' | 'samples'>> {
  const { seed, orders, perSecond } = options;
  const stop = new AbortController();
  await cleanup.add(() => stop.abort());
  const { signal } = stop;
  const workload: Workload = await startWorkload(system, { seed, orders, perSecond, history, signal });
  await cleanup.add(() => workload.stop());
  const samplers = startSamplers(system, history);
  await cleanup.add(async () => void (await samplers.stop()));
  const nemesis: Nemesis = startNemesis({
    system,
    plan,
    kinds: availableKinds(),
    history,
    random: createRandom(seed).branch('faults'),
    postOrders: (count) => workload.postFresh(count),
    playedMs: workload.playedMs,
    log,
    signal,
  });
  await Promise.all([workload.posted, nemesis.finished]);
  const healedAt = performance.now();
  log('the last fault is healed');
  await nemesis.healAll();
  history.write({ who: 'nemesis', op: 'healed', type: 'ok' });
  await nemesis.mendAll();
  log('operators have mended what the faults have left');
  const ended = async (settled: Settled) => {
    await workload.stop();
    return { settled, samples: await samplers.stop() };
  };
  return withDatabase(system, async (database) => {
    const parts = { database, workload };
    const patienceMs = options.plant === null ? SETTLE_WITHIN_MS : PLANTED_SETTLE_WITHIN_MS;
    const settled = await settle(system, parts, { patienceMs, since: healedAt });
    log(`${Object.keys(settled.left).length === 0 ? 'settled' : 'not settled'} after ${settled.seconds.toFixed(1)} s`);
    if (options.plant !== null) return ended(settled);
    const late = sleep(FRESH_WITHIN_MS, undefined, { signal }).catch(() => {});
    await Promise.race([workload.postFresh(FRESH_ORDERS), late]);
    await settle(system, parts, { patienceMs: FRESH_WITHIN_MS, since: performance.now() });
    return ended(settled);
  });
}
