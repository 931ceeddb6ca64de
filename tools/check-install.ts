import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { installProblems, type PackageLock, type PackageManifest } from './install-problems.ts';

// Entry of `npm run check:install`: would a clone install the same as what was tested?

const FOLDER = resolve(import.meta.dirname, '..');

async function read<Content>(file: string): Promise<Content> {
  return JSON.parse(await readFile(resolve(FOLDER, file), 'utf8')) as Content;
}

/** `npm ci` refuses a lockfile that does not fit package.json, and says which packages are missing. */
async function dryRunProblems(): Promise<string[]> {
  const printed = await promisify(execFile)('npm', ['ci', '--dry-run'], { cwd: FOLDER, maxBuffer: 64 * 1024 * 1024 })
    .then(({ stdout, stderr }) => stdout + stderr)
    .catch((error: Error & { stdout?: string; stderr?: string }) =>
      [error.message, error.stdout, error.stderr].join('\n'),
    );
  const lines = printed.split('\n').filter((line) => /^npm error|Command failed|(?:Missing|Invalid): /.test(line));
  return lines.map((line) => `npm ci: ${line}`);
}

const manifests = {
  'package.json': await read<PackageManifest>('package.json'),
  'tools/node-runtime/package.json': await read<PackageManifest>('tools/node-runtime/package.json'),
};
const lock = await read<PackageLock>('package-lock.json');
const problems = [...installProblems(manifests, lock), ...(await dryRunProblems())];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
