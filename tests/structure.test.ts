import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beforeAll, expect, inject, it } from 'vitest';

// Rules about the structure that the linter cannot express (its rules on imports, lengths and `process.env` are in
// .oxlintrc.json), and that its rules on imports refuse the imports that they are meant for.

const PROJECT = join(import.meta.dirname, '..');

interface Source {
  readonly path: string;
  readonly text: string;
}

function readSources(...patterns: string[]): Source[] {
  const paths = globSync(patterns, { cwd: PROJECT, exclude: ['**/node_modules/**'] });
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(PROJECT, path), 'utf8') }));
}

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
  const sources = readSources('{src,db,bench,tools,tests}/**/*.{ts,js}');
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.flatMap(({ path, text }) => listRefusedWordings(path, listComments(text)))).toEqual([]);
});

it('Prose has a subject and a noun in every document', () => {
  const documents = readSources('README.md', 'CONTRIBUTING.md', 'docs/*.md');
  expect(documents.length).toBeGreaterThan(8);
  expect(documents.flatMap(({ path, text }) => listRefusedWordings(path, listParagraphs(text)))).toEqual([]);
});

it('A file is named in kebab-case for its role, and no drawer for odds and ends', () => {
  const names = readSources('{src,db,tests,bench,tools}/**/*.ts').map(({ path }) => basename(path));
  const odd = names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.ts$/.test(name));
  const drawers = names.filter((name) => /^(utils?|helpers?|common|misc|types)\.ts$/.test(name));
  expect([...odd, ...drawers]).toEqual([]);
});

/** A reader can take in this number of files at one look. */
const FILES_PER_FOLDER_MAX = 20;

it('No folder has more than 20 code files; unit tests beside the code do not count', () => {
  const files = globSync('{src,db,bench,tools,tests}/**/*.{ts,js}', {
    cwd: PROJECT,
    exclude: ['**/node_modules/**'],
  });
  const counted = files.filter((path) => path.startsWith('tests/') || !path.endsWith('.test.ts'));
  const folders = Object.entries(Object.groupBy(counted, (path) => dirname(path)));
  expect(folders.length).toBeGreaterThan(50);
  const crowded = folders.filter(([, held = []]) => held.length > FILES_PER_FOLDER_MAX);
  expect(crowded.map(([folder, held = []]) => `${folder}: ${held.length}`)).toEqual([]);
});

/** Words after which a subject is missing: a title that begins with one can only be read below a `describe`. */
const NO_SUBJECT = new Set(
  [
    'am are is was were has have had does do did can cannot could may might must shall should will would',
    'and but or nor that which who whom whose than with without of to into from by for also never always again then',
    'accepts adds allows answers asks becomes begins belongs brings builds carries closes comes decides exits',
    'fails finds follows forgets gets gives goes happens ignores joins judges keeps knows leads leaves lets lists',
    'loses makes needs never notices opens owns passes puts raises reaches rejects releases removes returns says',
    'seals sees sends serves shows sits stays survives takes tells throws wakes wants writes',
  ].flatMap((words) => words.split(' ')),
);

/** Vague words that a plain sentence does without. */
const VAGUE = /\b(?:whoever|whatever it is|so many|such)\b/i;

/** A capital, a digit, a placeholder, a quotation, or a name that is written small: of a file, an option, npm. */
const START = /^(?:[A-Z0-9%$`"'.-]|npm\b|[\w/-]+\.\w+\b|\w+\/)/;

/** Why a title is no sentence that can be read alone, as far as a machine can tell; null if nothing is wrong. */
function faultOfTitle(title: string): string | null {
  const words = title.split(/\s+/);
  if (!START.test(title)) return 'begins small';
  if (NO_SUBJECT.has((words[0] ?? '').toLowerCase())) return 'begins without a subject';
  if (words.length < 3) return 'is too short to hold a subject, a verb and what is said';
  return VAGUE.test(title) ? 'is vague' : null;
}

/** The titles of a file's tests, as the formatter leaves them. */
function titlesIn(text: string): string[] {
  const title = /(?:\bit|\))\(\s*(['"`])((?:\\.|(?!\1).)*)\1,\s*(?:\{[^}]*\},\s*)?(?:async )?\(/g;
  return [...text.matchAll(title)].map(([, , words = '']) => words);
}

it.each([
  ['is refused when it is empty', 'begins small'],
  ['Is refused when it is empty', 'begins without a subject'],
  ['That is late is refused', 'begins without a subject'],
  ['Keeps its price', 'begins without a subject'],
  ['A refusal', 'is too short to hold a subject, a verb and what is said'],
  ['An order waits for whoever decides', 'is vague'],
  ['A cancelled order releases its stock', null],
  ['%s names only files that exist', null],
  ['docs/events.md shows an event', null],
])('The judge of titles says of "%s": %s', (title, fault) => {
  expect(faultOfTitle(title)).toBe(fault);
});

