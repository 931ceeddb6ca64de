import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { checkFacts } from '../checker/check.ts';
import { makeReport, presentCommit, type ChaosReport, type FinishedRun } from './report.ts';

/** Everything that the checks have judged, in Node's own format, which keeps maps. */
const RUN_FILE = 'run.bin';

/** Keeps a run, so that it can be judged again. */
export async function saveRun(run: FinishedRun, folder: string): Promise<void> {
  await writeFile(join(folder, RUN_FILE), serialize(run));
}

/**
 * Judges a run by the checks as they are now: a run of 40 minutes need not be repeated because a check was wrong. The
 * search for secrets and the audit need the system that is gone, so theirs stay as they were.
 */
export async function judgeAgain(folder: string): Promise<ChaosReport> {
  const run = deserialize(await readFile(join(folder, RUN_FILE))) as FinishedRun;
  const { facts, beyondFacts } = run.check;
  const check = { ...run.check, violations: [...checkFacts(facts), ...beyondFacts] };
  return { ...makeReport({ ...run, check }), judgedBy: presentCommit() };
}
