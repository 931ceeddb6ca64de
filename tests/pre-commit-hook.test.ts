import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

/** The files that a commit needs: the hook, and the files that the formatter and the linter read. */
const COPIED = ['.githooks', '.gitignore', '.editorconfig', '.oxfmtrc.json', '.oxlintrc.json', 'tsconfig.json'];

const GOOD = "export const LIMIT = 'one';\n";
const UNFORMATTED = 'export const LIMIT   =  "one"\n';
/** Well formatted, but against a rule that needs types. */
const FLOATING = 'async function wait(): Promise<void> {}\n\nexport function start(): void {\n  wait();\n}\n';

interface Ended {
  readonly code: number;
  readonly output: string;
}

let home: string;
let clone: string;

/** Runs git without any configuration of the user, even when this test runs inside a hook. */
function git(...words: string[]): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const author = { GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com' };
  const committer = { GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com' };
  const env = { ...Object.fromEntries(inherited), ...author, ...committer, HOME: home, GIT_CONFIG_NOSYSTEM: '1' };
  return new Promise((resolve) => {
    execFile('git', words, { cwd: clone, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(clone, path)), { recursive: true });
  await writeFile(join(clone, path), text);
}

async function stage(path: string, text: string): Promise<void> {
  await write(path, text);
  await git('add', '--', path);
}

function commit(...options: string[]): Promise<Ended> {
  return git('commit', '--quiet', '--message', 'test: a change', ...options);
}

async function countCommits(): Promise<number> {
  const { code, output } = await git('rev-list', '--count', 'HEAD');
  return code === 0 ? Number(output) : 0;
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'order-saga-hook-'));
  clone = join(home, 'a clone with blanks');
  await mkdir(clone);
  await git('init', '--quiet');
  for (const path of COPIED) await cp(join(PROJECT_FOLDER, path), join(clone, path), { recursive: true });
  await symlink(join(PROJECT_FOLDER, 'node_modules'), join(clone, 'node_modules'));
  await writeFile(join(clone, '.git/info/exclude'), 'node_modules\n');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'test: what a clone has');
});

beforeEach(async () => {
  await git('config', 'core.hooksPath', '.githooks');
  await git('reset', '--quiet', '--hard');
  await git('clean', '--quiet', '-d', '--force');
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

it('A clone has no pre-commit hook until it is switched on', async () => {
  await git('config', '--unset', 'core.hooksPath');
  await stage('src/domain/limit.ts', UNFORMATTED);
  expect(await commit()).toMatchObject({ code: 0 });
});

it('A commit that is formatted and free of lint errors passes the hook', async () => {
  const before = await countCommits();
  await stage('src/domain/limit.ts', GOOD);
  expect(await commit()).toMatchObject({ code: 0 });
  expect(await countCommits()).toBe(before + 1);
});

it('A staged file that is not formatted is refused by its name', async () => {
  const before = await countCommits();
  await stage('src/domain/other limit.ts', UNFORMATTED);
  const refused = await commit();
  expect(refused.code).toBe(1);
  expect(refused.output).toContain('src/domain/other limit.ts');
  expect(refused.output).toContain('npm run format');
  expect(await countCommits()).toBe(before);
});

it('A staged lint error that only types can show is refused', async () => {
  await stage('src/domain/floating.ts', FLOATING);
  const refused = await commit();
  expect(refused.code).toBe(1);
  expect(refused.output).toContain('no-floating-promises');
});

it('The hook checks what is staged, whatever the working tree holds', async () => {
  await stage('src/domain/staged-well.ts', GOOD);
  await write('src/domain/staged-well.ts', UNFORMATTED);
  expect(await commit()).toMatchObject({ code: 0 });

  await stage('src/domain/staged-badly.ts', UNFORMATTED);
  await write('src/domain/staged-badly.ts', GOOD);
  expect(await commit()).toMatchObject({ code: 1 });
});

it('The hook leaves files alone that are not part of the commit', async () => {
  await write('src/domain/untouched.ts', UNFORMATTED);
  await git('add', '.');
  await commit('--no-verify');
  await stage('src/domain/touched.ts', GOOD);
  expect(await commit()).toMatchObject({ code: 0 });
});

it('The hook accepts files that neither tool knows, and deletions', async () => {
  await stage('db/migrations/orders/one.sql', 'SELECT   1;\n');
  expect(await commit()).toMatchObject({ code: 0 });
  await git('rm', '--quiet', 'db/migrations/orders/one.sql');
  expect(await commit()).toMatchObject({ code: 0 });
});

it('--no-verify goes past the hook once', async () => {
  await stage('src/domain/in-a-hurry.ts', UNFORMATTED);
  expect(await commit('--no-verify')).toMatchObject({ code: 0 });
});