it('The title of every test is a sentence that can be read alone', () => {
  const sources = readSources('{src,db,bench,tools,tests}/**/*.test.ts').filter(
    ({ path }) => path !== 'tests/structure.test.ts',
  );
  expect(sources.length).toBeGreaterThan(150);
  const unread = sources.filter(({ text }) => titlesIn(text).length !== [...text.matchAll(/^\s*it[.(]/gm)].length);
  expect(unread.map(({ path }) => path)).toEqual([]);
  const faults = sources.flatMap(({ path, text }) =>
    titlesIn(text).flatMap((title) => {
      const fault = faultOfTitle(title);
      return fault === null ? [] : [`${path}: "${title}" ${fault}`];
    }),
  );
  expect(faults).toEqual([]);
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

/** A line of a file that exists only for the linter. */
interface PlantedImport {
  /** A folder, or one of its files. */
  readonly from: string;
  readonly line: string;
}

function pathOf({ from }: PlantedImport): string {
  return from.endsWith('.ts') ? from : `${from}planted.ts`;
}

/** The lines whose imports the linter refuses. */
function listRefused(planted: readonly PlantedImport[]): Set<PlantedImport> {
  const house = mkdtempSync(join(tmpdir(), 'planted-imports-'));
  try {
    const config = readFileSync(join(PROJECT, '.oxlintrc.json'), 'utf8');
    // Types need the whole project; the imports of a file are read from its text.
    writeFileSync(join(house, '.oxlintrc.json'), config.replace('"typeAware": true', '"typeAware": false'));
    const files = Map.groupBy(planted, pathOf);
    for (const [path, imports] of files) {
      mkdirSync(join(house, dirname(path)), { recursive: true });
      writeFileSync(join(house, path), imports.map(({ line }) => `${line}\n`).join(''));
    }
    const linter = join(PROJECT, 'node_modules/.bin/oxlint');
    const { stdout } = spawnSync(linter, ['--format', 'json'], { cwd: house, encoding: 'utf8' });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
    const refusals = diagnostics.filter(({ code }) => code === 'eslint(no-restricted-imports)');
    const lines = refusals.flatMap(
      ({ filename, labels }) => files.get(filename)?.[(labels[0]?.span.line ?? 0) - 1] ?? [],
    );
    return new Set(lines);
  } finally {
    rmSync(house, { recursive: true, force: true });
  }
}

/** The part of the linter's report that is used here. */
interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

/** A folder, or one of its files, and the values that it must not import. */
const FORBIDDEN: readonly (readonly [from: string, ...to: string[]])[] = [
  ['src/domain/', '../runtime/logger.ts', '../events/ports.ts', '../../db/client.ts', 'zod', '@temporalio/common'],
  ['src/domain/payments/', '../../runtime/logger.ts', '../../gateways/payment-gateway.ts', '../../../db/client.ts'],
  [
    'src/runtime/',
    '../config.ts',
    '../domain/order.ts',
    '../workflows/contract.ts',
    '../../db/client.ts',
    '@temporalio/client',
  ],
  [
    'src/events/',
    '../config.ts',
    '../activities/index.ts',
    '../gateways/alert-gateway.ts',
    '../../db/client.ts',
    'node:fs',
  ],
  ['src/events/types/', '../../activities/index.ts', '../../runtime/logger.ts', '../../../db/client.ts'],
  [
    'src/gateways/',
    '../config.ts',
    '../runtime/logger.ts',
    '../events/ports.ts',
    '../../db/client.ts',
    '@temporalio/common',
  ],
  ['src/gateways/stripe/', '../../runtime/logger.ts', '../../api/app.ts', '../../../db/client.ts'],
  ['src/simulator/', '../domain/order.ts', '../runtime/logger.ts', '../../db/client.ts', '@temporalio/client'],
  ['src/settings/', '../config.ts', '../api/app.ts', '../temporal/calls.ts', '../../db/client.ts'],
  ['src/workflows/', '../runtime/logger.ts', '../temporal/calls.ts', '../../db/client.ts', 'node:crypto'],
  [
    'src/workflows/',
    '../config.ts',
    '../worker.ts',
    '../activities/index.ts',
    '../gateways/payment-gateway.ts',
    '@temporalio/client',
  ],
  [
    'src/workflows/order/',
    '../settle-workflow.ts',
    '../../activities/index.ts',
    '../../temporal/calls.ts',
    '../../../db/client.ts',
  ],
  [
    'src/workflows/steps/',
    '../order/fast-path.ts',
    '../order-workflow.ts',
    '../../activities/index.ts',
    '../../runtime/logger.ts',
    '../../../db/client.ts',
  ],
  ['src/activities/', '../temporal/calls.ts', '../api/app.ts', '../../db/client.ts', '@temporalio/client'],
  ['src/activities/', '../workflows/contract.ts', '../composition/workers.ts', '../config.ts'],
  ['src/activities/payments/', '../index.ts', '../webhooks/webhook-publisher.ts', '../../workflows/contract.ts'],
  ['src/activities/payments/', '../../temporal/calls.ts', '../../workflows/order-workflow.ts', '../../../db/client.ts'],
  ['src/activities/webhooks/webhook-publisher.ts', '../../temporal/workflow-starts.ts', '@temporalio/client'],
  ['src/temporal/', '../api/app.ts', '../api/http/problem.ts', '../composition/workers.ts', '../config.ts'],
  ['src/temporal/', '../cli/repair.ts', '../gateways/payment-gateway.ts', '../../db/client.ts', 'pg'],
  ['src/audit/invariants/', '../../temporal/calls.ts', '../../config.ts', '../../../db/client.ts'],
  ['src/audit/', '../api/app.ts', '../config.ts', '../cli/repair.ts', '@temporalio/client'],
  ['src/api/', '../composition/api.ts', '../config.ts', '../activities/index.ts', '@temporalio/client'],
  ['src/api/http/', '../app.ts', '../orders/order-reader.ts', '../access/auth.ts', '../../composition/api.ts'],
  ['src/api/access/', '../app.ts', '../orders/order-reader.ts', '../../config.ts', '../../../db/client.ts'],
  ['src/api/orders/', '../app.ts', '../cases/case-routes.ts', '../../activities/index.ts', '@temporalio/client'],
  [
    'src/api/orders/',
    '../../workflows/order-workflow.ts',
    '../../gateways/payment-gateway.ts',
    '../../../db/client.ts',
  ],
  ['src/api/orders/insight/', '../../app.ts', '../../cases/case-routes.ts', '../../../activities/index.ts'],
  ['src/api/console/', '../app.ts', '../orders/order-reader.ts', '../../config.ts', '@temporalio/worker'],
  ['src/composition/process.ts', '@temporalio/client', 'pg'],
  ['src/cli/', '../api/app.ts', '../api/orders/order-reader.ts', '../config.ts', '../simulator/app.ts'],
  ['src/cli/', '@temporalio/client', '../composition/api.ts', '../workflows/order-workflow.ts'],
  ['src/dev/', '../activities/index.ts', '../composition/api.ts', '../cli/repair.ts', '../../db/client.ts'],
  ['src/dev/demo/', '../../api/app.ts', '../../config.ts', '../../simulator/app.ts', '@temporalio/client'],
  ['src/composition/', '../config.ts', '../simulator/app.ts', '@temporalio/client', '@temporalio/worker', 'pg'],
  ['src/combined.ts', '@temporalio/client', '@temporalio/worker', 'drizzle-orm'],
  ['db/', '../src/events/ports.ts', '../src/runtime/logger.ts', '../src/workflows/contract.ts', '@temporalio/client'],
  ['db/repositories/orders/', '../../../src/runtime/logger.ts', '../../../src/temporal/calls.ts'],
  ['tests/', 'pg', 'drizzle-orm/node-postgres'],
];

/** Imports that the rules allow: types where values are refused, and the neighbors that a folder is meant to use. */
const ALLOWED: readonly (readonly [from: string, line: string])[] = [
  ['src/api/orders/', "import type { Client } from '@temporalio/client';"],
  ['src/composition/', "import type { Config } from '../config.ts';"],
  ['src/cli/', "import type { Config } from '../config.ts';"],
  ['src/cli/', "import { orderView } from '../api/orders/order-schemas.ts';"],
  ['src/workflows/', "import type { Activities } from '../activities/index.ts';"],
  ['src/temporal/', "import { Client } from '@temporalio/client';"],
  ['src/api/orders/', "import { recordAction } from '../operator-log.ts';"],
  ['src/api/orders/', "import { createStore } from '../../../db/repositories/orders/order-repository.ts';"],
  [
    'src/activities/payments/',
    "import { createBooks } from '../../../db/repositories/payments/payment-repository.ts';",
  ],
  ['tests/', "import { Client } from '@temporalio/client';"],
];

const FORBIDDEN_IMPORTS = FORBIDDEN.flatMap(([from, ...targets]) => targets.map((target) => ({ from, target }))).map(
  (planted, index) => ({ ...planted, line: `import { x as x${index} } from '${planted.target}';` }),
);
const ALLOWED_IMPORTS = ALLOWED.map(([from, line]) => ({ from, line }));
let refused: Set<PlantedImport>;
beforeAll(() => {
  refused = listRefused([...FORBIDDEN_IMPORTS, ...ALLOWED_IMPORTS]);
});

it.each(FORBIDDEN_IMPORTS)('An import of $target is refused in $from', (planted) => {
  expect(refused.has(planted)).toBe(true);
});

it.each(ALLOWED_IMPORTS)('An import is allowed in $from: $line', (planted) => {
  expect(refused.has(planted)).toBe(false);
});
