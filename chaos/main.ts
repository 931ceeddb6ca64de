import { setTimeout as sleep } from 'node:timers/promises';
import { createCleanup } from '../bench/cleanup.ts';
import { createInterrupts } from '../src/dev/processes/interrupts.ts';
import { ArgumentError } from '../src/runtime/command-arguments.ts';
import { CHAOS_USAGE, readChaosOptions, type ChaosOptions } from './options.ts';
import { runChaos } from './run.ts';

/** How long an interrupted run may still take after everything was stopped. */
const END_WITHIN_MS = 5_000;

// Entry of `npm run chaos`.
const startedAt = performance.now();
const log = (line: string): void => {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6);
  process.stderr.write(`${seconds} s  ${line}\n`);
};

let options: ChaosOptions | null;
try {
  options = readChaosOptions(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  process.stderr.write(`${error.message}\n\n${CHAOS_USAGE}\n`);
  process.exit(2);
}
if (options === null) {
  process.stdout.write(`${CHAOS_USAGE}\n`);
  process.exit(0);
}
// The reader of the output may be gone before the cleanup is done.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
const interrupts = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
const cleanup = createCleanup();
// A bug of the harness must not leave the system running.
const crashed = Promise.withResolvers<never>();
for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, crashed.reject);
const work = runChaos(options, cleanup, log);
try {
  const passed = await Promise.race([work, interrupts.stopped, crashed.promise]);
  if (passed === null) log('interrupted: stopping everything');
  process.exitCode = passed === true ? 0 : 1;
} catch (error) {
  log(`the run has ended by an error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 1;
} finally {
  await cleanup.run();
  // Parts that were still starting when the cleanup began end soon; clients may wait for longer.
  const limit = sleep(END_WITHIN_MS, undefined, { ref: false });
  await Promise.race([work.catch(() => {}), limit]);
  process.exit();
}
// Idle connections of the clients would keep the process for some minutes.
process.exit();
