import { existsSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { takeArguments } from '../runtime/command-arguments.ts';
import { loadDevEnvironment } from './dev-environment.ts';
import { dataPaths } from './dev-files.ts';
import { removePostgresHome } from './postgres/postgres-home.ts';
import { createRunFile } from './supervisor/run-file.ts';

const USAGE = `npm run reset -- [--yes]
  Removes the data folder (DATA_DIR, default .data) of npm start: all orders, stock, payments and secrets.
  --yes   without asking`;

// Entry of `npm run reset`: deletes all orders, stock and secrets of the development system.
try {
  process.exitCode = await reset();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

async function reset(): Promise<number> {
  const { values } = takeArguments(USAGE, { options: { yes: { type: 'boolean', default: false } } });
  const { dataFolder } = loadDevEnvironment(process.env);
  const paths = dataPaths(dataFolder);
  if (!existsSync(dataFolder)) {
    console.log(`${dataFolder} does not exist: nothing to remove`);
    return 0;
  }
  const alive = createRunFile(paths.runFile).alive();
  if (alive.length > 0) {
    const names = alive.map(({ name, pid }) => `${name} (process ${pid})`).join(', ');
    console.error(`still running: ${names}. Stop it first; after a kill, \`npm start\` and Ctrl-C stop what was left.`);
    return 1;
  }
  if (
    ![paths.environmentFile, paths.secretsFile, paths.postgresFolder, paths.logFolder].some((path) => existsSync(path))
  ) {
    console.error(`${dataFolder} was not made by npm start: remove it yourself if it is to go`);
    return 1;
  }
  if (!values.yes && !(await confirmed(dataFolder))) return 1;
  removePostgresHome(paths.postgresFolder);
  rmSync(dataFolder, { recursive: true });
  console.log(`removed ${dataFolder}`);
  return 0;
}

async function confirmed(dataFolder: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    console.error('nobody can be asked here: use `npm run reset -- --yes`');
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Remove ${dataFolder} with all orders, stock, payments and secrets? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
