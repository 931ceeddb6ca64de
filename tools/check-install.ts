import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { takeArguments } from '../src/runtime/command-arguments.ts';
import { type LicensedLock, licenseProblems } from './license-problems.ts';
import { installProblems, type PackageLock, type PackageManifest } from './install-problems.ts';

const USAGE = `npm run check:install
  Would a clone install the same as what was tested, and may its packages be passed on?`;

// Entry of `npm run check:install`.
takeArguments(USAGE, { options: {} });

const FOLDER = resolve(import.meta.dirname, '..');

async function read<Content>(file: string): Promise<Content> {
  return JSON.parse(await readFile(resolve(FOLDER, file), 'utf8')) as Content;
}

/** A lockfile that fits is checked in seconds; if it does not fit, npm searches for a solution for longer. */
const DRY_RUN_LIMIT_MS = 120_000;

/**
 * `npm ci` refuses a lockfile in which packages are missing. It runs offline, because the packages themselves are not
 * needed.
 */
async function dryRunProblems(): Promise<string[]> {
  const options = { cwd: FOLDER, maxBuffer: 64 * 1024 * 1024, timeout: DRY_RUN_LIMIT_MS };
  const printed = await promisify(execFile)('npm', ['ci', '--dry-run', '--offline'], options)
    .then(({ stdout, stderr }) => stdout + stderr)
    .catch((error: Error & { stdout?: string; stderr?: string }) =>
      [error.message, error.stdout, error.stderr].join('\n'),
    );
  const lines = printed.split('\n').filter((line) => /Command failed|(?:Missing|Invalid): /.test(line));
  return [...new Set(lines)].map((line) => `npm ci: ${line}`);
}

const manifests = {
  'package.json': await read<PackageManifest>('package.json'),
  'tools/node-runtime/package.json': await read<PackageManifest>('tools/node-runtime/package.json'),
};
const lock = await read<PackageLock & LicensedLock>('package-lock.json');
const found = [...installProblems(manifests, lock), ...licenseProblems(lock)];
const problems = found.length > 0 ? found : await dryRunProblems();
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
