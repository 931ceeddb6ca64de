import { parseArgs } from 'node:util';
import { loadSimulatorConfig } from './config.ts';
import { createSimulator, type Simulator } from './simulator.ts';

// A full disk under its output must not end the simulator.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
const USAGE = `npm run start:simulator
  The payment simulator alone. Its settings are environment variables: see .env.example.`;

refuseArguments();
const config = readConfig();
if (config) {
  try {
    const simulator = await createSimulator(config);
    // The signal handlers come before the line is printed, because a reader of the line may send a signal at once.
    closeOnSignals(simulator);
    process.stdout.write(`payment simulator listens on ${simulator.url}, ledger ${config.ledgerFile}\n`);
  } catch (error) {
    fail(describe(error, config.port));
  }
}

/** Settings are variables; `--help` is the only argument. */
function refuseArguments(): void {
  try {
    if (parseArgs({ options: { help: { type: 'boolean', short: 'h' } } }).values.help !== true) return;
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

function readConfig(): ReturnType<typeof loadSimulatorConfig> | undefined {
  try {
    return loadSimulatorConfig(process.env);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** The first signal closes cleanly; `once` gives the second one back to Node, which ends the process at once. */
function closeOnSignals(simulator: Simulator): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      simulator.close().catch((error: unknown) => fail(String(error)));
    });
  }
}

function describe(error: unknown, port: number): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `port ${port} is taken: stop what uses it, or set SIMULATOR_PORT to a free port`;
  }
  return error.message;
}

function fail(message: string): void {
  process.stderr.write(`payment simulator: ${message}\n`);
  process.exitCode = 1;
}
