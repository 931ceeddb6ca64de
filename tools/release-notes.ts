import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { takeArguments } from '../src/runtime/command-arguments.ts';
import { changelogSection, ReleaseMismatchError } from './changelog-section.ts';

const USAGE = `npm run --silent release:notes -- TAG
  Prints the part of CHANGELOG.md about the version of TAG (v0.1.0), which must be the one in package.json.`;

// Entry of `npm run release:notes`.
const { positionals } = takeArguments(USAGE, { options: {}, positionalsMax: 1 });

const read = (file: string): Promise<string> => readFile(resolve(import.meta.dirname, '..', file), 'utf8');

const { version } = JSON.parse(await read('package.json')) as { version: string };
try {
  const section = changelogSection({ tag: positionals[0] ?? '', version, changelog: await read('CHANGELOG.md') });
  process.stdout.write(section);
} catch (error) {
  if (!(error instanceof ReleaseMismatchError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
