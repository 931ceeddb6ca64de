import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { readSources, type Source } from './support/sources.ts';

// What the linter cannot say of the house (its rules on imports, lengths and `process.env` are in .oxlintrc.json).

const PROJECT = join(import.meta.dirname, '..');

function withoutTests({ path }: Source): boolean {
  return !/\.(test|config)\.ts$/.test(path);
}

const code = readFileSync(inject('workflowBundle'), 'utf8');
const modules = [...code.matchAll(/^\/\*\*\*\/ "(\.\/[^"]+)"/gm)].map(([, name = '']) => name);

it('The workflow bundle holds workflow code and the domain, and of packages the SDK with what it needs', () => {
  const packages = ['@temporalio/common', '@temporalio/workflow', 'long', 'ms', 'nexus-rpc'];
  const expected = ['src/workflows/', 'src/domain/', ...packages.map((name) => `node_modules/${name}/`)];
  const strangers = modules.filter((name) => !expected.some((start) => name.startsWith(`./${start}`)));

  expect(modules).toContain('./src/workflows/order-workflow.ts');
  expect(modules).toContain('./src/domain/payments/payment.ts');
  expect(strangers).toEqual([]);
});

it('The workflow bundle requires no module of Node', () => {
  expect(code).not.toMatch(/require\(['"]node:/);
  expect(modules.filter((name) => /zod|drizzle|node:/.test(name))).toEqual([]);
});

it('The environment is not reached around the linter, which knows `process.env` only', () => {
  const around = /\{[^}]*\benv\b[^}]*\}\s*(=\s*process\b|from\s+['"](node:)?process['"])|globalThis\.process/;
  const sources = readSources('{src,db}/**/*.ts').filter(withoutTests);
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.filter(({ text }) => around.test(text)).map(({ path }) => path)).toEqual([]);
});

/**
 * Interfaces and factories whose name says everything that a docblock could, so that the docblock would be a formula.
 */
const EXPLAINED_BY_ITS_NAME = /^export (?:interface \w*(?:Deps|Options)\b|(?:async )?function (?:create|make)[A-Z])/;

/** Exports that need a docblock and have none. Exports on adjoining lines (a list and its type) share one. */
function listUndocumented(text: string): string[] {
  const lines = text.split('\n');
  const isExport = (line: string): boolean =>
    /^export (?!\{|\*|type \{)/.test(line) && !EXPLAINED_BY_ITS_NAME.test(line);
  const documented = new Set<number>();
  const missing: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (!isExport(line)) continue;
    const before = lines[index - 1] ?? '';
    const continues = before !== '' && documented.has(startOfParagraph(lines, index));
    if (before.endsWith('*/') || continues) documented.add(startOfParagraph(lines, index));
    else missing.push(line);
  }
  return missing;
}

function startOfParagraph(lines: readonly string[], index: number): number {
  let start = index;
  while (start > 0 && lines[start - 1] !== '') start -= 1;
  return start;
}

it.each([
  ['is found without its docblock', 'const a = 1;\n\nexport const b = 2;\n', ['export const b = 2;']],
  ['is found with a mere comment', '// why\nexport function b(): void {}\n', ['export function b(): void {}']],
  ['is covered by its docblock', '/** Why. */\nexport const b = 2;\n', []],
  ['is covered by the one above it', '/** All. */\nexport const ALL = [1];\nexport type One = 1;\n', []],
  ['may be a factory without one', 'export function createB(): B {}\nexport async function makeC(): C {}\n', []],
  [
    'may be a deps interface without one',
    'export interface BDeps {}\nexport interface COptions extends BDeps {}\n',
    [],
  ],
  ['is no factory by its first letters', 'export function created(): B {}\n', ['export function created(): B {}']],
  ['that hands on another is none', `export { a } from './a.ts';\nexport type { B } from './b.ts';\n`, []],
])('An export %s', (_, text, missing) => {
  expect(listUndocumented(text)).toEqual(missing);
});

it('An export has a docblock in domain, workflows, activities, gateways and db', () => {
  const sources = readSources('src/{domain,workflows,activities,gateways}/**/*.ts', 'db/**/*.ts').filter(withoutTests);
  const missing = sources.flatMap(({ path, text }) => listUndocumented(text).map((line) => `${path}: ${line}`));
  expect(sources.length).toBeGreaterThan(30);
  expect(missing).toEqual([]);
});

/** Wordings that a native reader has to read twice, or that only repeat a name. */
const REFUSED_WORDINGS: Readonly<Record<string, RegExp>> = {
  'What X works with.': /^What .* works? with\./,
  'Creates the X.': /^Creates (?:the|an?) /,
  'Input of X.': /^Input of /,
  'a sentence that opens with "Of"': /(?:^|[.:;?!] )Of (?!course\b)/,
  whoever: /\bwho(?:so)?m?ever\b/i,
  'so many': /\bso many\b/i,
  '"such" without a noun': /\bsuch(?=[.,;:)]|$)|\bnone such\b|\bsuch (?:is|are|that|ones?)\b/i,
  '"One that" or "Those that" as a subject': /(?:^|[.:;?!] )(?:One|Those) (?:that|who)\b/,
};

/** The comments of a file, each on one line and without its marks. */
function listComments(text: string): string[] {
  const COMMENT = /\/\*\*?([^]*?)\*\/|((?:^[ \t]*(?:\/\/|--) .*\n?)+)|\S[ \t]+\/\/ (.*)/gm;
  return [...text.matchAll(COMMENT)].map(([, block, lines, tail]) => joinLines(block ?? lines ?? tail ?? ''));
}

/** The paragraphs, list items and table cells of a document, each on one line, without its blocks of code. */
function listParagraphs(document: string): string[] {
  const prose = document.replaceAll(/^```[^]*?^```/gm, '\n');
  return prose
    .split(/\n\n+|\n(?=- |\d+\. |\||#)|\s\|\s/)
    .map((part) => joinLines(part).replace(/^(?:-|\d+\.|\|) /, ''));
}

function joinLines(text: string): string {
  return text
    .replaceAll(/^[ \t]*(?:\*|\/\/|--) ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function listRefusedWordings(path: string, texts: readonly string[]): string[] {
  return texts.flatMap((text) =>
    Object.entries(REFUSED_WORDINGS)
      .filter(([, wording]) => wording.test(text))
      .map(([name]) => `${path}: ${name}: ${text.slice(0, 200)}`),
  );
}

it.each([
  ['What the pump works with.', 'What X works with.'],
  ['Creates the pump of a partition.', 'Creates the X.'],
  ['Input of `holdStock`.', 'Input of X.'],
  ['It waits. Of its tries the last one counts.', 'a sentence that opens with "Of"'],
  ['Given to whoever asks.', 'whoever'],
  ['Waits for so many seconds.', 'so many'],
  ['Null when there is none such.', '"such" without a noun'],
  ['One that was stored stays.', '"One that" or "Those that" as a subject'],
])('Prose is refused where it says %j', (text, name) => {
  expect(listRefusedWordings('a.ts', listComments(`/**\n * ${text}\n */`))).toEqual([`a.ts: ${name}: ${text}`]);
  expect(listRefusedWordings('a.ts', listComments(`call(); // ${text}\n`))).toHaveLength(1);
  expect(listRefusedWordings('a.md', listParagraphs(`# Title\n\nBefore.\n\n- ${text}\n`))).toHaveLength(1);
  expect(listRefusedWordings('a.md', listParagraphs(`\`\`\`\n${text}\n\`\`\`\n`))).toEqual([]);
});

it('Prose has a subject and a noun in every comment', () => {
  const sources = readSources('{src,db,bench,chaos,tools,tests}/**/*.{ts,js}');
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.flatMap(({ path, text }) => listRefusedWordings(path, listComments(text)))).toEqual([]);
});

it('Prose has a subject and a noun in every document', () => {
  const documents = readSources('README.md', 'CONTRIBUTING.md', 'docs/*.md');
  expect(documents.length).toBeGreaterThan(8);
  expect(documents.flatMap(({ path, text }) => listRefusedWordings(path, listParagraphs(text)))).toEqual([]);
});

it('A file is named in kebab-case for its role, and no drawer for odds and ends', () => {
  const names = readSources('{src,db,tests,bench,chaos,tools}/**/*.ts').map(({ path }) => basename(path));
  const odd = names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.ts$/.test(name));
  const drawers = names.filter((name) => /^(utils?|helpers?|common|misc|types)\.ts$/.test(name));
  expect([...odd, ...drawers]).toEqual([]);
});

/** A reader can take in this number of files at one look. */
const FILES_PER_FOLDER_MAX = 20;

it('No folder has more than 20 code files; unit tests beside the code do not count', () => {
  const files = globSync('{src,db,bench,chaos,tools,tests}/**/*.{ts,js}', {
    cwd: PROJECT,
    exclude: ['**/node_modules/**'],
  });
  const counted = files.filter((path) => path.startsWith('tests/') || !path.endsWith('.test.ts'));
  const folders = Object.entries(Object.groupBy(counted, (path) => dirname(path)));
  expect(folders.length).toBeGreaterThan(50);
  const crowded = folders.filter(([, held = []]) => held.length > FILES_PER_FOLDER_MAX);
  expect(crowded.map(([folder, held = []]) => `${folder}: ${held.length}`)).toEqual([]);
});

const SCHEMAS = ['orders', 'inventory', 'payments', 'notifications', 'events', 'audit'];
const TABLE = new RegExp(`\\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ON)\\s+"?(${SCHEMAS.join('|')})"?\\.`, 'gi');
const schemasIn = (text: string): string[] => [...new Set([...text.matchAll(TABLE)].map(([, schema = '']) => schema))];

it('SQL of one statement stays within one schema', () => {
  const statements = readSources('db/**/*.ts').flatMap(({ path, text }) =>
    [...text.matchAll(/`[^`]*`/g)].map(([statement]) => ({ path, schemas: schemasIn(statement) })),
  );
  expect(statements.filter(({ schemas }) => schemas.length === 1).length).toBeGreaterThan(15);
  expect(statements.filter(({ schemas }) => schemas.length > 1)).toEqual([]);
});

it('SQL of a migration stays within the schema of its folder, and its file says what it does', () => {
  for (const { path, text } of readSources('db/migrations/*/*.sql')) {
    const [, , service = ''] = path.split('/');
    expect(schemasIn(text), path).toEqual([service]);
    expect(basename(path)).toMatch(/^\d{4}_[a-z]+(_[a-z]+)*\.sql$/);
  }
});

it('SQL outside db/ does not exist', () => {
  const SQL = /\b(SELECT\s+.+\s+FROM|INSERT\s+INTO|UPDATE\s+\w+\.\w+\s+SET|DELETE\s+FROM)\b/;
  const sources = readSources('src/**/*.ts').filter(withoutTests);
  expect(sources.filter(({ text }) => SQL.test(text)).map(({ path }) => path)).toEqual([]);
});

it('The order workflow reads as the sale: it is short, imports little and soon comes to the first step', () => {
  const text = readFileSync(join(PROJECT, 'src/workflows/order-workflow.ts'), 'utf8');
  const imports = [...text.matchAll(/^import (?:type )?\{([^}]*)\} from '\.[^']*';$/gm)];
  const names = imports.flatMap(([, list = '']) => list.split(',').filter((name) => name.trim() !== ''));
  const lines = text.split('\n');
  expect(names.length).toBeGreaterThan(0);
  expect(names.length).toBeLessThanOrEqual(12);
  expect(lines.length).toBeLessThan(150);
  expect(lines.findIndex((line) => line.includes('openOrder('))).toBeLessThan(40);
  for (const undo of [/saga\.undoWith\('hold'.*\n.*holdStock\(/, /saga\.undoWith\('payment'.*\n.*takePayment\(/]) {
    expect(text).toMatch(undo);
  }
});
