import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'db/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/**/*.test.ts'],
          globalSetup: ['tests/support/global-setup.ts'],
          // The SDK's native runtime is one per process, so each file gets a process of its own.
          pool: 'forks',
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
