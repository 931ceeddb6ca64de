import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { hasPassed, type ChaosReport } from '../../chaos/report/report.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { canBuildTemporalServer } from '../../src/dev/temporal/temporal-cli.ts';

/** A plan of nine kinds of faults, among them a deletion by hand, a lost store of Temporal, and effects that come late. */
const SEED = 2;

/** The build of Temporal's server, on a machine that has none yet, takes some minutes of it. */
const LIMIT_MS = 900_000;

interface ChaosRun {
  /** What the run has printed. */
  readonly text: string;
  readonly report: Pick<ChaosReport, 'violations' | 'accepted' | 'faults' | 'missed' | 'settled'>;
}

async function runChaos(words: readonly string[]): Promise<ChaosRun> {
  const out = await mkdtemp(join(tmpdir(), 'order-saga-chaos-'));
  onTestFinished(() => rm(out, { recursive: true, force: true }));
  const args = ['chaos/main.ts', '--profile', 'ci', '--out', out, ...words];
  const run = promisify(execFile)(process.execPath, args, { cwd: PROJECT_FOLDER, maxBuffer: 64 * 1_024 * 1_024 });
  const { stdout, stderr } = await run.catch((error: unknown) => error as { stdout: string; stderr: string });
  const text = `${stderr}\n${stdout}`;
  const report = await readFile(join(out, 'report.json'), 'utf8').catch(() => null);
  if (report === null) throw new Error(`the run has no report:\n${text}`);
  return { text, report: JSON.parse(report) as ChaosRun['report'] };
}

it.runIf(canBuildTemporalServer())(
  'Every promise is kept under a short plan of faults',
  async () => {
    const { text, report } = await runChaos(['--seed', String(SEED), '--orders', '150', '--faults', '10']);
    expect(report.violations, text).toBe(0);
    expect(report.missed, text).toEqual([]);
    expect(hasPassed(report), text).toBe(true);
    expect(report.accepted, text).toBeGreaterThan(100);
    expect(report.faults, text).toBeGreaterThan(5);
  },
  LIMIT_MS,
);
