import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { canBuildTemporalServer } from '../../src/dev/temporal/temporal-cli.ts';

/** A plan that reaches every course that the profile requires. */
const FIXED_SEED = 1;

/** The build of Temporal's server, on a machine that has none yet, takes some minutes of it. */
const LIMIT_MS = 900_000;

interface ChaosRun {
  readonly code: number;
  /** What the run has printed. */
  readonly text: string;
  readonly report: { readonly violations: number; readonly accepted: number; readonly faults: number };
}

async function runChaos(words: readonly string[]): Promise<ChaosRun> {
  const out = await mkdtemp(join(tmpdir(), 'order-saga-chaos-'));
  onTestFinished(() => rm(out, { recursive: true, force: true }));
  const args = ['chaos/main.ts', '--profile', 'ci', '--out', out, ...words];
  const run = promisify(execFile)(process.execPath, args, { cwd: PROJECT_FOLDER, maxBuffer: 64 * 1_024 * 1_024 });
  const { code, stdout, stderr } = await run.then(
    (printed) => ({ code: 0, ...printed }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
  const text = `${stderr}\n${stdout}`;
  const report = await readFile(join(out, 'report.json'), 'utf8').catch(() => null);
  if (report === null) throw new Error(`the run has no report:\n${text}`);
  return { code, text, report: JSON.parse(report) as ChaosRun['report'] };
}

it.runIf(canBuildTemporalServer())(
  'Every promise is kept under a fixed plan of faults, which reaches the rare courses',
  async () => {
    const { code, text } = await runChaos(['--seed', String(FIXED_SEED)]);
    expect(code, text).toBe(0);
  },
  LIMIT_MS,
);

it.runIf(canBuildTemporalServer())(
  'Every promise is kept under a random plan of faults',
  async () => {
    const seed = randomInt(1, 1_000_000);
    console.log(`seed of the random plan: ${seed}`);
    const { text, report } = await runChaos(['--seed', String(seed), '--orders', '100', '--faults', '8']);
    expect(report.violations, text).toBe(0);
    expect(report.accepted, text).toBeGreaterThan(50);
  },
  LIMIT_MS,
);
