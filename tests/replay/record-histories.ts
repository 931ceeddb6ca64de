import { startVitest } from 'vitest/node';
import { takeArguments } from '../../src/runtime/command-arguments.ts';

const USAGE = `npm exec -- node tests/replay/record-histories.ts
  Records the golden histories that are missing.`;

/**
 * Records the golden histories of `tests/replay/histories` that are missing: those of new ways. What was recorded once
 * stays, because the workflows of today must replay it; delete a file on purpose to record it again:
 *
 *     npm exec -- node tests/replay/record-histories.ts
 *
 * It starts PostgreSQL, Temporal and two systems as the test suite does, and plays `recording.ts` on them. Machine
 * names, paths and stack traces are taken out; what remains of the customer is the sealed contact.
 */
takeArguments(USAGE, { options: {} });
const vitest = await startVitest('test', [], {
  config: false,
  watch: false,
  include: ['tests/replay/recording.ts'],
  globalSetup: ['tests/support/global-setup.ts'],
  pool: 'forks',
  testTimeout: 60_000,
  hookTimeout: 60_000,
});
await vitest.close();
