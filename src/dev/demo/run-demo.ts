import { join } from 'node:path';
import { type EnvironmentVariables } from '../dev-environment.ts';
import { PROJECT_FOLDER } from '../data-folder.ts';
import { logTail } from '../processes/process-log.ts';
import { describeExit, runToEnd } from '../processes/processes.ts';
import type { Ending, Stage } from './stage.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { endingsTable } from './table.ts';

/** There is no system for the demo; the message says what to do. */
export class DemoCannotRunError extends Error {
  constructor(reason: string) {
    super(
      `${reason}.\nIt plays on a running system: start one with \`npm start\` first, then run this in a second terminal.`,
    );
    this.name = 'DemoCannotRunError';
  }
}

/** Enough for the audit's whole report when it is clean, and for the first findings when it is not. */
const AUDIT_LINES = 60;

/** The system and the terminal of one demo. */
export interface DemoOptions {
  readonly apiUrl: string;
  /** Variables for the programs that the demo starts. */
  readonly variables: EnvironmentVariables;
  /** The folder for their logs; the caller removes it. */
  readonly folder: string;
  readonly stage: Stage;
}

/**
 * Plays all scenarios, then prints the table and the audit's verdict. Resolves with the exit code: 0 when every scenario
 * ended as told and the audit is clean.
 * @throws {DemoCannotRunError} when there is no system for the demo.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { stage, apiUrl } = options;
  const { narrator } = stage;
  await assertPlayable(options);
  narrator.print(`${SCENARIOS.length} scenarios, played on ${apiUrl}`);
  const endings: Ending[] = [];
  for (const [index, scenario] of SCENARIOS.entries()) {
    narrator.title(`${index + 1}. ${scenario.title}`);
    endings.push(await playToEnd(scenario, stage));
  }
  narrator.title('npm run audit');
  const clean = await audit(options);
  narrator.print(`\n${endingsTable(endings)}\n\naudit: ${clean ? 'clean' : 'NOT CLEAN'}`);
  const otherwise = endings.flatMap(({ asTold }, index) => (asTold ? [] : [index + 1]));
  narrator.print(otherwise.length === 0 ? 'Every scenario ended as told.' : `NOT as told: ${otherwise.join(', ')}.`);
  return clean && otherwise.length === 0 ? 0 : 1;
}

async function assertPlayable({ stage: { shop }, apiUrl }: DemoOptions): Promise<void> {
  if (!(await shop.isRunning())) throw new DemoCannotRunError(`nothing answers at ${apiUrl}`);
  const faults = await shop.faultsOn();
  if (faults.length === 0) return;
  throw new Error(`the payment simulator has faults on (${faults.join(', ')}): POST /reset to it, then try again`);
}

/** If a scenario breaks off, it ends badly, and the other scenarios continue. */
async function playToEnd(scenario: Scenario, stage: Stage): Promise<Ending> {
  try {
    return await scenario.play(stage);
  } catch (error) {
    stage.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    stage.narrator.check({ text: `the scenario broke off: ${reason}`, holds: false });
    return { orderId: null, happened: 'broke off', before: null, after: null, asTold: false };
  }
}

/** Runs the audit over everything that the system has ever done, not only over the demo's orders. */
async function audit({ stage, variables, folder }: DemoOptions): Promise<boolean> {
  const { narrator, signal } = stage;
  const logFile = join(folder, 'audit.log');
  const args = [join(PROJECT_FOLDER, 'src/audit/main.ts')];
  const command = process.execPath;
  const spec = { name: 'audit', command, args, cwd: PROJECT_FOLDER, logFile, env: { ...variables } };
  const status = await runToEnd(spec, signal);
  signal.throwIfAborted();
  for (const line of logTail(logFile, AUDIT_LINES).split('\n')) narrator.print(`  ${line}`);
  const clean = status.code === 0;
  narrator.check({ text: `every invariant holds (${describeExit(status)})`, holds: clean });
  return clean;
}
