import { defineConfig } from 'vitest/config';

/** Tests that are too slow for every change; docs/testing.md lists them with their commands. */
export default defineConfig({
  test: {
    include: ['tests/upgrades/rolling-update.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 120_000,
    expect: { poll: { interval: 100, timeout: 60_000 } },
  },
});
