import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

/** A file of the project that a test reads as text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** The files that match, in the order of their paths. */
export function readSources(...patterns: string[]): Source[] {
  const paths = globSync(patterns, { cwd: PROJECT_FOLDER, exclude: ['**/node_modules/**'] });
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(PROJECT_FOLDER, path), 'utf8') }));
}
