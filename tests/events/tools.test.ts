import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let token: string;
beforeAll(async () => {
  system = await startTestSystem({ events: true });
  token = await system.token();
});
afterAll(() => system.stop());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool like `npm run`, without a terminal. */
async function runTool(tool: 'produce' | 'monitor', ...args: string[]): Promise<Ended> {
  const script = `src/dev/${tool}/main.ts`;
  const all = [script, ...args, '--url', system.url];
  const env = { PATH: process.env['PATH'], DATA_DIR: '/nonexistent' };
  return promisify(execFile)(process.execPath, all, { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (failed: Ended) => failed,
  );
}

interface Figures {
  readonly accepted: number;
  readonly consumers: readonly {
    readonly name: string;
    readonly processed: number;
    readonly failed: number;
    readonly lag: number;
    readonly partitions: readonly unknown[];
  }[];
  readonly orders: { readonly byStatus: Record<string, number> };
  readonly received: Record<string, number>;
  readonly perSecond: { readonly accepted: number };
}

async function readMonitor(): Promise<Figures> {
  const { code, stdout, stderr } = await runTool('monitor', '--once', '--json', '--token', token);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Figures;
}

it('npm run produce sends what was asked for, and counts what was accepted and what was repeated', async () => {
  const before = await readMonitor();
  const mix = ['--types', 'purchase:70,page_view:30', '--duplicates', '10', '--invalid', '5', '--batch', '20'];
  const { code, stdout, stderr } = await runTool(
    'produce',
    '--rate',
    '400',
    '--count',
    '800',
    ...mix,
    '--token',
    token,
  );
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^sent +800$/m);
  expect(stdout).toMatch(/^accepted +720$/m);
  expect(stdout).toMatch(/^duplicates +80$/m);
  expect(stdout).toMatch(/^refused +0$/m);
  expect(stdout).toMatch(/^latency p95 +\d+\.\d ms$/m);
  // The invalid ones fail, and the log then has events that tell so, too.
  await expect
    .poll(async () => {
      const { accepted, consumers } = await readMonitor();
      const analytics = consumers.find(({ name }) => name === 'analytics');
      const ended = (analytics?.processed ?? 0) + (analytics?.failed ?? 0);
      return { hasAll: accepted > before.accepted + 720, left: accepted - ended };
    })
    .toEqual({ hasAll: true, left: 0 });
});

it('npm run produce sends orders, too', async () => {
  const { code, stdout, stderr } = await runTool(
    'produce',
    '--orders',
    '--rate',
    '10',
    '--count',
    '10',
    '--token',
    token,
  );
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^accepted +10$/m);
  await expect.poll(async () => (await readMonitor()).orders.byStatus['CONFIRMED']).toBeGreaterThanOrEqual(10);
});

it('npm run produce ends with 1 when something is refused', async () => {
  const reader = await system.token('demo', ['events:read']);
  const { code, stdout } = await runTool('produce', '--rate', '50', '--count', '5', '--token', reader);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^refused +5 \(403 forbidden: 5\)$/m);
});

it('npm run produce says what is wrong with its arguments, and that it knows no token', async () => {
  const wrong = await runTool('produce', '--rate', 'fast');
  expect([wrong.code, wrong.stdout]).toEqual([2, '']);
  expect(wrong.stderr).toContain('--rate: "fast" is not a number');
  const nobody = await runTool('produce');
  expect(nobody.code).toBe(1);
  expect(nobody.stderr).toContain('start a system with `npm start`, or name one with --url and --token');
});

it('npm run monitor prints one snapshot as JSON: figures of every consumer and partition, orders, and rates', async () => {
  const { accepted, consumers, received, perSecond } = await readMonitor();
  expect(consumers.map(({ name, partitions }) => [name, partitions.length])).toEqual([
    ['analytics', 4],
    ['webhooks', 4],
  ]);
  expect(accepted).toBeGreaterThanOrEqual(received['accepted'] ?? 0);
  expect(received['accepted']).toBeGreaterThanOrEqual(720);
  expect(perSecond.accepted).toBeGreaterThanOrEqual(0);
});

it('npm run monitor prints one snapshot as text', async () => {
  const { code, stdout, stderr } = await runTool('monitor', '--once', '--token', token);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^consumer +processed +failed +retrying +lag +oldest$/m);
  expect(stdout).toMatch(/^analytics +[\d,]+ {2}\+?[\d.]+\/s/m);
  expect(stdout).toMatch(/^lag by partition +0 +1 +2 +3$/m);
  expect(stdout).toMatch(/orders of the last 24 hours: .*CONFIRMED/);
});

it('npm run monitor says what it may not read', async () => {
  const { code, stderr } = await runTool('monitor', '--once', '--token', await system.token('demo', ['ops:read']));
  expect(code).toBe(1);
  expect(stderr).toContain('403 forbidden: the token lacks the scope platform:read');
});
