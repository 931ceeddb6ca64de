import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { createRunFile } from './supervisor/run-file.ts';

const root = mkdtempSync(join(tmpdir(), 'order-saga-reset-'));
let data: string;

beforeEach(() => {
  data = join(mkdtempSync(join(root, 'case-')), 'data');
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

function runReset(...args: string[]) {
  const script = join(import.meta.dirname, 'reset.ts');
  return spawnSync(process.execPath, [script, ...args], { env: { DATA_DIR: data }, encoding: 'utf8' });
}

function makeData(): void {
  mkdirSync(join(data, 'logs'), { recursive: true });
  writeFileSync(join(data, 'dev.env'), '');
}

it('npm run reset removes the data folder', () => {
  makeData();
  expect(runReset('--yes').status).toBe(0);
  expect(existsSync(data)).toBe(false);
  expect(runReset('--yes')).toMatchObject({ status: 0, stdout: `${data} does not exist: nothing to remove\n` });
});

it('npm run reset does nothing where nobody can be asked', () => {
  makeData();
  expect(runReset().status).toBe(1);
  expect(existsSync(join(data, 'dev.env'))).toBe(true);
});

it('npm run reset refuses while a run is alive', () => {
  makeData();
  createRunFile(join(data, 'run.json')).record('PostgreSQL', process.pid);
  const { status, stderr } = runReset('--yes');
  expect(status).toBe(1);
  expect(stderr).toContain(`still running: PostgreSQL (process ${process.pid})`);
  expect(existsSync(data)).toBe(true);
});

it('npm run reset refuses a folder that npm start has not made', () => {
  mkdirSync(data);
  writeFileSync(join(data, 'thesis.txt'), 'years of work');
  expect(runReset('--yes').status).toBe(1);
  expect(existsSync(join(data, 'thesis.txt'))).toBe(true);
});
