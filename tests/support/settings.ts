import { ConfigError, loadConfig } from '../../src/config.ts';

/** Key material that no message may repeat. */
export const KEY = Buffer.alloc(32, 7).toString('base64');

/** Variables without a default. */
export const REQUIRED = {
  JWT_SECRET: 'x'.repeat(32),
  CONTACT_KEYS: `key1:${KEY}`,
  DATABASE_URL: 'postgres://user:password@db:5432/shop',
};

/** The problems that the configuration reports, one line each. */
export function problemsOf(env: Record<string, string | undefined>): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.replace('  - ', ''));
  }
  return [];
}
