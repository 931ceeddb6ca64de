import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

// Files that only GitHub reads: it ignores a line that it does not understand, or shows no form at all.

const inProject = (path: string): string => join(PROJECT_FOLDER, path);
const read = (path: string): string => readFileSync(inProject(path), 'utf8');

const rules = read('.github/CODEOWNERS')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(/\s+/));

it('Every file has an owner, and every pattern of CODEOWNERS a file', () => {
  expect(rules[0]?.[0]).toBe('*');
  const paths = rules.slice(1).map(([pattern = '']) => pattern);
  expect(paths.length).toBeGreaterThan(0);
  expect(paths.filter((path) => !path.startsWith('/') || !existsSync(inProject(path.slice(1))))).toEqual([]);
});

it('Every line of CODEOWNERS names teams or persons', () => {
  const nameless = rules.filter(([, ...owners]) => owners.length === 0 || owners.some((owner) => !isOwner(owner)));
  expect(nameless).toEqual([]);
});

function isOwner(word: string): boolean {
  return /^@[\w-]+(?:\/[\w-]+)?$/.test(word);
}

interface FormField {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string; readonly options?: readonly string[] };
}

const forms = globSync('.github/ISSUE_TEMPLATE/*.yml', { cwd: PROJECT_FOLDER }).filter(
  (path) => !path.endsWith('/config.yml'),
);

it('There are issue forms for bugs and for features', () => {
  expect(forms.toSorted()).toEqual(['.github/ISSUE_TEMPLATE/bug.yml', '.github/ISSUE_TEMPLATE/feature.yml']);
});

it.each(forms)('%s is an issue form that GitHub accepts', (path) => {
  const form = parse(read(path)) as { name?: string; description?: string; body: readonly FormField[] };
  expect(form.name).toMatch(/\S/);
  expect(form.description).toMatch(/\S/);
  const asked = form.body.filter(({ type }) => type !== 'markdown');
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter(({ id, attributes }) => !/^[\w-]+$/.test(id ?? '') || !attributes.label)).toEqual([]);
  expect(new Set(asked.map(({ id }) => id)).size).toBe(asked.length);
  expect(form.body.filter((field) => !isFilledIn(field))).toEqual([]);
});

it.each([...forms, '.github/workflows/ci.yml', '.github/workflows/release.yml'])(
  '%s names only scripts and documents that exist',
  (path) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(path).matchAll(/\bnpm run (?:--silent )?([\w:-]+)|\bnpm (start|test)\b/g)].map(
      ([, script, short]) => script ?? short ?? '',
    );
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
    const documents = read(path).match(/\b[A-Z]+\.md\b/g) ?? [];
    expect(documents.filter((document) => !existsSync(inProject(document)))).toEqual([]);
  },
);

function isFilledIn({ type, attributes }: FormField): boolean {
  if (type === 'markdown') return Boolean(attributes.value);
  if (type === 'dropdown') return (attributes.options ?? []).length > 1;
  return type === 'textarea' || type === 'input';
}

interface Job {
  readonly uses?: string;
  readonly needs?: string | readonly string[];
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
}

interface ActionsWorkflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const actionsWorkflows = globSync('.github/workflows/*.yml', { cwd: PROJECT_FOLDER }).toSorted();

function readWorkflow(path: string): ActionsWorkflow {
  return parse(read(path)) as ActionsWorkflow;
}

it('A pull request and a release pass .ci/run', () => {
  expect(actionsWorkflows).toEqual(['.github/workflows/ci.yml', '.github/workflows/release.yml']);
  const { test } = readWorkflow('.github/workflows/ci.yml').jobs;
  expect(test?.steps?.map(({ run }) => run)).toContain('bash .ci/run');
  const { jobs } = readWorkflow('.github/workflows/release.yml');
  expect(jobs['test']?.uses).toBe('./.github/workflows/ci.yml');
  expect(jobs['image']?.needs).toContain('test');
  expect(jobs['release']?.needs).toBe('image');
});

it.each(actionsWorkflows)('%s may only read unless a job says otherwise, and its actions have versions', (path) => {
  const { permissions, jobs } = readWorkflow(path);
  expect(permissions).toEqual({ contents: 'read' });
  const uses = Object.values(jobs).flatMap((job) => job.steps?.flatMap((step) => step.uses ?? []) ?? []);
  expect(uses.length).toBeGreaterThan(0);
  expect(uses.filter((action) => !/^[\w/-]+@(?:v\d+|[0-9a-f]{40})$/.test(action))).toEqual([]);
});

it('Each group of renovate.json matches packages of the project', () => {
  const { packageRules } = JSON.parse(read('renovate.json')) as {
    packageRules: readonly { readonly groupName: string; readonly matchPackageNames: readonly string[] }[];
  };
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, unknown>> };
  const names = Object.keys(packages).map((folder) => folder.replace(/^.*node_modules\//, ''));
  const isKnown = (pattern: string): boolean => {
    const scope = pattern.replace(/\*\*$/, '');
    return pattern === 'node' || names.some((name) => (scope === pattern ? name === pattern : name.startsWith(scope)));
  };
  for (const { groupName, matchPackageNames } of packageRules) {
    expect(
      matchPackageNames.filter((pattern) => !isKnown(pattern)),
      groupName,
    ).toEqual([]);
  }
});
