import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { STEP_POLICIES, type StepPolicy } from '../src/workflows/steps/step-policies.ts';

const read = (path: string): string => readFileSync(join(PROJECT_FOLDER, path), 'utf8');

const DOCUMENTS = globSync(['*.md', '.github/*.md', 'docs/**/*.md'], { cwd: PROJECT_FOLDER });

/** What somebody reads who decides about this service, or about running it. */
const SHORT_DOCUMENTS = [
  'deployment.md',
  'index.md',
  'trade-offs.md',
  'scaling.md',
  'sharding.md',
  'failure-scenarios.md',
  'security-model.md',
  'cost.md',
  'roadmap.md',
  'testing.md',
  'troubleshooting.md',
  'deployment.md',
  'upgrading.md',
  'restore.md',
];

/** Files that running the project makes, so they need not exist. */
const MADE_LATER = /^(?:\.data|dist|bench\/results)(?:\/|$)/;

/** The words between backticks, outside of code blocks. */
function quotedIn(document: string): string[] {
  const prose = read(document).replaceAll(/^```[^]*?^```/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, words = '']) => words);
}

it.each(DOCUMENTS)('%s names only files that exist, and none by line number', (document) => {
  const paths = quotedIn(document).filter((word) =>
    /^(?:\.(?:ci|devcontainer|githooks|github|vscode)|bench|chaos|db|docs|ops|src|tests|tools)\/[\w./-]*$/.test(word),
  );
  expect(paths.filter((path) => !MADE_LATER.test(path) && !existsSync(join(PROJECT_FOLDER, path)))).toEqual([]);
  expect(read(document)).not.toMatch(/\.(?:ts|sql|ya?ml):\d+/);
});

it.each(DOCUMENTS)('%s links only to what exists', (document) => {
  const links = [...read(document).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !existsSync(join(PROJECT_FOLDER, dirname(document), link)))).toEqual([]);
});

it.each(DOCUMENTS)('%s links only to headings that exist', (document) => {
  const links = [...read(document).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)];
  const missing = links.filter(([, path = '', anchor = '']) => {
    const target = path === '' ? document : join(dirname(document), path);
    return !headingsOf(target).includes(anchor);
  });
  expect(missing.map(([link]) => link)).toEqual([]);
});

