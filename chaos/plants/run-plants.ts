import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { startProcess } from '../../src/dev/processes/processes.ts';
import type { ChaosReport } from '../report/report.ts';
import { PLANTS, type Plant, type PlantName } from './plants.ts';

/** How the plants are tried. */
export interface PlantTrials {
  readonly plants: readonly PlantName[];
  /** Seeds that a plant has at most; the first is 1. */
  readonly seeds: number;
  readonly orders: number;
  readonly faults: number;
  readonly perSecond: number;
  /** For the folders of the runs, which are removed again unless a run has failed. */
  readonly out: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Whether and how a plant was found. */
export interface PlantResult {
  readonly plant: PlantName;
  readonly title: string;
  /** The seed whose run found it; null when none did. */
  readonly caughtBy: number | null;
  readonly seeds: number;
  /** What the checks found in that run. */
  readonly violationsBy: Readonly<Record<string, number>>;
  readonly example: string | null;
}

/** Runs each plant with one seed after the other until the checks that must find it do. */
export async function runPlants(trials: PlantTrials): Promise<PlantResult[]> {
  const results: PlantResult[] = [];
  for (const plant of trials.plants) {
    if (trials.signal.aborted) break;
    const result = await runPlant(plant, trials);
    const verdict = result.caughtBy === null ? 'NOT caught' : `caught with seed ${result.caughtBy}`;
    trials.log(`${plant} ${verdict}: ${result.title}${result.example === null ? '' : ` (${result.example})`}`);
    results.push(result);
  }
  return results;
}

async function runPlant(plant: PlantName, trials: PlantTrials): Promise<PlantResult> {
  const { title, foundBy, says = '' }: Plant = PLANTS[plant];
  for (let seed = 1; seed <= trials.seeds && !trials.signal.aborted; seed += 1) {
    const report = await runOnce(plant, seed, trials);
    const example = report?.examples.find(({ check, message }) => foundBy.includes(check) && message.includes(says));
    if (report === null || example === undefined) continue;
    const { violationsBy } = report;
    const told = `${example.check}: ${example.message}`;
    return { plant, title, caughtBy: seed, seeds: seed, violationsBy, example: told };
  }
  return { plant, title, caughtBy: null, seeds: trials.seeds, violationsBy: {}, example: null };
}

/** Null when the run came to no report. */
async function runOnce(plant: PlantName, seed: number, trials: PlantTrials): Promise<ChaosReport | null> {
  const { orders, faults, perSecond, signal, log } = trials;
  const out = join(trials.out, `${plant}-${seed}`);
  const logFile = `${out}.log`;
  const numbers = { seed, orders, faults, 'per-second': perSecond };
  const words = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const run = await startProcess({
    name: `${plant}-${seed}`,
    command: process.execPath,
    args: ['chaos/main.ts', '--profile', 'ci', '--plant', plant, '--out', out, ...words],
    cwd: PROJECT_FOLDER,
    logFile,
  });
  const stop = (): void => run.signal('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  await run.exited;
  signal.removeEventListener('abort', stop);
  try {
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as ChaosReport;
    await rm(out, { recursive: true, force: true });
    return report;
  } catch {
    log(`${plant} with seed ${seed} came to no report, see ${logFile}`);
    return null;
  }
}
