import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { PROJECT_FOLDER } from '../../../src/dev/data-folder.ts';

/** Files of the project that `npm run build` compiles. */
export function builtSources(): readonly string[] {
  const tsc = join(PROJECT_FOLDER, 'node_modules/.bin/tsc');
  const listed = execFileSync(tsc, ['-p', 'tsconfig.build.json', '--listFilesOnly'], {
    cwd: PROJECT_FOLDER,
    encoding: 'utf8',
  });
  const files = listed.split('\n').map((file) => relative(PROJECT_FOLDER, file));
  return files.filter((file) => /^(?:src|db)\//.test(file));
}

/** The source of a program as a container names it: `./dist/src/worker.js`. */
export function sourceOf(program: string): string {
  return program.replace(/^(?:\.\/)?dist\//, '').replace(/\.js$/, '.ts');
}
