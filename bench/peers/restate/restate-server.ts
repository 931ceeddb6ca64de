import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadToolFolders } from '../../../src/dev/dev-environment.ts';

/** The version of the server that the peer is measured with. */
export const RESTATE_VERSION = '1.7.12';

/** Integrity of the npm packages that have the server in them, by platform and architecture. */
const INTEGRITY: Readonly<Record<string, string>> = {
  'darwin-arm64': 'sha512-pHrZMaaeBJxXTgI19WG/aJvxuUDQ2nhSDEEJVseTZQiTEdJ7hboPlhvYacgXIE2iMnLMmWkN5XIlXqosHK8Byg==',
  'darwin-x64': 'sha512-ZRS1kk3S4pzIiup2IRRQ3eHoKJSZ43FG4rDe7UbGFWwZ/Yz0xSDa4/3/kiuwaMHXWs/CsKtJe0shx8JCR0DO1g==',
  'linux-arm64': 'sha512-aV7YxWvPhp88MjQtObGDhDCTwCBa68wwZOAMmJqDreO0auHYuSfOqabEx4I90coZsx3zShNusppbTPKprOa+dw==',
  'linux-x64': 'sha512-URotJ1AIqaSCDkRMl4OrQfTLH+NYuOZb3ZsP7wxxiuAB6pncgPhTUYSvegTF5PTrAShnNyHNpju9kjf2O3QxoA==',
};

/** The archive has about 70 MB. */
const DOWNLOAD_LIMIT_MS = 300_000;

/**
 * Returns the path of the server, which is 216 MB and therefore no dependency of this project: the first call takes it from
 * npm's registry into the cache. Nothing of the package is unpacked before its content is the expected one.
 * @throws {Error} when there is no such package for this machine, no registry, or another content.
 */
export async function installRestateServer(log: (line: string) => void): Promise<string> {
  const machine = `${process.platform}-${process.arch}`;
  const integrity = INTEGRITY[machine];
  if (integrity === undefined) throw new Error(`Restate has no server for ${machine}`);
  const { cacheFolder } = loadToolFolders(process.env);
  const folder = join(cacheFolder, `restate-server-${RESTATE_VERSION}`);
  const program = join(folder, 'package/bin/restate-server');
  if (existsSync(program)) return program;
  log(`Restate server ${RESTATE_VERSION}: taking it from npm's registry, once`);
  await mkdir(cacheFolder, { recursive: true });
  const aside = await mkdtemp(join(cacheFolder, '.download-'));
  try {
    const archive = await packAside(`@restatedev/restate-server-${machine}@${RESTATE_VERSION}`, aside);
    const actual = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (actual !== integrity) throw new Error(`the package is not the expected one: ${actual}, not ${integrity}`);
    await promisify(execFile)('tar', ['-xzf', archive, '-C', aside]);
    await rm(archive);
    await rename(aside, folder);
    return program;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** @returns the path of the package's archive in the folder. */
async function packAside(name: string, folder: string): Promise<string> {
  const options = { cwd: folder, timeout: DOWNLOAD_LIMIT_MS };
  const { stdout } = await promisify(execFile)('npm', ['pack', '--silent', name], options);
  return join(folder, stdout.trim());
}
