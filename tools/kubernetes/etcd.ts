import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadToolFolders } from '../../src/dev/dev-environment.ts';
import { findExecutable, isExecutable } from '../../src/dev/temporal/go-install.ts';

const run = promisify(execFile);

/**
 * The path of an `etcd`: on the PATH, else in the cache, else out of Debian's package `etcd-server`, which is unpacked
 * into the cache and not installed.
 * @throws the error of `apt-get` or `dpkg-deb` where there is none of these.
 */
export async function findEtcd(): Promise<string> {
  const { searchPath, cacheFolder } = loadToolFolders(process.env);
  const onPath = findExecutable('etcd', searchPath);
  if (onPath !== null) return onPath;
  const home = join(cacheFolder, 'etcd-server');
  const program = join(home, 'usr/bin/etcd');
  if (!isExecutable(program)) await unpackPackage('etcd-server', home);
  return program;
}

async function unpackPackage(name: string, into: string): Promise<void> {
  await mkdir(dirname(into), { recursive: true });
  const aside = await mkdtemp(join(dirname(into), '.unpacking-'));
  try {
    await run('apt-get', ['download', name], { cwd: aside });
    const [archive = ''] = await readdir(aside);
    await run('dpkg-deb', ['-x', archive, 'files'], { cwd: aside });
    await rename(join(aside, 'files'), into);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
