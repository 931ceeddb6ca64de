import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatTable } from '../../src/dev/demo/table.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { createInterrupts } from '../../src/dev/processes/interrupts.ts';
import { ArgumentError, positiveInteger, takeArguments } from '../../src/runtime/command-arguments.ts';
import { isPlant, PLANTS, type PlantName } from './plants.ts';
import { runPlants, type PlantResult } from './run-plants.ts';

const USAGE = `npm run chaos:plants -- [options]
  Checks the checker: runs copies of the code with one bug each, and tells whether the chaos run finds it.
  --only LIST      the plants, for example M1,M7 (default: all of M1 to M11)
  --seeds N        runs that a plant has at most (default 5)
  --orders N, --faults N, --per-second N
                   the size of a run (default 150, 4 and 8)
  --out FOLDER     for the runs (default .data/chaos-plants)
  --json FILE      the results as JSON
Exit code: 0 every plant was found, 1 one was not.`;

const { values } = takeArguments(USAGE, {
  options: {
    only: { type: 'string', default: Object.keys(PLANTS).join(',') },
    seeds: { type: 'string', default: '5' },
    orders: { type: 'string', default: '150' },
    faults: { type: 'string', default: '4' },
    'per-second': { type: 'string', default: '8' },
    out: { type: 'string', default: join(PROJECT_FOLDER, '.data/chaos-plants') },
    json: { type: 'string' },
  },
});
// Entry of `npm run chaos:plants`.
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const interrupts = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
  const results = await runPlants({
    plants: values.only.split(',').map(plantNamed),
    seeds: positiveInteger('--seeds', values.seeds),
    orders: positiveInteger('--orders', values.orders),
    faults: positiveInteger('--faults', values.faults),
    perSecond: positiveInteger('--per-second', values['per-second']),
    out: values.out,
    log: (line) => process.stderr.write(`${line}\n`),
    signal: interrupts.stop,
  });
  process.stdout.write(`${tableOf(results)}\n`);
  if (values.json !== undefined) await write(values.json, results);
  return results.every(({ caughtBy }) => caughtBy !== null) ? 0 : 1;
}

function plantNamed(name: string): PlantName {
  if (isPlant(name)) return name;
  throw new ArgumentError(`there is no plant ${name}`);
}

function tableOf(results: readonly PlantResult[]): string {
  const rows = results.map(({ plant, caughtBy, seeds, title, violationsBy }) => [
    plant,
    caughtBy === null ? `not in ${seeds} seeds` : `seed ${caughtBy}`,
    Object.entries(violationsBy)
      .map(([check, count]) => `${check} ${count}`)
      .join(', '),
    title,
  ]);
  const caught = results.filter(({ caughtBy }) => caughtBy !== null).length;
  return `${formatTable(['plant', 'caught', 'found', 'bug'], rows)}\n${caught} of ${results.length} caught`;
}

async function write(file: string, plants: readonly PlantResult[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ at: new Date().toISOString(), plants }, null, 2)}\n`);
}
