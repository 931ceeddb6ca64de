import { afterAll, beforeAll, expect, it } from 'vitest';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';

/** One row per scenario: the order, pieces on hand and held, money captured and refunded, each before and after. */
const ROWS = [
  /^ord_\w+ +confirmed +10000\/0 -> 9998\/0 +0\.00\/0\.00 -> 135\.00\/0\.00$/m,
  /^ord_\w+ +declined, stock released +10000\/0 -> 10000\/0 +0\.00\/0\.00 -> 0\.00\/0\.00$/m,
  /^ord_\w+ +out of stock, never charged +5\/0 -> 5\/0 +0\.00\/0\.00 -> 0\.00\/0\.00$/m,
  /^ord_\w+ +gateway retried, confirmed +10000\/0 -> 9999\/0 +0\.00\/0\.00 -> 69\.00\/0\.00$/m,
  /^ord_\w+ +lost reply adopted +10000\/0 -> 9999\/0 +0\.00\/0\.00 -> 69\.50\/0\.00$/m,
  /^ord_\w+ +worker killed, another took over +10000\/0 -> 9999\/0 +0\.00\/0\.00 -> 70\.00\/0\.00$/m,
];

let system: ProcessSystem;
beforeAll(async () => {
  system = await startProcessSystem(['combined']);
});
afterAll(() => system.stop());

it('npm run demo plays every scenario to its end on a running system, and the audit is clean', async () => {
  const env = { ...system.env, PATH: process.env['PATH'], API_PORT: new URL(system.url).port };
  const demo = promisify(execFile)(process.execPath, ['src/dev/demo/main.ts'], { env });
  const { code, stdout } = await demo.then(
    (ended) => ({ code: 0, stdout: ended.stdout }),
    (failed: { code: number; stdout: string; stderr: string }) => ({
      code: failed.code,
      stdout: failed.stdout + failed.stderr,
    }),
  );
  for (const row of ROWS) expect(stdout).toMatch(row);
  expect(stdout).toContain('audit: clean');
  expect(stdout).not.toContain('NOT SO');
  expect(code, stdout).toBe(0);
});
