import { defineConfig } from 'vitest/config';

/** A limit that is too short fails on a busy machine; a long one costs nothing, because only what fails waits for it. */
const PATIENCE = {
  testTimeout: 300_000,
  hookTimeout: 300_000,
  expect: { poll: { interval: 50, timeout: 90_000 } },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'db/**/*.test.ts',
            'tools/**/*.test.ts',
            'bench/**/*.test.ts',
            'chaos/**/*.test.ts',
          ],
          isolate: false,
          ...PATIENCE,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/chaos/**'],
          globalSetup: ['tests/support/global-setup.ts'],
          // Files that start systems of their own, one after the other in two processes: to load the product again for
          // each would be a quarter of the time.
          pool: 'forks',
          isolate: false,
          ...PATIENCE,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['tests/chaos/**/*.test.ts'],
          // It starts a whole system of its own, so it runs when everything else has ended.
          sequence: { groupOrder: 1 },
          ...PATIENCE,
        },
      },
    ],
    // Two cores: more files at once would only wait for each other and stretch every timing.
    maxWorkers: 2,
    reporters: ['default'],
  },
});
