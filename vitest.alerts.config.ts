import { defineConfig } from 'vitest/config';

// `npm run alerts`: the tests of alerts that take minutes.
export default defineConfig({
  test: {
    include: ['tests/alerts/*.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    // Two minutes until other alerts have ended, and a minute each to fire and to end.
    testTimeout: 300_000,
    hookTimeout: 120_000,
    reporters: ['verbose'],
  },
});
