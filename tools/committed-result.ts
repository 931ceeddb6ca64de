import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

function pathOf(file: string): string {
  return join(PROJECT_FOLDER, 'bench/results', file);
}

/** Whether the results of a run are committed. */
export function hasResult(file: string): boolean {
  return existsSync(pathOf(file));
}

/** What a run has written into `bench/results/`; null for a run that is not committed. */
export function readResult(file: string): unknown {
  return hasResult(file) ? (JSON.parse(readFileSync(pathOf(file), 'utf8')) as unknown) : null;
}
