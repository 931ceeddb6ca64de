import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'db/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/**/*.test.ts'],
          globalSetup: ['tests/support/global-setup.ts'],
          // Files that start systems of their own, one after the other in two processes: to load the product again for
          // each would be a quarter of the time.
          pool: 'forks',
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // As patient as the tests: a poll that is too short fails on a busy machine, a long one costs nothing.
          expect: { poll: { interval: 50, timeout: 20_000 } },
        },
      },
    ],
    // Two cores: more files at once would only wait for each other and stretch every timing.
    maxWorkers: 2,
    reporters: ['default'],
  },
});
