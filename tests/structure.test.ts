import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';

// What the linter cannot say of the house (its rules on imports, lengths and `process.env` are in .oxlintrc.json).

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

describe('the workflow bundle', () => {
  const code = readFileSync(inject('workflowBundle'), 'utf8');
  const modules = [...code.matchAll(/^\/\*\*\*\/ "(\.\/[^"]+)"/gm)].map(([, name = '']) => name);

  it('holds workflow code and the domain, and of packages the SDK with what it needs', () => {
    const packages = ['@temporalio/common', '@temporalio/workflow', 'long', 'ms', 'nexus-rpc'];
    const expected = ['src/workflows/', 'src/domain/', ...packages.map((name) => `node_modules/${name}/`)];
    const strangers = modules.filter((name) => !expected.some((start) => name.startsWith(`./${start}`)));

    expect(modules).toContain('./src/workflows/order-workflow.ts');
    expect(modules).toContain('./src/domain/payments/payment.ts');
    expect(strangers).toEqual([]);
  });

  it('requires no module of Node', () => {
    expect(code).not.toMatch(/require\(['"]node:/);
    expect(modules.filter((name) => /zod|drizzle|node:/.test(name))).toEqual([]);
  });
});

describe('the environment', () => {
  it('is not reached around the linter, which knows `process.env` only', () => {
    const around = /\{[^}]*\benv\b[^}]*\}\s*(=\s*process\b|from\s+['"](node:)?process['"])|globalThis\.process/;
    const sources = readSources('{src,db}/**/*.ts').filter(withoutTests);
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(({ text }) => around.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

/** Exports without a docblock. Exports on adjoining lines (a list and its type) share one. */
function listUndocumented(text: string): string[] {
  const lines = text.split('\n');
  const isExport = (line: string): boolean => /^export (?!\{|\*|type \{)/.test(line);
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

describe('an export', () => {
  it.each([
    ['is found without its docblock', 'const a = 1;\n\nexport const b = 2;\n', ['export const b = 2;']],
    ['is found with a mere comment', '// why\nexport function b(): void {}\n', ['export function b(): void {}']],
    ['is covered by its docblock', '/** Why. */\nexport const b = 2;\n', []],
    ['is covered by the one above it', '/** All. */\nexport const ALL = [1];\nexport type One = 1;\n', []],
    ['that hands on another is none', `export { a } from './a.ts';\nexport type { B } from './b.ts';\n`, []],
  ])('%s', (_, text, missing) => {
    expect(listUndocumented(text)).toEqual(missing);
  });

  it('has a docblock in domain, workflows, activities, gateways and db', () => {
    const sources = readSources('src/{domain,workflows,activities,gateways}/**/*.ts', 'db/**/*.ts').filter(
      withoutTests,
    );
    const missing = sources.flatMap(({ path, text }) => listUndocumented(text).map((line) => `${path}: ${line}`));
    expect(sources.length).toBeGreaterThan(30);
    expect(missing).toEqual([]);
  });
});

describe('a file', () => {
  it('is named in kebab-case for its role, and no drawer for odds and ends', () => {
    const names = readSources('{src,db,tests,bench,tools}/**/*.ts').map(({ path }) => basename(path));
    const odd = names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.ts$/.test(name));
    const drawers = names.filter((name) => /^(utils?|helpers?|common|misc|types)\.ts$/.test(name));
    expect([...odd, ...drawers]).toEqual([]);
  });
});

/** What a reader takes in at one look. */
const FILES_PER_FOLDER_MAX = 20;

describe('a folder', () => {
  it('no folder has more than 20 code files; unit tests beside the code do not count', () => {
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
});

describe('SQL', () => {
  const SCHEMAS = ['orders', 'inventory', 'payments', 'notifications', 'events', 'audit'];
  const TABLE = new RegExp(`\\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ON)\\s+"?(${SCHEMAS.join('|')})"?\\.`, 'gi');
  const schemasIn = (text: string): string[] => [
    ...new Set([...text.matchAll(TABLE)].map(([, schema = '']) => schema)),
  ];

  it('of one statement stays within one schema', () => {
    const statements = readSources('db/**/*.ts').flatMap(({ path, text }) =>
      [...text.matchAll(/`[^`]*`/g)].map(([statement]) => ({ path, schemas: schemasIn(statement) })),
    );
    expect(statements.filter(({ schemas }) => schemas.length === 1).length).toBeGreaterThan(15);
    expect(statements.filter(({ schemas }) => schemas.length > 1)).toEqual([]);
  });

  it('of a migration stays within the schema of its folder, and its file says what it does', () => {
    for (const { path, text } of readSources('db/migrations/*/*.sql')) {
      const [, , service = ''] = path.split('/');
      expect(schemasIn(text), path).toEqual([service]);
      expect(basename(path)).toMatch(/^\d{4}_[a-z]+(_[a-z]+)*\.sql$/);
    }
  });

  it('outside db/ does not exist', () => {
    const SQL = /\b(SELECT\s+.+\s+FROM|INSERT\s+INTO|UPDATE\s+\w+\.\w+\s+SET|DELETE\s+FROM)\b/;
    const sources = readSources('src/**/*.ts').filter(withoutTests);
    expect(sources.filter(({ text }) => SQL.test(text)).map(({ path }) => path)).toEqual([]);
  });
});
