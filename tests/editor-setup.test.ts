import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { loadDevEnvironment } from '../src/dev/dev-environment.ts';

// Files that only editors and dev containers read: nothing else in the project would notice a mistake in them.

const inProject = (path: string): string => join(PROJECT_FOLDER, path);
const read = (path: string): string => readFileSync(inProject(path), 'utf8');
const readJson = (path: string): unknown => JSON.parse(read(path));

const readme = read('README.md');

const container = readJson('.devcontainer/devcontainer.json') as {
  readonly image: string;
  readonly features: Readonly<Record<string, { readonly version: string }>>;
  readonly postCreateCommand: string;
  readonly forwardPorts: readonly number[];
  readonly portsAttributes: Readonly<Record<string, unknown>>;
  readonly customizations: { readonly vscode: { readonly extensions: readonly string[] } };
};

it("The dev container prepares what README's two commands begin with", () => {
  const [, block = ''] = /^## Start\n\n```\n([^]*?)```/m.exec(readme) ?? [];
  const commands = block.split('\n').flatMap((line) => line.split('#', 1)[0]?.trim() || []);
  expect(commands).toEqual([
    `${container.postCreateCommand} && npm start`,
    `${container.postCreateCommand} && npm test`,
  ]);
});

it('The dev container has the Node of the project and the Debian of its image, by a full version', () => {
  const [, version, node, debian] = /:(\d+\.\d+\.\d+)-(\d+)-(\w+)$/.exec(container.image) ?? [];
  expect(version).toBeDefined();
  expect(node).toBe(read('.nvmrc').trim());
  expect(read('Dockerfile')).toContain(`FROM node:${node}-${debian}-slim`);
});

it('The dev container has the Go that README asks for, and features by a full version', () => {
  const [, wanted] = /\bGo (\d+\.\d+)/.exec(readme) ?? [];
  expect(wanted).toBeDefined();
  const features = Object.entries(container.features);
  expect(features.filter(([name, { version }]) => !isFull(name.split(':')[1]) || !isFull(version))).toEqual([]);
  const go = features.find(([name]) => name.includes('/features/go:'));
  expect(go?.[1].version).toMatch(new RegExp(`^${wanted}\\.`));
});

it('The dev container forwards the ports that a person opens: API, Web UI and inbox', () => {
  const { api, temporalUi, inbox } = loadDevEnvironment({}).ports;
  expect(container.forwardPorts).toEqual([api, temporalUi, inbox]);
  expect(Object.keys(container.portsAttributes).toSorted()).toEqual(container.forwardPorts.map(String).toSorted());
});

it('The dev container brings the extensions that the workspace recommends', () => {
  const { recommendations } = readJson('.vscode/extensions.json') as { recommendations: string[] };
  expect(container.customizations.vscode.extensions).toEqual(recommendations);
});

function isFull(version: string | undefined): boolean {
  return /^\d+\.\d+\.\d+$/.test(version ?? '');
}

const settings = readJson('.vscode/settings.json') as Readonly<Record<string, unknown>>;
const { recommendations } = readJson('.vscode/extensions.json') as { recommendations: string[] };

it('The settings of VS Code format by an extension that is recommended', () => {
  const formatters = [settings, ...Object.values(settings)].flatMap((value) =>
    typeof value === 'object' && value !== null && 'editor.defaultFormatter' in value
      ? [value['editor.defaultFormatter']]
      : [],
  );
  expect(formatters.length).toBeGreaterThan(1);
  expect(formatters.filter((formatter) => !recommendations.includes(String(formatter)))).toEqual([]);
});

const [, everywhere = '', ...exceptions] = read('.editorconfig').split(/^\[.+\]$/m);

it('.editorconfig agrees with the formatter about width', () => {
  const { printWidth } = readJson('.oxfmtrc.json') as { printWidth: number };
  expect(everywhere).toContain(`max_line_length = ${printWidth}\n`);
  expect(exceptions.join('')).not.toContain('max_line_length');
});

it('Every file that a person writes keeps to .editorconfig', () => {
  const made = ['**/node_modules/**', '.data/**', 'dist/**', 'db/migrations/**', 'tests/replay/histories/**'];
  const patterns = ['*', '{.devcontainer,.github,.vscode,bench,chaos,db,docs,ops,src,tests,tools}/**/*'].map(
    (path) => `${path}.{css,html,js,json,md,sh,ts,yaml,yml}`,
  );
  const files = globSync(patterns, { cwd: PROJECT_FOLDER, exclude: made });
  expect(files.length).toBeGreaterThan(500);
  expect(files.filter((path) => !keepsToEditorconfig(read(path)))).toEqual([]);
});

/** Line feeds, no tabs for indentation, no trailing blanks, and a newline at the end of the file. */
function keepsToEditorconfig(text: string): boolean {
  return text.endsWith('\n') && !/\r|^\t|[ \t]$/m.test(text);
}
