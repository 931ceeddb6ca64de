import { startVitest } from 'vitest/node';
import { takeArguments } from '../../src/runtime/command-arguments.ts';

const USAGE = `npm exec -- node tests/replay/record-histories.ts
  Records the golden histories that are missing.`;

/**
 * Records the missing golden histories of `tests/replay/histories`, which belong to new ways. Recorded histories stay,
 * because the present workflows must replay them; delete a file on purpose to record it again:
 *
 * npm exec -- node tests/replay/record-histories.ts
 *
 * It starts PostgreSQL, Temporal and two systems like the test suite, and plays `recording.ts` on them. Machine names,
 * paths and stack traces are removed; of the customer only the sealed contact remains.
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
