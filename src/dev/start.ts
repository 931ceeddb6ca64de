import { takeArguments } from '../runtime/command-arguments.ts';
import { createInterrupts } from './processes/interrupts.ts';
import { assertForDevelopment, type DevEnvironment, loadDevEnvironment } from './dev-environment.ts';
import { keepLoopbackDirect } from '../runtime/loopback.ts';
import { announceRunning, PROJECT_FOLDER } from './data-folder.ts';
import { dataPaths } from './dev-files.ts';
import type { RunningSystem } from './supervisor/start-sequence.ts';
import { surviveOutputErrors } from '../runtime/standard-output.ts';
import { createSupervisor } from './supervisor/supervisor.ts';
import { walkthrough } from './supervisor/walkthrough.ts';

const USAGE = `npm start
  The whole system on this machine, until Ctrl-C. Its settings are environment variables: see .env.example.`;

// The main program of `npm start`, after start.cjs: everything on one machine, until Ctrl-C.
process.exit(await main());

async function main(): Promise<number> {
  takeArguments(USAGE, { options: {} });
  // Only this user may read files that the started programs make, for example Temporal's database.
  process.umask(0o077);
  surviveOutputErrors();
  try {
    keepLoopbackDirect(process.env);
    assertForDevelopment(process.env);
    return await run(loadDevEnvironment(process.env));
  } catch (error) {
    console.error(`npm start: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function run(environment: DevEnvironment): Promise<number> {
  const log = createTimedLog();
  const interrupts = createInterrupts(process, { watchParent: environment.startedByNpm });
  const supervisor = createSupervisor({ environment, log, terminal: process.stderr });
  let failure: Error | null = null;
  let withdraw = (): void => {};
  try {
    const system = await supervisor.start(interrupts.stop);
    withdraw = announceRunning(environment.dataFolder);
    console.log(`\n${describe(environment, system)}\n`);
    failure = await Promise.race([interrupts.stopped, supervisor.crashed]);
  } catch (error) {
    if (!interrupts.stop.aborted) failure = error instanceof Error ? error : new Error(String(error));
  }
  if (failure !== null) console.error(`\nnpm start: ${failure.message}\n`);
  await supervisor.stop(interrupts.hurry);
  withdraw();
  if (failure === null) log('stopped; nothing is lost');
  return failure === null ? 0 : 1;
}

function createTimedLog(): (line: string) => void {
  const startedAt = Date.now();
  return (line) => {
    console.log(`[${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s] ${line}`);
  };
}

function describe(environment: DevEnvironment, { addresses, token }: RunningSystem): string {
  return walkthrough({
    apiUrl: environment.apiUrl,
    operatorUrl: environment.operatorUrl,
    temporalUiUrl: addresses['TEMPORAL_UI_URL'] ?? null,
    temporalNamespace: environment.temporalNamespace,
    inboxUrl: addresses['INBOX_URL'] ?? null,
    token,
    tokenFile: dataPaths(environment.dataFolder).tokenFile,
    dataFolder: environment.dataFolder,
    projectFolder: PROJECT_FOLDER,
    ownTemporal: environment.external.temporalAddress === null,
  });
}
