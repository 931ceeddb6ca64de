import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findFreePort } from '../processes/ports.ts';

function runDemo(env: Record<string, string>) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts')], { env, encoding: 'utf8' });
}

it('npm run demo says to start a system when there never was any', () => {
  const { stdout, stderr, status } = runDemo({});
  expect([stdout, status]).toEqual(['', 1]);
  expect(stderr).toContain('start one with `npm start` first');
});

it('npm run demo says to start a system, too, when the one that was is stopped', async () => {
  const port = String(await findFreePort());
  const { stdout, stderr, status } = runDemo({
    API_PORT: port,
    JWT_SECRET: 'a-secret-of-at-least-32-characters',
    CONTACT_KEYS: `dev1:${Buffer.alloc(32).toString('base64')}`,
    DATABASE_URL: 'postgresql://127.0.0.1:1/nowhere',
  });
  expect([stdout, status]).toEqual(['', 1]);
  expect(stderr).toContain(`nothing answers at http://127.0.0.1:${port}`);
  expect(stderr).toContain('start one with `npm start` first');
});
