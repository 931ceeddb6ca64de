import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

const run = promisify(execFile);

async function git(...words: readonly string[]): Promise<string> {
  return (await run('git', words, { cwd: PROJECT_FOLDER })).stdout.trim();
}

/** The release before the present code, or why this clone does not have it. */
export type PreviousRelease = { readonly ref: string } | { readonly missing: string };

/**
 * Finds the release before the present code: the newest tag `v...` that the present commit is not part of, else the
 * commit that `tests/upgrades/previous-release.txt` names.
 */
export async function findPreviousRelease(): Promise<PreviousRelease> {
  try {
    await git('rev-parse', '--git-dir');
  } catch {
    return { missing: 'this is no clone: the code of the previous release is not here' };
  }
  const tags = await git('tag', '--list', 'v*', '--merged', 'HEAD', '--no-contains', 'HEAD', '--sort=-v:refname');
  const [tag = ''] = tags.split('\n');
  if (tag !== '') return { ref: tag };
  const named = await readFile(join(PROJECT_FOLDER, 'tests/upgrades/previous-release.txt'), 'utf8');
  const ref = /^[0-9a-f]{40}$/m.exec(named)?.[0] ?? '';
  try {
    await git('cat-file', '-e', `${ref}^{commit}`);
    return { ref };
  } catch {
    const isShallow = (await git('rev-parse', '--is-shallow-repository')) === 'true';
    if (!isShallow) throw new Error(`the history of this clone has no commit "${ref}"`);
    return { missing: 'this clone is shallow: the code of the previous release is not here' };
  }
}

/**
 * Puts the sources of a release into a folder, with the packages of the present one, and builds its workflow bundle.
 * @returns the bundle's path.
 */
export async function unpackRelease(ref: string, folder: string): Promise<string> {
  const archive = join(folder, 'release.tar');
  await git('archive', '--output', archive, ref, 'src', 'db', 'package.json');
  await run('tar', ['-xf', archive, '-C', folder]);
  await symlink(join(PROJECT_FOLDER, 'node_modules'), join(folder, 'node_modules'));
  const bundle = join(folder, 'workflow-bundle.js');
  await run(process.execPath, [join(folder, 'src/temporal/bundle-workflows.ts'), bundle]);
  return bundle;
}

/** A token that the release's own tool makes, because its scopes may have had other names. */
export async function tokenOfRelease(folder: string, env: Readonly<Record<string, string>>): Promise<string> {
  const variables = { PATH: process.env['PATH'], ...env };
  return (await run(process.execPath, [join(folder, 'src/dev/token.ts')], { env: variables })).stdout.trim();
}
