import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../bench/cleanup.ts';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { availableKinds, unavailableKinds } from './faults/catalog.ts';
import { createHistory, type History } from './history.ts';
import { startNemesis, type Nemesis } from './nemesis.ts';
import type { ChaosOptions } from './options.ts';
import { makePlan, parsePlan, planText, type Plan } from './plan.ts';
import { createRandom } from './random.ts';
import { startChaosSystem, type ControlledSystem } from './system/system.ts';
import { startWorkload, type Workload } from './workload/workload.ts';

/** After the last heal every client must have come to an end within this time. */
const SETTLE_WITHIN_MS = 120_000;

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
  const system = await startChaosSystem(
    {
      projectFolder: PROJECT_FOLDER,
      folder: join(out, 'system'),
      topology: options.topology,
      random: createRandom(seed).branch('links'),
      log,
    },
    cleanup,
  );
  log('everything serves');
  const history = createHistory(join(out, 'history.jsonl'));
  await play({ system, history, plan, options, log }, cleanup);
  await history.close();
  return true;
}

async function choosePlan({ planFile, seed, topology, faults, orders, perSecond, longestMs }: ChaosOptions) {
  if (planFile !== null) return parsePlan(await readFile(planFile, 'utf8'));
  const durationMs = (orders / perSecond) * 1_000;
  return makePlan(
    { kinds: availableKinds(), topology, faults, durationMs, longestMs },
    createRandom(seed).branch('plan'),
  );
}

interface Run {
  readonly system: ControlledSystem;
  readonly history: History;
  readonly plan: Plan;
  readonly options: ChaosOptions;
  readonly log: Log;
}

/** Workload and faults, then the heal, and the end of all orders. */
async function play({ system, history, plan, options, log }: Run, cleanup: Cleanup): Promise<void> {
  const { seed, orders, perSecond } = options;
  const stop = new AbortController();
  await cleanup.add(() => stop.abort());
  const { signal } = stop;
  const workload: Workload = await startWorkload(system, { seed, orders, perSecond, history, signal });
  await cleanup.add(() => workload.stop());
  const nemesis: Nemesis = startNemesis({
    system,
    plan,
    kinds: availableKinds(),
    history,
    random: createRandom(seed).branch('faults'),
    postOrders: (count) => workload.postFresh(count),
    log,
    signal,
  });
  await Promise.all([workload.posted, nemesis.finished]);
  log('the last fault is healed');
  await nemesis.healAll();
  history.write({ who: 'nemesis', op: 'healed', type: 'ok' });
  await nemesis.mendAll();
  log('operators have mended what the faults have left');
  const late = sleep(SETTLE_WITHIN_MS, 'late', { signal }).catch(() => 'late');
  const settled = await Promise.race([workload.finished.then(() => 'settled'), late]);
  log(settled === 'late' ? 'clients still wait' : 'every client has come to an end');
  await workload.postFresh(FRESH_ORDERS);
  await workload.stop();
}
