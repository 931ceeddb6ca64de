import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterAll, expect, it } from 'vitest';
import { announceRunning, PROJECT_FOLDER, toolDataFolder } from './data-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'order-saga-env-'));
afterAll(() => rmSync(folder, { recursive: true }));

function npmRun(script: string, env: Record<string, string>) {
  const { PATH = '', HOME = '' } = process.env;
  return spawnSync('npm', ['run', '--silent', script], {
    cwd: PROJECT_FOLDER,
    env: { PATH, HOME, ...env },
    encoding: 'utf8',
  });
}

async function isSignedWith(secret: string, token: string): Promise<boolean> {
  const key = new TextEncoder().encode(secret);
  return jwtVerify(token.trim(), key).then(
    () => true,
    () => false,
  );
}

const [kept, other] = ['the-secret-of-a-second-system-here', 'a-secret-that-the-environment-has'];

it('An npm script reads the dev.env of DATA_DIR, and the environment wins', async () => {
  writeFileSync(join(folder, 'dev.env'), `JWT_SECRET='${kept}'\n`);
  expect(await isSignedWith(kept, npmRun('token', { DATA_DIR: folder }).stdout)).toBe(true);
  expect(await isSignedWith(other, npmRun('token', { DATA_DIR: folder, JWT_SECRET: other }).stdout)).toBe(true);
});

it('An npm script names the system that it speaks to on the first line of its errors, with the settings of `npm start`', () => {
  writeFileSync(join(folder, 'dev.env'), `JWT_SECRET='${kept}'\nTEMPORAL_NAMESPACE='qa'\nAPI_PORT='9'\n`);
  const named = 'system: API http://127.0.0.1:9, Temporal 127.0.0.1:7233 (namespace qa), database not set';
  for (const script of ['token', 'orders', 'audit', 'demo', 'migrate']) {
    expect(npmRun(script, { DATA_DIR: folder }).stderr.split('\n')[0], script).toBe(named);
  }
});

it('An npm script finds the folder of the system that runs, unless it is given one or that folder is gone', () => {
  const running = join(folder, 'running');
  const withdraw = announceRunning(folder, running);
  expect(toolDataFolder({}, running)).toBe(folder);
  expect(toolDataFolder({ DATA_DIR: '/elsewhere' }, running)).toBe('/elsewhere');
  writeFileSync(running, '/nonexistent/system\n');
  expect(toolDataFolder({}, running)).toBe(join(PROJECT_FOLDER, '.data'));
  announceRunning(folder, running);
  withdraw();
  expect(toolDataFolder({}, running)).toBe(join(PROJECT_FOLDER, '.data'));
});

it('An npm script that talks to a running system is preloaded with its variables', () => {
  const { scripts } = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const ownWay = ['start', 'reset', 'bundle', 'bench', 'build', 'docs'];
  const programs = Object.entries(scripts).filter(
    ([name, line]) => /\bnode .*(src|db)\//.test(line) && !ownWay.includes(name),
  );
  expect(programs.length).toBeGreaterThan(10);
  for (const [name, line] of programs) expect(line, name).toContain('node --import ./src/dev/load-dev-env.ts ');
  for (const line of Object.values(scripts)) expect(line).not.toContain('.data/');
});
