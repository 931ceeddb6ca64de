import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { loadToolFolders } from '../../src/dev/dev-environment.ts';
import { findExecutable } from '../../src/dev/temporal/go-install.ts';

/**
 * Runs buildah with a storage of its own and returns what it prints.
 * @throws {Error} with the end of its output.
 */
export type Buildah = (args: readonly string[]) => Promise<string>;

/** What is missing for a build without Docker. */
class BuildUnavailableError extends Error {
  constructor(missing: string) {
    super(`${missing}: run this as root on Linux, after apt-get install buildah debootstrap`);
    this.name = 'BuildUnavailableError';
  }
}

/** @throws {BuildUnavailableError} */
export function openBuildah(storage: string): Buildah {
  if (process.getuid?.() !== 0) throw new BuildUnavailableError('only root may mount an image');
  const { searchPath } = loadToolFolders(process.env);
  for (const program of ['buildah', 'debootstrap', 'chroot', 'unshare']) {
    if (findExecutable(program, [...searchPath, '/usr/sbin', '/sbin']) === null) {
      throw new BuildUnavailableError(`there is no ${program}`);
    }
  }
  const place = ['--root', `${storage}/images`, '--runroot', `${storage}/run`, '--storage-driver', 'vfs'];
  return async (args) => {
    try {
      const { stdout } = await promisify(execFile)('buildah', [...place, ...args], { maxBuffer: 256_000_000 });
      return stdout;
    } catch (error) {
      const { stderr = '', stdout = '' } = error as { readonly stderr?: string; readonly stdout?: string };
      throw new Error(`buildah ${args[0]} failed:\n${`${stdout}\n${stderr}`.slice(-4_000)}`, { cause: error });
    }
  };
}
