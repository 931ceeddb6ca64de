import { setTimeout as sleep } from 'node:timers/promises';
import { createCleanup, type Cleanup } from '../bench/cleanup.ts';
import { createInterrupts } from '../src/dev/processes/interrupts.ts';
import { ArgumentError } from '../src/runtime/command-arguments.ts';

/** How long an interrupted run may still take after everything was stopped. */
const END_WITHIN_MS = 5_000;

/** A command that starts a system and stops it again. */
interface Entry<Options> {
  readonly usage: string;
  /** Null when help is requested. @throws {ArgumentError} */
  readonly read: (words: readonly string[]) => Options | null;
  /** Answers whether the run has passed. */
  readonly run: (options: Options, cleanup: Cleanup, log: (line: string) => void) => Promise<boolean>;
}

/** Runs a command to its end and ends this process: 0 passed, 1 not passed or interrupted, 2 a mistake in the options. */
export async function runEntry<Options>({ usage, read, run }: Entry<Options>): Promise<never> {
  const options = readOrExit(usage, read);
  const startedAt = performance.now();
  const log = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  // The reader of the output may be gone before the cleanup is done.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const interrupts = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
  const cleanup = createCleanup();
  // A bug of the harness must not leave the system running.
  const crashed = Promise.withResolvers<never>();
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, crashed.reject);
  const work = run(options, cleanup, log);
  try {
    const passed = await Promise.race([work, interrupts.stopped, crashed.promise]);
    if (passed === null) log('interrupted: stopping everything');
    process.exitCode = passed === true ? 0 : 1;
  } catch (error) {
    log(`the run has ended by an error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 1;
  }
  await cleanup.run();
  // Parts that were still starting when the cleanup began end soon; clients may wait for longer.
  await Promise.race([work.catch(() => {}), sleep(END_WITHIN_MS, undefined, { ref: false })]);
  process.exit();
}

function readOrExit<Options>(usage: string, read: Entry<Options>['read']): Options {
  try {
    const options = read(process.argv.slice(2));
    if (options !== null) return options;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  }
}