/** The anchors of a document, as GitHub makes them: letters, digits and hyphens of each heading. */
function headingsOf(document: string): string[] {
  const prose = read(document).replaceAll(/^```[^]*?^```/gm, '');
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

it('docs/index.md leads to every document, and each document for a decision fits on two screens', () => {
  const index = read('docs/index.md');
  const pages = globSync('docs/*.md', { cwd: PROJECT_FOLDER }).map((path) => path.replace('docs/', ''));
  expect(pages.filter((page) => page !== 'index.md' && !index.includes(`](${page})`))).toEqual([]);
  const lengths = SHORT_DOCUMENTS.map((page) => [page, read(`docs/${page}`).split('\n').length] as const);
  expect(lengths.filter(([, lines]) => lines > 100)).toEqual([]);
});

it.each(DOCUMENTS)('%s names only commands of operators that exist', (document) => {
  const commands = new Set([...read('docs/cli.md').matchAll(/`([a-z-]+)[^`]*`/g)].map(([, command = '']) => command));
  const named = [...read(document).matchAll(/\bnpm run (?:--silent )?orders -- ([a-z-]+)/g)];
  expect(named.map(([, command = '']) => command).filter((command) => !commands.has(command))).toEqual([]);
});

it.each(DOCUMENTS)('%s names only scripts that exist', (document) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...read(document).matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(start|test)\b)/g)];
  expect(named.map(([, script, short]) => script ?? short ?? '').filter((script) => !(script in scripts))).toEqual([]);
});

// What was released is told as it was.
it.each(DOCUMENTS.filter((document) => document !== 'CHANGELOG.md'))(
  '%s keeps npm silent where a program reads what is printed',
  (document) => {
    const loud =
      /\bnpm\s+run\s+(?!--silent\b)(?:token\b|[\w:-]+\s+--\s[^`\n]*--json\b)|\$\(npm\s+run\s+(?!--silent\b)/g;
    expect(read(document).match(loud) ?? []).toEqual([]);
  },
);

it.each(DOCUMENTS)('%s names only operations that exist', (document) => {
  const named = [...read(document).matchAll(/`(GET|POST|PUT|DELETE|PATCH)\s+(\/[^\s`?#]*)/g)];
  const wrong = named.filter(([, method = '', path = '']) => !isOperation(method, path));
  expect(wrong.map(([operation]) => operation)).toEqual([]);
});

it.each(DOCUMENTS)('%s names only functions that exist', (document) => {
  const named = quotedIn(document).flatMap((word) => /^(\w+)\(\)$/.exec(word)?.[1] ?? []);
  // `patched()` is the SDK's.
  const missing = named.filter((name) => name !== 'patched' && !source().includes(name));
  expect(missing).toEqual([]);
});

/** Whether the API has an operation. An id in a path matches every id and every parameter. */
function isOperation(method: string, path: string): boolean {
  const { paths } = JSON.parse(read('docs/openapi.json')) as { paths: Record<string, Record<string, unknown>> };
  const form = (candidate: string): string => candidate.replaceAll(/\{\w+\}|\bord_[a-z2-7]{26}\b/g, '{}');
  const match = Object.entries(paths).find(([candidate]) => form(candidate) === form(path));
  return match?.[1][method.toLowerCase()] !== undefined;
}

let allSource: string | null = null;
function source(): string {
  const files = (): string[] => globSync(['src/**/*.ts', 'db/**/*.ts'], { cwd: PROJECT_FOLDER });
  allSource ??= files().map(read).join('\n');
  return allSource;
}

it('README.md is read in one go', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(120);
});

it('README.md begins with the two commands that work on a fresh clone', () => {
  expect(read('README.md')).toMatch(/```\nnpm ci && npm start .*\nnpm ci && npm test .*\n```/);
});

it('CONTRIBUTING.md sends the author of a step to the files that call steps and register undos', () => {
  const STEP = /by `steps\.run\(\)` in `([^`]+)`, [^`]*`([^`]+)`\. Register its undo by `saga\.undoWith\(\)`/;
  const [, steps = '', sale = ''] = STEP.exec(read('CONTRIBUTING.md')) ?? [];
  expect(read(steps)).toMatch(/steps\.run\('holdStock'/);
  expect(read(sale)).toMatch(/saga\.undoWith\('hold'.+\n.*holdStock\(/);
});

it('CONTRIBUTING.md has a row for every folder of src', () => {
  const rooms = globSync('src/*/', { cwd: PROJECT_FOLDER }).map((folder) => `${folder.replace(/\/$/, '')}/`);
  const rows =
    read('CONTRIBUTING.md')
      .match(/^\| `.*$/gm)
      ?.join('\n') ?? '';
  expect(rooms.length).toBeGreaterThan(10);
  expect(rooms.filter((room) => !rows.includes(`\`${room}\``))).toEqual([]);
});

it.each(Object.entries<StepPolicy>(STEP_POLICIES))(
  'docs/architecture.md states the policy of %s as the code has it',
  (name, policy) => {
    const budget = policy.budgetMs === null ? `${policy.maxAttempts} attempts` : `${policy.budgetMs / 60_000} min`;
    const figures = [policy.localTimeoutMs, policy.attemptTimeoutMs].map((ms) => `${ms / 1_000} s`);
    const row = read('docs/architecture.md')
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` `));
    const cells = row?.split('|').map((cell) => cell.trim());
    expect(cells?.slice(2, 6)).toEqual([...figures, budget, policy.whenSpent]);
  },
);
